"""Support for tests of policy_server and bag_recorder: executor, test node, policies."""

import contextlib

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from onnx import helper
from policy_files import weight, write_graph
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.duration import Duration
from rclpy.node import Node
from waiting import until

from der_ros.nodes.shared.node_process import spinning
from der_ros.policy.contract import PolicyContract

DT = 0.02
# The tests' node stands for every node that is not started.
RIGHTFUL = {"rightful_sources": "['* test']"}


def write_policy(path, *, gain=0.05, task="lap_joint", dt=DT, governor=None, history=()):
    """Write a policy: tanh(gain * observation[:6]), or NaN if an observation entry is 7.0.

    With a history, earlier observations have the same weight as the newest.
    """
    size = 13 * (1 + len(history))
    gains = np.tile(gain * np.eye(13, 6, dtype=np.float32), (1 + len(history), 1))
    weights = [weight(gains), weight(np.full(size, 7.0), "seven")]
    nodes = [
        helper.make_node("Sub", ["observation", "seven"], ["d"]),
        helper.make_node("Div", ["d", "d"], ["one"]),
        helper.make_node("Mul", ["observation", "one"], ["x"]),
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Tanh", ["h"], ["action"]),
    ]
    limits = (0.05, 0.05, 0.05, 0.1, 0.1, 0.1)
    contract = PolicyContract(task, limits, dt, governor=governor, history=history)
    return write_graph(path, nodes, weights, contract.to_metadata(), width=size)


@contextlib.contextmanager
def running(factory, **parameters):
    """Run a node with these parameters in an executor's thread; yield it and a test node."""
    parameters = {**RIGHTFUL, **parameters}
    arguments = [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    rclpy.init(args=["--ros-args", *arguments])
    nodes = []
    try:
        nodes.append(factory())
        nodes.append(Node("test", use_global_arguments=False))
        with spinning(*nodes):
            yield nodes
            nodes[0].close()
    finally:
        for node in nodes:
            node.destroy_node()
        rclpy.try_shutdown()


class Cell:
    """Publishes pose and wrench at 100 Hz, unless they are None, and records the twists."""

    def __init__(self, node):
        self.pose, self.wrench, self.frame = [0.1, 0.2, 0.3, 0, 0, 0, 1], [0.0] * 6, "base_link"
        self.wrench_late_s = 0.0
        self.twists = []
        self._node = node
        self._poses = node.create_publisher(PoseStamped, "kuka/tcp_pose", 10)
        self._wrenches = node.create_publisher(WrenchStamped, "netft_data", 100)
        node.create_subscription(
            TwistStamped, "kuka/delta_twist_cmds", lambda m: self.twists.append(m), 10
        )
        node.create_timer(0.01, self.publish)

    def publish(self):
        pose, wrench = self.pose, self.wrench
        if pose is not None:
            message = PoseStamped()
            message.header.stamp = self._node.get_clock().now().to_msg()
            message.header.frame_id = self.frame
            p, q = message.pose.position, message.pose.orientation
            p.x, p.y, p.z, q.x, q.y, q.z, q.w = map(float, pose)
            self._poses.publish(message)
        if wrench is not None:
            message = WrenchStamped()
            taken = self._node.get_clock().now() - Duration(seconds=self.wrench_late_s)
            message.header.stamp = taken.to_msg()
            f, t = message.wrench.force, message.wrench.torque
            f.x, f.y, f.z, t.x, t.y, t.z = map(float, wrench)
            self._wrenches.publish(message)


def call(node, kind, name, request):
    """Call a service once and return the response."""
    client = node.create_client(kind, name)
    assert client.wait_for_service(10.0), name
    future = client.call_async(request)
    assert until(future.done), name
    node.destroy_client(client)
    return future.result()


def change_state(node, name):
    """Request a lifecycle transition of policy_server; return True if it succeeded."""
    request = ChangeState.Request()
    request.transition.id = getattr(Transition, f"TRANSITION_{name.upper()}")
    return call(node, ChangeState, "policy_server/change_state", request).success


def set_policy(test, path):
    value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=str(path))
    request = SetParameters.Request(parameters=[Parameter(name="policy", value=value)])
    return call(test, SetParameters, "policy_server/set_parameters", request).results[0]
