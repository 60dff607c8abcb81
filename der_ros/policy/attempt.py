"""Result of an assembly attempt, peak and mean wrench, and motion in free space. Without ROS."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from enum import Enum

import numpy as np

from der_ros.geometry import (
    Array,
    Pose,
    Twist,
    Wrench,
    quaternion_conjugate,
    quaternion_multiply,
    rotation_vector_from_quaternion,
)


class Outcome(str, Enum):
    """Outcome of an attempt, as written to ``attempts.jsonl``."""

    SUCCESS = "success"
    TIMEOUT = "timeout"
    STALL = "stall"
    JAMMED = "jammed"
    MISSED = "missed"
    FAULT = "fault"
    ABORTED = "aborted"


@dataclass(frozen=True)
class AttemptResult:
    """One line of ``attempts.jsonl``.

    Attributes:
        outcome: Outcome of the attempt.
        reason: Reason for the outcome, one sentence.
        duration_s: Time from activation of the policy to the verdict, s.
        peak_force_n: Largest force norm at the sensor, bias removed, N.
        peak_torque_nm: Largest torque norm about the sensor's origin, bias removed, Nm.
        final_position_error_m: Distance of the held piece from its goal at the verdict, m. The goal
            is the true one if a simulated cell publishes it, otherwise the nominal one.
        final_angle_error_rad: Angle between the held piece and the same goal at the verdict, rad.
        bag: Recorded bag; empty if nothing was recorded.
        bag_fault: Reason why the bag is missing or incomplete; empty if it is complete.
        final_depth_m: Height of the held piece above flush at the verdict, along the insertion
            axis, m; negative below flush.
        seating_force_n: Force of the ground on the held piece along the insertion axis at the
            verdict, N.
        attempt: Number of the attempt in its run, from 1.
        retry: Number of the retry; 0 for the first try of the attempt.
        bias_retaken: True if the sensor was biased twice before the attempt, because it did not
            read about zero at rest after the first bias.
        rest_force_n: Norm of the mean force at rest before the attempt, bias removed, N.
        rest_torque_nm: Norm of the mean torque at rest before the attempt, bias removed, Nm.
    """

    outcome: Outcome
    reason: str
    duration_s: float
    peak_force_n: float
    peak_torque_nm: float
    final_position_error_m: float
    final_angle_error_rad: float
    bag: str = ""
    bag_fault: str = ""
    final_depth_m: float = math.nan
    seating_force_n: float = math.nan
    attempt: int = 1
    retry: int = 0
    bias_retaken: bool = False
    rest_force_n: float = math.nan
    rest_torque_nm: float = math.nan

    def to_json(self) -> str:
        """Return the result as one line of JSON; an unknown number is ``null``, never NaN."""
        fields = asdict(self) | {"outcome": self.outcome.value}
        known = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in fields.items()
        }
        return json.dumps(known)


class PeakWrench:
    """Largest force, N, and torque, Nm, since construction."""

    def __init__(self) -> None:
        self.force_n = 0.0
        self.torque_nm = 0.0

    def add(self, wrench: Wrench) -> None:
        """Add one reading; a reading that is not finite is ignored."""
        force, torque = wrench.norms()
        if math.isfinite(force) and math.isfinite(torque):
            self.force_n = max(self.force_n, force)
            self.torque_nm = max(self.torque_nm, torque)


class MeanWrench:
    """Mean wrench since construction."""

    def __init__(self) -> None:
        self._sum, self._count = [0.0] * 6, 0

    def add(self, wrench: Wrench) -> None:
        """Add one reading; a reading that is not finite is ignored."""
        numbers = wrench.to_numbers()
        if all(map(math.isfinite, numbers)):
            self._sum = [total + number for total, number in zip(self._sum, numbers, strict=True)]
            self._count += 1

    @property
    def wrench(self) -> Wrench | None:
        """Mean wrench; None without a reading."""
        return Wrench.from_array(np.array(self._sum) / self._count) if self._count else None


@dataclass(frozen=True)
class Steering:
    """Proportional control law with speed limits that moves a piece to a pose in free space.

    Attributes:
        gain_hz: Speed per distance and angular speed per angle, 1/s.
        max_linear_mps: Linear speed limit, m/s.
        max_angular_radps: Angular speed limit, rad/s.
        position_tolerance_m: Distance up to which the target counts as reached, m.
        angle_tolerance_rad: Angle up to which the target counts as reached, rad.
    """

    gain_hz: float = 4.0
    max_linear_mps: float = 0.05
    max_angular_radps: float = 0.05
    position_tolerance_m: float = 0.0005
    angle_tolerance_rad: float = 0.001

    def twist(self, pose: Pose, target: Pose) -> Twist:
        """Return the twist from ``pose`` towards ``target``, in the axes of the poses' frame."""
        linear, angular = _difference(pose, target)
        return Twist(
            _limited(self.gain_hz * linear, self.max_linear_mps),
            _limited(self.gain_hz * angular, self.max_angular_radps),
        )

    def reached(self, pose: Pose, target: Pose) -> bool:
        """Return True if ``pose`` equals ``target`` within both tolerances."""
        linear, angular = _difference(pose, target)
        return (
            float(np.linalg.norm(linear)) <= self.position_tolerance_m
            and float(np.linalg.norm(angular)) <= self.angle_tolerance_rad
        )


def _difference(pose: Pose, target: Pose) -> tuple[Array, Array]:
    """Return displacement (3,) m and rotation vector (3,) rad from ``pose`` to ``target``."""
    turn = quaternion_multiply(target.quaternion, quaternion_conjugate(pose.quaternion))
    return target.position - pose.position, rotation_vector_from_quaternion(turn)


def _limited(values: Array, norm_limit: float) -> Array:
    norm = float(np.linalg.norm(values))
    return values if norm <= norm_limit else values * (norm_limit / norm)
