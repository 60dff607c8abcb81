"""One assembly attempt: how it is watched, judged, and steered back from. Pure, without ROS."""

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
    """Outcome of an attempt, as the log writes it."""

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
        outcome: see ``Outcome``.
        reason: one sentence.
        duration_s: from activating the policy to the verdict.
        peak_force_n: largest norm of the force about the sensor, bias removed.
        peak_torque_nm: largest norm of the torque about the sensor, bias removed.
        final_position_error_m: distance of the held piece from its goal at the verdict. The goal
            is the true one where a simulated cell tells it, else the nominal one.
        final_angle_error_rad: angle to the goal, likewise.
        bag: the recorded bag, empty when nothing was recorded.
        bag_fault: why there is no bag, or what is missing in it; empty when nothing is.
        final_depth_m: height of the held piece above flush at the verdict, along the insertion
            axis; negative below it.
        seating_force_n: force of the ground on the held piece along the insertion axis at the
            verdict.
        attempt: number of the attempt in its run, from 1.
        retry: 0 for the first try of an attempt, then the number of the retry.
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

    def to_json(self) -> str:
        """One line of JSON; a figure that is not known is ``null``, never NaN."""
        fields = asdict(self) | {"outcome": self.outcome.value}
        known = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in fields.items()
        }
        return json.dumps(known)


class PeakWrench:
    """The largest force and torque since it was made."""

    def __init__(self) -> None:
        self.force_n = 0.0
        self.torque_nm = 0.0

    def add(self, wrench: Wrench) -> None:
        """Take one reading into account; a reading that is not finite is left out."""
        force = float(np.linalg.norm(wrench.force))
        torque = float(np.linalg.norm(wrench.torque))
        if math.isfinite(force) and math.isfinite(torque):
            self.force_n = max(self.force_n, force)
            self.torque_nm = max(self.torque_nm, torque)


@dataclass(frozen=True)
class Steering:
    """Law that moves a piece to a pose in free space: proportional, with a speed limit.

    Attributes:
        gain_hz: speed per distance, 1/s.
        max_linear_mps: limit of the linear speed, m/s.
        max_angular_radps: limit of the angular speed, rad/s.
        position_tolerance_m: closer than this is there.
        angle_tolerance_rad: likewise for the angle.
    """

    gain_hz: float = 4.0
    max_linear_mps: float = 0.05
    max_angular_radps: float = 0.05
    position_tolerance_m: float = 0.0005
    angle_tolerance_rad: float = 0.001

    def twist(self, pose: Pose, target: Pose) -> Twist:
        """The twist, in the axes of the poses' frame, that leads ``pose`` to ``target``."""
        linear, angular = _difference(pose, target)
        return Twist(
            _limited(self.gain_hz * linear, self.max_linear_mps),
            _limited(self.gain_hz * angular, self.max_angular_radps),
        )

    def reached(self, pose: Pose, target: Pose) -> bool:
        """Return whether ``pose`` is ``target`` within both tolerances."""
        linear, angular = _difference(pose, target)
        return (
            float(np.linalg.norm(linear)) <= self.position_tolerance_m
            and float(np.linalg.norm(angular)) <= self.angle_tolerance_rad
        )


def _difference(pose: Pose, target: Pose) -> tuple[Array, Array]:
    """Displacement (3,) m and rotation vector (3,) rad that lead from ``pose`` to ``target``."""
    turn = quaternion_multiply(target.quaternion, quaternion_conjugate(pose.quaternion))
    return target.position - pose.position, rotation_vector_from_quaternion(turn)


def _limited(values: Array, norm_limit: float) -> Array:
    norm = float(np.linalg.norm(values))
    return values if norm <= norm_limit else values * (norm_limit / norm)
