"""Subscriptions of ``policy_server``: the pose and the wrench that it observes, and its watch."""

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
    """Subscribes to pose and wrench and hands the newest of each to ``PolicyInputs``.

    Args:
        node: that subscribes and declares the parameters.
        frames: of the cell.
        sources: decide whose poses and wrenches count; None: everybody's.

    Raises:
        ConfigurationError: a parameter is out of its range.
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
        """Return the observation (13,) of now.

        Raises:
            UnusableInputError: an input is missing or not fit to act on.
        """
        self._take()
        return self._inputs.observe(time.monotonic())

    def figures(self) -> dict[str, object]:
        """Return ages, the difference of the stamps and refused stamps, for the diagnostics."""
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
    """A ``WatchLease`` that subscribes to ``policy_server/watched``.

    Args:
        node: that subscribes and declares the parameter.
        rightful: decides whose messages count.

    Raises:
        ConfigurationError: the parameter is out of its range.
    """

    def __init__(self, node: Node, rightful: RightfulTopic | None = None) -> None:
        super().__init__(declare_settings(node, WatchParameters).watch_timeout_s)
        self._messages = PolledSubscription(node, Empty, WATCHED_TOPIC, 1, rightful=rightful)

    def restart(self) -> None:
        """Forget the messages that belong to the previous activation."""
        self._messages.newest()
        super().restart()

    def look_now(self) -> Lease:
        """Return the permission to move, now."""
        newest = self._messages.newest()
        if newest is not None:
            self.hear(newest.arrived_s)
        return self.look(time.monotonic())
