"""Observations of the policy from the newest pose and wrench, if both are usable.

Usable inputs are fresh by arrival, synchronous by their stamps, in the right frame, and finite. The
module is without ROS, so that a recorded attempt passes the same checks as a live one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from der_ros.errors import ConfigurationError, DerRosError
from der_ros.geometry import Array, Pose, Wrench
from der_ros.policy.observation import build_observation, wrench_at_held_piece

KINDS = ("stale", "unsynchronised", "not_finite", "wrong_frame")
"""Reasons why there is no observation."""


class UnusableInputError(DerRosError):
    """No observation can be made now; ``kind`` is one of ``KINDS``."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class InputLimits(Protocol):
    """Limits on age and synchronisation of the inputs, s."""

    @property
    def pose_timeout_s(self) -> float:
        """Age at which a pose is stale."""
        ...

    @property
    def wrench_timeout_s(self) -> float:
        """Age at which a wrench is stale."""
        ...

    @property
    def max_stamp_difference_s(self) -> float:
        """Largest difference between the stamps of pose and wrench."""
        ...


class InputFrames(NamedTuple):
    """Frames of the inputs and of the observation.

    Attributes:
        base_from_task: Pose of the task frame in the robot's base frame.
        tcp_from_sensor: Pose of the sensor in the frame of the held piece.
        base_frame: Frame id of the robot's base in messages.
    """

    base_from_task: Pose
    tcp_from_sensor: Pose
    base_frame: str


class PoseInput(NamedTuple):
    """Unchecked content of a pose message.

    Attributes:
        position: Position of the held piece, (3,) m.
        quaternion: Orientation of the held piece, (4,) xyzw.
        frame_id: Frame id of the header.
        stamp_ns: Stamp of the header, ns.
        arrived_s: Arrival, s, ``time.monotonic``.
    """

    position: Array
    quaternion: Array
    frame_id: str
    stamp_ns: int
    arrived_s: float


class WrenchInput(NamedTuple):
    """Unchecked content of a wrench message.

    Attributes:
        wrench: Wrench, N and Nm, sensor axes and origin.
        stamp_ns: Stamp of the header, ns.
        arrived_s: Arrival, s, ``time.monotonic``.
    """

    wrench: Wrench
    stamp_ns: int
    arrived_s: float


class PolicyInputs:
    """Newest pose and wrench. Set the attributes when a message arrives.

    Attributes:
        pose: Newest pose; None before the first.
        wrench: Newest wrench; None before the first.
        refusals: Reason why the latest message of ``pose`` or ``wrench`` was refused, by name;
            empty if it was accepted.
    """

    def __init__(self, frames: InputFrames, limits: InputLimits) -> None:
        self._frames, self._limits = frames, limits
        self._task_from_base = frames.base_from_task.inverse()
        self.pose: PoseInput | None = None
        self.wrench: WrenchInput | None = None
        self.refusals: Mapping[str, str] = {}

    def observe(self, now_s: float) -> NDArray[np.float32]:
        """Return the observation, (13,), at ``now_s``, ``time.monotonic``.

        Raises:
            UnusableInputError: An input is missing or not usable.
        """
        pose, wrench = self.pose, self.wrench
        if pose is None or now_s - pose.arrived_s > self._limits.pose_timeout_s:
            raise self._stale("pose", self._limits.pose_timeout_s)
        if wrench is None or now_s - wrench.arrived_s > self._limits.wrench_timeout_s:
            raise self._stale("wrench", self._limits.wrench_timeout_s)
        self._check_synchronised(pose, wrench)
        held = self._in_task(pose)
        felt = wrench_at_held_piece(wrench.wrench, held, self._frames.tcp_from_sensor)
        observation = build_observation(held, felt)
        if not np.isfinite(observation).all():
            raise UnusableInputError("not_finite", "the wrench is not finite")
        return observation

    def figures(self, now_s: float) -> dict[str, object]:
        """Return the inputs' ages and the difference of their stamps, ms, for the diagnostics."""
        inputs = (("pose", self.pose), ("wrench", self.wrench))
        figures: dict[str, object] = {
            f"{name}_age_ms": f"{1e3 * (now_s - newest.arrived_s):.1f}"
            for name, newest in inputs
            if newest is not None
        }
        if self.pose is not None and self.wrench is not None:
            difference_s = _difference_s(self.pose, self.wrench)
            figures["stamp_difference_ms"] = f"{1e3 * difference_s:.1f}"
        return figures

    def _stale(self, name: str, timeout_s: float) -> UnusableInputError:
        refusal = self.refusals.get(name, "")
        why = f"; {refusal}" if refusal else ""
        return UnusableInputError("stale", f"no {name} for {timeout_s:g} s{why}")

    def _check_synchronised(self, pose: PoseInput, wrench: WrenchInput) -> None:
        difference_s = _difference_s(pose, wrench)
        if difference_s > self._limits.max_stamp_difference_s:
            raise UnusableInputError(
                "unsynchronised",
                f"the stamps of pose and wrench are {difference_s:.3f} s apart, expected at most "
                f"{self._limits.max_stamp_difference_s:g} s; synchronise the clocks",
            )

    def _in_task(self, pose: PoseInput) -> Pose:
        if pose.frame_id != self._frames.base_frame:
            raise UnusableInputError(
                "wrong_frame",
                f"expected a pose in {self._frames.base_frame}, got {pose.frame_id!r}",
            )
        try:
            return self._task_from_base @ Pose(pose.position, pose.quaternion)
        except ConfigurationError as error:
            raise UnusableInputError("not_finite", str(error)) from error


def _difference_s(pose: PoseInput, wrench: WrenchInput) -> float:
    return 1e-9 * float(abs(pose.stamp_ns - wrench.stamp_ns))
