"""kuka_bridge between a simulated KRC4 on real sockets and a client that commands."""

import contextlib

import numpy as np
from bridge_rig import running
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rclpy.duration import Duration
from sensor_msgs.msg import JointState
from waiting import until

from der_ros.drivers.kuka.krc4 import SimulatedKrc4
from der_ros.drivers.kuka.krc4_records import ControllerState, SimulatedKrc4Config
from der_ros.drivers.kuka.plant import KinematicPlant
from der_ros.nodes.kuka_bridge.node import KukaBridge

LOCAL = {"robot_ip": "127.0.0.1", "rsi_port": 0, "realtime_priority": 0}


class Bench:
    """A bridge, its robot, and a client that commands and applies forces."""

    def __init__(self, node, client, krc4, plant):
        self.node, self.client, self.krc4, self.plant = node, client, krc4, plant
        self.command = {"x": 0.0, "frame": "task_frame", "stamp_s": 0.0}
        self.force_z = 0.0
        self.feeling = True
        client.listen(PoseStamped, "kuka/tcp_pose")
        client.listen(TwistStamped, "kuka/twist_applied")
        client.listen(JointState, "kuka/joint_states")
        client.listen(DiagnosticArray, "/diagnostics")
        self.commands = client.create_publisher(TwistStamped, "kuka/delta_twist_cmds", 1)
        self.wrenches = client.create_publisher(WrenchStamped, "netft_data", 100)
        client.create_timer(0.02, self.tick)

    def tick(self):
        if self.feeling:
            self.wrenches.publish(self.wrench())
        command = self.command  # the test's thread may change it meanwhile
        if command is not None:
            message = TwistStamped()
            stamp = self.client.get_clock().now() + Duration(seconds=command["stamp_s"])
            message.header.stamp = stamp.to_msg()
            message.header.frame_id = command["frame"]
            message.twist.linear.x = command["x"]
            self.commands.publish(message)

    def wrench(self):
        message = WrenchStamped()
        message.wrench.force.z = self.force_z
        return message

    @property
    def x(self):
        return self.krc4.tcp_pose.position[0]

    def moves(self):
        start = self.x
        return until(lambda: abs(self.x - start) > 5e-4)

    def rests(self, cycles=20):
        """Wait for rest; return True if the robot stays at rest for some answered cycles."""
        if not until(lambda: not self.applied()):
            return False
        start, first = self.x, self.krc4.statistics
        until(lambda: self.krc4.statistics.cycles >= first.cycles + cycles)
        return abs(self.x - start) < 1e-6 and self.krc4.state is ControllerState.RUNNING

    def applied(self):
        message = self.client.last.get("kuka/twist_applied")
        return message is not None and message.twist.linear.x

    def say(self, **command):
        self.command = {"x": 0.0, "frame": "task_frame", "stamp_s": 0.0, **command}

    def message(self):
        status = self.diagnostics().get("kuka_bridge: robot")
        return "" if status is None else status.message

    def freed(self):
        """Request a reset; return True if there is no fault afterwards."""
        self.client.trigger("kuka_bridge/reset_fault")
        return self.node._motion.fault is None

    def diagnostics(self):
        message = self.client.last.get("/diagnostics")
        return {} if message is None else {status.name: status for status in message.status}


@contextlib.contextmanager
def bench(**parameters):
    plant = KinematicPlant()
    tcp = plant.advance(np.zeros(3), np.zeros(3), 0.012).tcp_pose
    task = [*tcp.position.tolist(), 0.0, 0.0, 0.0, 1.0]
    parameters = {**LOCAL, "task_frame": task, **parameters}
    with running(KukaBridge, **parameters) as (node, client):
        config = SimulatedKrc4Config(pc_port=node.link.port, realtime_priority=0)
        with SimulatedKrc4(config, plant) as krc4:
            it = Bench(node, client, krc4, plant)
            assert until(lambda: krc4.state is ControllerState.RUNNING)
            assert until(lambda: client.count.get("kuka/tcp_pose", 0) > 30)
            yield it
