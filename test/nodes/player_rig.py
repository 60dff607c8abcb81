"""A node that publishes an earlier run beside a running stack, as a played bag does."""

import contextlib

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rclpy.node import Node
from std_msgs.msg import Bool, Empty

from der_ros.geometry import Pose, Twist, Wrench
from der_ros.nodes.shared.conversions import pose_to_message, twist_to_message, wrench_to_message
from der_ros.nodes.shared.node_process import spinning
from der_ros.nodes.shared.qos import LATCHED

NAME = "rosbag2_player"


class Player(Node):
    """Publishes pose, wrench, readiness, commands, the lease and diagnostics at 100 Hz."""

    def __init__(self, *topics, name=NAME):
        super().__init__(name, use_global_arguments=False)
        told = {
            "kuka/tcp_pose": (PoseStamped, 10, self._pose),
            "netft_data": (WrenchStamped, 10, self._wrench),
            "netft_ready": (Bool, LATCHED, lambda: Bool(data=True)),
            "kuka/delta_twist_cmds": (TwistStamped, 10, self._twist),
            "policy_server/watched": (Empty, 1, Empty),
            "/diagnostics": (DiagnosticArray, 10, self._health),
        }
        self._told = [
            (self.create_publisher(kind, topic, qos), message)
            for topic, (kind, qos, message) in told.items()
            if not topics or topic in topics
        ]
        self.create_timer(0.01, self._play)

    def _play(self):
        for publisher, message in self._told:
            publisher.publish(message())

    def _stamp(self):
        return self.get_clock().now().to_msg()

    def _pose(self):
        # The identity in the task frame: a seated piece.
        return pose_to_message(Pose.identity(), "base_link", self._stamp())

    def _wrench(self):
        return wrench_to_message(Wrench.zero(), "ft_sensor", self._stamp())

    def _twist(self):
        return twist_to_message(Twist.zero(), "task_frame", self._stamp())

    def _health(self):
        status = DiagnosticStatus(level=DiagnosticStatus.OK, name="kuka_bridge: robot")
        return DiagnosticArray(status=[status])


@contextlib.contextmanager
def playing(*topics, name=NAME):
    """Play during the block, in a separate executor."""
    player = Player(*topics, name=name)
    try:
        with spinning(player):
            yield player
    finally:
        player.destroy_node()
