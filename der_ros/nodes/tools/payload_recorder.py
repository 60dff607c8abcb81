"""Collects wrenches with the tool's poses from running nodes, for identify_payload."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import rclpy
from geometry_msgs.msg import PoseStamped, WrenchStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from der_ros.control.arrivals import TimeLine
from der_ros.nodes.shared.middleware import keep_processes_apart
from der_ros.nodes.shared.polling import PolledSubscription

_PERIOD_S = 0.02
_MAX_POSE_AGE_S = 0.2
_QOS = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)


def record(
    wrench_topic: str,
    pose_topic: str,
    is_enough: Callable[[], bool],
    keep: Callable[[Any, Any, float], None],
) -> None:
    """Hand each wrench with a fresh pose to ``keep`` until ``is_enough``.

    Args:
        wrench_topic: WrenchStamped.
        pose_topic: PoseStamped of the tool.
        is_enough: asked 50 times a second.
        keep: takes a WrenchStamped, a PoseStamped and the wrench's time of arrival, s.

    Raises:
        KeyboardInterrupt: Ctrl-C, also from where it had been ignored.
    """
    # A process that a shell started in the background ignores Ctrl-C unless it asks for it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    keep_processes_apart()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Node("identify_payload")
    try:
        wrenches = PolledSubscription(node, WrenchStamped, wrench_topic, _QOS)
        poses = PolledSubscription(node, PoseStamped, pose_topic, _QOS)
        pose, line = None, TimeLine()
        while not is_enough():
            pose = poses.newest() or pose
            for wrench in wrenches.take():
                if pose is not None and pose.age_s() <= _MAX_POSE_AGE_S:
                    keep(wrench.message, pose.message, 1e-9 * line.at_ns(wrench.arrived_s))
            time.sleep(_PERIOD_S)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
