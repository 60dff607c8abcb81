"""Topics that tell the operator the state of the taught worker's world as numbers."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import PoseStamped, WrenchStamped
from rclpy.node import Node

from der_ros.geometry import Wrench
from der_ros.nodes.shared.conversions import pose_to_message, wrench_to_message
from der_ros.training.rollout.takeover import TaughtView

_TASK_FRAME = "task_frame"


class TaughtState:
    """Publisher of ``teleop/pose``, ``teleop/goal_pose`` and ``teleop/wrench``.

    Args:
        node: Publishing node.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._pose = node.create_publisher(PoseStamped, "teleop/pose", 1)
        self._goal = node.create_publisher(PoseStamped, "teleop/goal_pose", 1)
        self._wrench = node.create_publisher(WrenchStamped, "teleop/wrench", 1)

    @property
    def is_watched(self) -> bool:
        """True while one of the topics has a subscriber."""
        publishers = (self._pose, self._goal, self._wrench)
        return any(publisher.get_subscription_count() > 0 for publisher in publishers)

    def show(self, view: TaughtView) -> None:
        """Publish the state of a view."""
        stamp = self._node.get_clock().now().to_msg()
        self._pose.publish(pose_to_message(view.piece, _TASK_FRAME, stamp))
        self._goal.publish(pose_to_message(view.goal, _TASK_FRAME, stamp))
        wrench = Wrench.from_array(view.wrench.astype(np.float64))
        self._wrench.publish(wrench_to_message(wrench, _TASK_FRAME, stamp))
