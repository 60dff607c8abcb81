"""Topics of ``bag_player``: policy inputs that it publishes, and policy outputs that it reads."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Empty, Float32MultiArray

from der_ros.control.watch_lease import WATCHED_TOPIC
from der_ros.nodes.shared.conversions import twist_from_message
from der_ros.nodes.shared.health_reports import HealthReports
from der_ros.nodes.shared.key_values import to_status
from der_ros.nodes.shared.polling import PolledSubscription, Received
from der_ros.nodes.shared.qos import LATCHED
from der_ros.nodes.shared.rightful import NAMELESS
from der_ros.nodes.shared.sources import Sources
from der_ros.offline_replay.attempt_setup import (
    COMMAND_TOPIC,
    LIMITS_TOPIC,
    POSE_TOPIC,
    WRENCH_TOPIC,
)
from der_ros.offline_replay.cdr_messages import StampedNumbers
from der_ros.offline_replay.live.live_check import LiveCheck
from der_ros.offline_replay.live.played_bag import PlayedTick
from der_ros.policy.governor import GovernorLimits
from der_ros.policy.policy_topics import ACTION_TOPIC, OBSERVATION_TOPIC

SERVER = "policy_server"
CLOCK_TOPIC = "/clock"
ANSWER_TOPICS = (OBSERVATION_TOPIC, ACTION_TOPIC, COMMAND_TOPIC)
_NS = 1_000_000_000
_QUEUE = 100
_WATCHED_S, _CLOCK_S = 0.05, 0.02
# Nodes that may subscribe to commands because they move nothing.
_LISTENERS = ("bag_player", "bag_recorder", "cell_view", "foxglove_bridge", "rosbag2_recorder")
_COMMAND_LINE = "_ros2cli"


class InputTopics:
    """Publishers in place of ``kuka_bridge``, ``ft_bridge`` and ``assembly_supervisor``.

    Args:
        node: Publishing node.
        with_clock: True to publish the recorded time on ``/clock``.
    """

    def __init__(self, node: Node, with_clock: bool) -> None:
        self._poses = node.create_publisher(PoseStamped, POSE_TOPIC, 10)
        self._wrenches = node.create_publisher(WrenchStamped, WRENCH_TOPIC, 10)
        self._limits = node.create_publisher(DiagnosticStatus, LIMITS_TOPIC, LATCHED)
        self._watched = node.create_publisher(Empty, WATCHED_TOPIC, 1)
        self._clock = node.create_publisher(Clock, CLOCK_TOPIC, 10) if with_clock else None
        self._watched_s = self._clock_s = float("-inf")

    @property
    def are_heard(self) -> bool:
        """True if every input topic has a subscriber."""
        inputs = (self._poses, self._wrenches, self._limits, self._watched)
        return all(each.get_subscription_count() for each in inputs)

    def send_limits(self, limits: GovernorLimits) -> None:
        """Publish the recorded limits of the motion governor."""
        self._limits.publish(to_status("governor limits", asdict(limits)))

    def keep_alive(self, recorded_ns: int) -> None:
        """Publish the watch signal and the recorded time if they are due.

        Args:
            recorded_ns: Recorded time, ns since the epoch.
        """
        now_s = time.monotonic()
        if now_s - self._watched_s >= _WATCHED_S:
            self._watched_s = now_s
            self._watched.publish(Empty())
        if self._clock is not None and now_s - self._clock_s >= _CLOCK_S:
            self._clock_s = now_s
            self._clock.publish(Clock(clock=_time(recorded_ns)))

    def send(self, tick: PlayedTick) -> None:
        """Publish pose and wrench of a tick with their recorded stamps."""
        pose = _with_header(PoseStamped(), tick.pose)
        at, turn = pose.pose.position, pose.pose.orientation
        at.x, at.y, at.z, turn.x, turn.y, turn.z, turn.w = tick.pose.values
        wrench = _with_header(WrenchStamped(), tick.wrench)
        force, torque = wrench.wrench.force, wrench.wrench.torque
        force.x, force.y, force.z, torque.x, torque.y, torque.z = tick.wrench.values
        self._poses.publish(pose)
        self._wrenches.publish(wrench)


class AnswerTopics:
    """Subscriptions to the outputs of ``policy_server``, which feed a ``LiveCheck``.

    Args:
        node: Subscribing node.
        sources: Watch over the rightful publishers.
    """

    def __init__(self, node: Node, sources: Sources) -> None:
        kinds: dict[str, Any] = dict.fromkeys(ANSWER_TOPICS, Float32MultiArray)
        kinds[COMMAND_TOPIC] = TwistStamped
        self._topics = {
            name: PolledSubscription(node, kind, name, _QUEUE, rightful=sources.topic(name))
            for name, kind in kinds.items()
        }
        self._health = HealthReports(node, [SERVER], sources.trusted)
        self.answered_s: float | None = None
        """Arrival time of the newest action, s (``time.monotonic``); None before the first."""

    @property
    def warning(self) -> str:
        """Warnings in the diagnostics of ``policy_server``; empty if there are none."""
        return "; ".join(self._health.warnings.values())

    def await_next(self) -> None:
        """Clear ``answered_s``, to wait for the next action."""
        self.answered_s = None

    def take(self, check: LiveCheck) -> None:
        """Pass all new observations, actions, commands and faults to ``check``."""
        for received in self._topics[OBSERVATION_TOPIC].take():
            check.observed(*_array(received), received.arrived_s)
        for received in self._topics[ACTION_TOPIC].take():
            check.acted(*_array(received), received.arrived_s)
            self.answered_s = received.arrived_s
        for received in self._topics[COMMAND_TOPIC].take():
            twist = twist_from_message(received.message).to_array()
            check.commanded(twist.tolist(), received.arrived_s)
        self._health.take()
        for fault in self._health.faults.values():
            check.fault(fault)


def problem_of_graph(node: Node, with_clock: bool) -> str:
    """Return the reason why the present nodes forbid playback; empty if it is allowed.

    Args:
        node: Node ``bag_player``.
        with_clock: True if it publishes on ``/clock``.
    """
    listeners = {info.node_name for info in node.get_subscriptions_info_by_topic(COMMAND_TOPIC)}
    moving = sorted(
        name for name in listeners - {*_LISTENERS, NAMELESS} if not name.startswith(_COMMAND_LINE)
    )
    if moving:
        return (
            f"{', '.join(moving)} would take the replayed policy's commands on "
            f"{node.resolve_topic_name(COMMAND_TOPIC)}; end it, or choose another namespace"
        )
    if with_clock and node.count_publishers(CLOCK_TOPIC) > 1:
        return f"{CLOCK_TOPIC} has another publisher; end it, or give publish_clock:=false"
    return ""


def _array(received: Received) -> tuple[int, Any]:
    """Return the tick number in the label of an array message (-1 without one), and the array."""
    message = received.message
    label = message.layout.dim[0].label if message.layout.dim else ""
    number = label.rpartition(" ")[2]
    return int(number) if number.isdecimal() else -1, np.array(message.data, np.float32)


def _with_header(message: Any, recorded: StampedNumbers) -> Any:
    message.header.stamp = _time(recorded.stamp_ns)
    message.header.frame_id = recorded.frame_id
    return message


def _time(now_ns: int) -> Time:
    return Time(sec=now_ns // _NS, nanosec=now_ns % _NS)
