"""Collection of wrenches and tool poses from running nodes, for ``identify_payload``."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import rclpy
from geometry_msgs.msg import PoseStamped, WrenchStamped
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from der_ros.control.arrivals import TimeLine
from der_ros.nodes.shared.middleware import keep_processes_apart
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.qos import READINGS

_PERIOD_S = 0.02
_MAX_POSE_AGE_S = 0.2


def record(
    wrench_topic: str,
    pose_topic: str,
    is_enough: Callable[[], bool],
    keep: Callable[[Any, Any, float], None],
) -> None:
    """Pass each wrench, with a pose at most 0.2 s old, to ``keep`` until ``is_enough``.

    Args:
        wrench_topic: WrenchStamped topic.
        pose_topic: PoseStamped topic of the tool.
        is_enough: Function that returns True to stop; called at 50 Hz.
        keep: Function that receives a WrenchStamped, a PoseStamped and the wrench's arrival time,
            s.

    Raises:
        KeyboardInterrupt: The process receives SIGINT.
    """
    # A process started in the background by a shell ignores SIGINT by default.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    keep_processes_apart()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Node("identify_payload")
    try:
        wrenches = PolledSubscription(node, WrenchStamped, wrench_topic, READINGS)
        poses = PolledSubscription(node, PoseStamped, pose_topic, READINGS)
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
