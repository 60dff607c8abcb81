"""Subscriptions of ``policy_server``: pose, wrench and the watch signal."""

from __future__ import annotations

import time

import numpy as np
from geometry_msgs.msg import PoseStamped, WrenchStamped
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import Empty

from der_ros.control.policy_inputs import InputFrames, PolicyInputs, PoseInput, WrenchInput
from der_ros.control.stamps import stamp_ns
from der_ros.control.watch_lease import WATCHED_TOPIC, Lease, WatchLease
from der_ros.nodes.shared.conversions import (
    CellFrames,
    pose_numbers_from_message,
    wrench_from_message,
)
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.rightful import RightfulTopic
from der_ros.nodes.shared.sources import Sources
from der_ros.parameters.policy_server import InputParameters, WatchParameters

POSE_TOPIC, WRENCH_TOPIC = "kuka/tcp_pose", "netft_data"
_NEWEST = QoSProfile(depth=1)


class SubscribedInputs:
    """Subscriptions to pose and wrench that feed the newest of each to ``PolicyInputs``.

    Args:
        node: Node that subscribes and declares the parameters.
        frames: Fixed frames of the cell.
        sources: Watch over the rightful publishers; None accepts all.

    Raises:
        ConfigurationError: A parameter is out of range.
    """

    def __init__(self, node: Node, frames: CellFrames, sources: Sources | None = None) -> None:
        limits = declare_settings(node, InputParameters)
        self._inputs = PolicyInputs(InputFrames(*frames), limits)
        self._subscriptions = {
            name: PolledSubscription(
                node,
                message_class,
                topic,
                _NEWEST,
                rightful=None if sources is None else sources.topic(topic),
            )
            for name, message_class, topic in (
                ("pose", PoseStamped, POSE_TOPIC),
                ("wrench", WrenchStamped, WRENCH_TOPIC),
            )
        }

    def observe(self) -> NDArray[np.float32]:
        """Return the current observation, shape (13,).

        Raises:
            UnusableInputError: An input is missing, stale or invalid.
        """
        self._take()
        return self._inputs.observe(time.monotonic())

    def figures(self) -> dict[str, object]:
        """Return ages, stamp difference and number of refused stamps, for the diagnostics."""
        self._take()
        refused = {
            f"{name}_refused_stamps": subscription.refused_stamps
            for name, subscription in self._subscriptions.items()
        }
        return {**self._inputs.figures(time.monotonic()), **refused}

    def _take(self) -> None:
        pose, wrench = (each.newest() for each in self._subscriptions.values())
        if pose is not None:
            header = pose.message.header
            numbers = pose_numbers_from_message(pose.message)
            self._inputs.pose = PoseInput(
                *numbers, header.frame_id, stamp_ns(header.stamp), pose.arrived_s
            )
        if wrench is not None:
            self._inputs.wrench = WrenchInput(
                wrench_from_message(wrench.message),
                stamp_ns(wrench.message.header.stamp),
                wrench.arrived_s,
            )
        self._inputs.refusals = {name: each.refusal for name, each in self._subscriptions.items()}


class SubscribedWatch(WatchLease):
    """``WatchLease`` that subscribes to ``policy_server/watched``.

    Args:
        node: Node that subscribes and declares the parameter ``watch_timeout_s``.
        rightful: Watch over the rightful publishers; None accepts all.

    Raises:
        ConfigurationError: The parameter is out of range.
    """

    def __init__(self, node: Node, rightful: RightfulTopic | None = None) -> None:
        super().__init__(declare_settings(node, WatchParameters).watch_timeout_s)
        self._messages = PolledSubscription(node, Empty, WATCHED_TOPIC, 1, rightful=rightful)

    def restart(self) -> None:
        """Discard the messages of the previous activation."""
        self._messages.newest()
        super().restart()

    def check_now(self) -> Lease:
        """Return the current permission to move."""
        newest = self._messages.newest()
        if newest is not None:
            self.hear(newest.arrived_s)
        return self.check(time.monotonic())
