"""What a policy sees: the newest pose and wrench, if they are fit to act on.

Fit means: fresh by arrival, of one moment by their stamps, in the right frame, finite.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped, WrenchStamped
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos import QoSProfile

from der_ros.control.stamps import stamp_ns
from der_ros.errors import ConfigurationError, DerRosError
from der_ros.geometry import Pose
from der_ros.nodes.shared.conversions import CellFrames, pose_from_message, wrench_from_message
from der_ros.nodes.shared.parameters import declare
from der_ros.nodes.shared.polling import PolledSubscription, Received
from der_ros.nodes.shared.sources import Sources
from der_ros.policy.observation import build_observation, wrench_at_held_piece

POSE_TOPIC, WRENCH_TOPIC = "kuka/tcp_pose", "netft_data"
_NEWEST = QoSProfile(depth=1)


class UnusableInputError(DerRosError):
    """There is no observation this time; ``kind`` is one of ``KINDS``."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


KINDS = ("stale", "unsynchronised", "not_finite", "wrong_frame")
"""Why there is no observation."""


class PolicyInputs:
    """Subscribes to pose and wrench and makes observations of them.

    Args:
        node: that subscribes and declares the parameters.
        frames: of the cell.
        sources: whose poses and wrenches count; None: anybody's.

    Raises:
        ConfigurationError: a parameter is out of its range.
    """

    def __init__(self, node: Node, frames: CellFrames, sources: Sources | None = None) -> None:
        self._frames = frames
        self._task_from_base = frames.base_from_task.inverse()
        self._timeouts_s = {
            "pose": declare(
                node, "pose_timeout_s", 0.1, "A robot pose older than this is stale, s",
                minimum=0.001, maximum=10.0,
            ),
            "wrench": declare(
                node, "wrench_timeout_s", 0.1, "A force reading older than this is stale, s",
                minimum=0.001, maximum=10.0,
            ),
        }  # fmt: skip
        self._max_stamp_difference_s = declare(
            node, "max_stamp_difference_s", 0.05,
            "Pose and force reading whose stamps lie further apart are not of one moment, s",
            minimum=0.001, maximum=10.0,
        )  # fmt: skip
        self._subscriptions = {
            name: PolledSubscription(
                node, message_class, topic, _NEWEST,
                rightful=None if sources is None else sources.topic(topic),
            )
            for name, message_class, topic in (
                ("pose", PoseStamped, POSE_TOPIC), ("wrench", WrenchStamped, WRENCH_TOPIC)
            )
        }  # fmt: skip
        self._newest: dict[str, Received] = {}

    def observe(self) -> NDArray[np.float32]:
        """The observation (13,) of now.

        Raises:
            UnusableInputError: there is none to act on.
        """
        self._take()
        self._check_age(time.monotonic())
        pose_message, wrench_message = self._newest["pose"].message, self._newest["wrench"].message
        self._check_synchronised(pose_message, wrench_message)
        pose = self._pose(pose_message)
        wrench = wrench_from_message(wrench_message)
        observation = build_observation(
            pose, wrench_at_held_piece(wrench, pose, self._frames.tcp_from_sensor)
        )
        if not np.isfinite(observation).all():
            raise UnusableInputError("not_finite", "the wrench is not finite")
        return observation

    def figures(self) -> dict[str, object]:
        """Ages and the difference of the stamps, for the diagnostics."""
        self._take()
        now_s = time.monotonic()
        figures: dict[str, object] = {
            f"{name}_age_ms": f"{1e3 * (now_s - newest.arrived_s):.1f}"
            for name, newest in self._newest.items()
        }
        figures |= {
            f"{name}_refused_stamps": subscription.refused_stamps
            for name, subscription in self._subscriptions.items()
        }
        if len(self._newest) == len(self._subscriptions):
            difference_s = _stamp_difference_s(*(each.message for each in self._newest.values()))
            figures["stamp_difference_ms"] = f"{1e3 * difference_s:.1f}"
        return figures

    def _take(self) -> None:
        for name, subscription in self._subscriptions.items():
            newest = subscription.newest()
            if newest is not None:
                self._newest[name] = newest

    def _check_age(self, now_s: float) -> None:
        for name, timeout_s in self._timeouts_s.items():
            newest = self._newest.get(name)
            if newest is None or now_s - newest.arrived_s > timeout_s:
                refusal = self._subscriptions[name].refusal
                why = f"; {refusal}" if refusal else ""
                raise UnusableInputError("stale", f"no {name} for {timeout_s:g} s{why}")

    def _check_synchronised(self, pose: Any, wrench: Any) -> None:
        difference_s = _stamp_difference_s(pose, wrench)
        if difference_s > self._max_stamp_difference_s:
            raise UnusableInputError(
                "unsynchronised",
                f"the stamps of pose and wrench are {difference_s:.3f} s apart, expected at most "
                f"{self._max_stamp_difference_s:g} s; synchronise the clocks",
            )

    def _pose(self, message: Any) -> Pose:
        if message.header.frame_id != self._frames.base_frame:
            raise UnusableInputError(
                "wrong_frame",
                f"expected a pose in {self._frames.base_frame}, got {message.header.frame_id!r}",
            )
        try:
            return self._task_from_base @ pose_from_message(message)
        except ConfigurationError as error:
            raise UnusableInputError("not_finite", str(error)) from error


def _stamp_difference_s(one: Any, other: Any) -> float:
    first, second = (stamp_ns(message.header.stamp) for message in (one, other))
    return 1e-9 * float(abs(first - second))
