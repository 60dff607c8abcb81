"""A simulated arm under ros2_control for kuka_bridge, without physics."""

import contextlib
import json
import time

import numpy as np
from bridge_rig import running
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rclpy.duration import Duration
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, String
from waiting import until

from der_ros.drivers.arm.links import renamed
from der_ros.nodes.kuka_bridge.node import KukaBridge
from der_ros.nodes.shared.qos import LATCHED
from der_ros.sim.arm_urdf import arm_urdf
from der_ros.sim.iiwa import IIWA

NAMES = [f"lbr_A{number}" for number in range(1, 8)]
URDF = renamed(arm_urdf(IIWA), "lbr_link_0", NAMES, "lbr_link_ee")
COMMANDS = "forward_position_controller/commands"
TASK = IIWA.base_from_task
# Joint order of the commands, different from the chain's, as a controller's file may have it.
SHUFFLED = [NAMES[i] for i in (6, 0, 5, 1, 4, 2, 3)]
POSTURE = dict(zip(NAMES, IIWA.postures_rad[0], strict=True))


class ArmBench:
    """A bridge, an arm, and a client that commands."""

    def __init__(self, node, client):
        self.node, self.client = node, client
        self.joints = dict(POSTURE)
        self.order = list(reversed(NAMES))
        self.telling = self.following = True
        self.stamp_s = 0.0
        self.x = None
        self.commands = []
        self.commanded_s = 0.0
        client.listen(PoseStamped, "kuka/tcp_pose")
        client.listen(JointState, "kuka/joint_states")
        client.listen(TwistStamped, "kuka/twist_applied")
        client.listen(DiagnosticArray, "/diagnostics")
        self.twists = client.create_publisher(TwistStamped, "kuka/delta_twist_cmds", 1)
        self.wrenches = client.create_publisher(WrenchStamped, "netft_data", 10)
        self.states = client.create_publisher(JointState, "joint_states", 10)
        self.description = client.create_publisher(String, "robot_description", LATCHED)
        self.controller = None
        self.active = True
        client.create_timer(0.01, self.tick)

    def switch_controller(self):
        """Start or stop the controller as ``active`` says; runs in the executor's thread."""
        if self.active and self.controller is None:
            self.controller = self.client.create_subscription(
                Float64MultiArray, COMMANDS, self.on_command, 10
            )
        elif not self.active and self.controller is not None:
            self.client.destroy_subscription(self.controller)
            self.controller = None

    def describe(self, urdf=URDF):
        self.description.publish(String(data=urdf))

    def on_command(self, message):
        self.commanded_s = time.monotonic()
        self.commands.append(dict(zip(SHUFFLED, message.data, strict=True)))
        if self.following:
            self.joints = self.commands[-1]

    def tick(self):
        self.switch_controller()
        now = self.client.get_clock().now()
        self.wrenches.publish(WrenchStamped())
        if self.telling:
            self.states.publish(self.state(self.joints, now + Duration(seconds=self.stamp_s)))
            # A gripper publishes its own joints on the same topic.
            self.states.publish(JointState(name=["finger"], position=[0.0]))
        if self.x is not None:
            message = TwistStamped()
            message.header.stamp = now.to_msg()
            message.header.frame_id = "task_frame"
            message.twist.linear.x = self.x
            self.twists.publish(message)

    def state(self, joints, stamp):
        names = [name for name in self.order if name in joints]
        message = JointState(name=names, position=[joints[name] for name in names])
        message.header.stamp = stamp.to_msg()
        return message

    @property
    def fault(self):
        return self.node._motion.fault or ""

    @property
    def tool_x(self):
        """Return the x position of the tool in the task frame, m."""
        p = self.client.last["kuka/tcp_pose"].pose.position
        return float((TASK.rotation.T @ (np.array((p.x, p.y, p.z)) - TASK.position))[0])

    def connected(self):
        seen = self.client.count.get("kuka/tcp_pose", 0)
        return until(
            lambda: self.node.link.connected and self.client.count.get("kuka/tcp_pose", 0) > seen
        )

    def moves(self):
        start = self.tool_x
        return until(lambda: abs(self.tool_x - start) > 1e-3)

    def rests(self):
        """Wait until the applied twist is zero and stays zero."""
        count = self.client.count["kuka/twist_applied"]
        if not until(lambda: not self.applied()):
            return False
        until(lambda: self.client.count["kuka/twist_applied"] > count + 30, 1.0)
        return not self.applied()

    def is_left_alone(self):
        """Wait until no command has come for half a second."""
        return until(lambda: time.monotonic() - self.commanded_s > 0.5)

    def applied(self):
        return self.client.last["kuka/twist_applied"].twist.linear.x

    def figures(self):
        message = self.client.last.get("/diagnostics")
        for status in [] if message is None else message.status:
            if status.name == "kuka_bridge: robot":
                return {pair.key: pair.value for pair in status.values}
        return {}

    def reset(self):
        self.client.trigger("kuka_bridge/reset_fault")
        return until(lambda: not self.fault)


@contextlib.contextmanager
def arm_bench(described=True, **parameters):
    given = {**parameters_of_the_arm(), **parameters}
    with running(KukaBridge, **given) as (node, client):
        bench = ArmBench(node, client)
        if described:
            bench.describe()
            assert bench.connected()
        yield bench


def parameters_of_the_arm():
    """Return the parameters of a bridge to this arm."""
    return {
        "robot": "ros2_control",
        "simulated_robot": "true",
        "realtime_priority": 0,
        "joint_names": json.dumps(SHUFFLED),
        "task_frame": [*TASK.position.tolist(), *TASK.quaternion.tolist()],
        "flange_from_tcp": [
            *IIWA.flange_from_tcp.position.tolist(),
            *IIWA.flange_from_tcp.quaternion.tolist(),
        ],
        "workspace_max_m": [0.3, 0.3, 0.3],
        "workspace_min_m": [-0.3, -0.3, -0.3],
    }
