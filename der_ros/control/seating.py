"""Seating motion of the supervisor: it presses a piece that is in its joint home to the ground.

The motion is bounded in force, speed, distance and time. It starts and ends at rest.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from der_ros.control.approach import STEER_PERIOD_S, CellError, MotionCell, check_may_move
from der_ros.control.attempt_watch import SEATING_S, AttemptWatch, Verdict
from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, Twist
from der_ros.settings import setting

RETREAT_M = 0.002
"""Distance upwards after which a force that is still too large ends the motion, m."""
JUMP_M = 0.002
"""Distance between two consecutive poses that counts as a jump, m."""

_SLOWING_PER_S = 5.0
# Fraction of the force bound at which the piece rests.
_ENOUGH = 0.8
# Distance below a contact at which the piece has passed it.
_PASSED_M = 0.0002
# Above this height a force is friction in the joint; below it may be contact with the ground.
_GROUND_M = 0.001


@dataclass(frozen=True)
class SeatingLimits:
    """Bounds of the seating motion."""

    force_n: float = setting(
        15.0,
        "Largest force along the insertion axis that the seating motion presses with; at most the "
        "robot's soft_force_n",
        unit="N",
        minimum=0.5,
        maximum=1000.0,
        name="seating_force_n",
    )
    speed_mps: float = setting(
        0.005,
        "Speed of the seating motion until the ground is felt",
        unit="m/s",
        minimum=0.0005,
        maximum=0.05,
        name="seating_speed_mps",
    )
    creep_mps: float = setting(
        0.0005,
        "Speed of the seating motion once the ground was felt",
        unit="m/s",
        minimum=0.0003,
        maximum=0.01,
        name="seating_creep_mps",
    )
    patience_s: float = setting(
        SEATING_S,
        "Longest time from reaching the depth of the joint until the piece is home",
        unit="s",
        minimum=0.5,
        maximum=60.0,
        name="seating_s",
    )

    def check(self, felt_n: float, soft_force_n: float, pressing_force_n: float = math.inf) -> None:
        """Check that the motion can feel the ground and stays below the soft limit.

        Args:
            felt_n: Force from which the ground counts as felt, N.
            soft_force_n: Force from which the robot yields, N.
            pressing_force_n: Largest force that the robot presses with under a force budget, N.

        Raises:
            ConfigurationError: The force at which the motion rests is at most ``felt_n``, or the
                force is above ``soft_force_n``, or the budget leaves at most ``felt_n``.
        """
        if pressing_force_n <= felt_n:
            raise ConfigurationError(
                f"home_felt_n: expected less than {pressing_force_n:g} N, which the force budget "
                f"leaves for pressing, got {felt_n:g} N: the ground would never be felt; lower it "
                "or allow more with force_budget_n or torque_budget_nm"
            )
        if self.force_n > soft_force_n:
            raise ConfigurationError(
                f"seating_force_n: expected at most the soft limit of {soft_force_n:g} N, at which "
                f"the robot gives way, got {self.force_n:g} N; lower it or raise soft_force_n"
            )
        if _ENOUGH * self.force_n <= felt_n:
            raise ConfigurationError(
                f"seating_force_n: expected more than {felt_n / _ENOUGH:g} N, got "
                f"{self.force_n:g} N: at {_ENOUGH:g} of it the piece rests, and the ground is felt "
                f"from home_felt_n = {felt_n:g} N on; lower home_felt_n"
            )


class SeatingLaw:
    """Control law: speed along the insertion axis from force and height above flush.

    The piece moves down at ``speed_mps``, slower within the last millimetre. After a contact and
    until it has passed it, it moves at ``creep_mps`` within the last millimetre, and above that the
    slower the larger the force was. It rests from 0.8 of the force bound and moves up at
    ``creep_mps`` above the bound. A contact above the last millimetre is met at ``speed_mps``, so
    the first force peak is that of the moving arm (docs/explanation/safety.md, First contact).

    Args:
        limits: Bounds of the motion.
        felt_n: Force from which the ground counts as felt, N.
    """

    def __init__(self, limits: SeatingLimits, felt_n: float) -> None:
        self._limits, self._felt_n = limits, felt_n
        self._enough_n = _ENOUGH * limits.force_n
        self._touched_m, self._touched_n = math.inf, 0.0

    def twist(self, force_n: float, height_m: float) -> Twist:
        """Return the next twist, task axes; zero if the force is not finite.

        Args:
            force_n: Force of the ground along the insertion axis, N.
            height_m: Height of the piece above flush, m.
        """
        limits = self._limits
        if force_n >= self._felt_n:
            self._touched_m, self._touched_n = height_m, force_n
        if force_n > limits.force_n:
            speed = limits.creep_mps
        elif force_n >= self._enough_n or not math.isfinite(force_n):
            speed = 0.0
        elif height_m > self._touched_m - _PASSED_M:
            left = 1.0 - self._touched_n / self._enough_n if height_m > _GROUND_M else 0.0
            speed = -max(limits.creep_mps, limits.speed_mps * left)
        else:
            speed = -min(limits.speed_mps, max(limits.creep_mps, _SLOWING_PER_S * height_m))
        return Twist(np.array((0.0, 0.0, speed)), np.zeros(3))


class SeatingCell(MotionCell, Protocol):
    """Interface to robot and sensor for the seating motion."""

    @property
    def insertion_force_n(self) -> float:
        """Newest force of the ground on the piece along the insertion axis, N."""
        ...


class Seating:
    """Seating motion of a piece that is in its joint, judged while it moves.

    Args:
        cell: Robot and sensor.
        limits: Bounds of the motion.
        felt_n: Force from which the ground counts as felt, N.
        stop_reason: Function that returns the reason to end the motion; empty to continue.
    """

    def __init__(
        self,
        cell: SeatingCell,
        limits: SeatingLimits,
        felt_n: float,
        stop_reason: Callable[[], str],
    ) -> None:
        self._cell, self._limits, self._felt_n = cell, limits, felt_n
        self._stop_reason = stop_reason

    def run(self, watch: AttemptWatch) -> Verdict:
        """Move until ``watch`` has a verdict, and end at rest.

        Raises:
            CellError: The cell must not move, the pose jumps, or the piece is pushed back too far.
        """
        law = SeatingLaw(self._limits, self._felt_n)
        before = first = self._cell.pose()
        try:
            while True:
                check_may_move(self._cell, self._stop_reason)
                pose, force_n = self._cell.pose(), self._cell.insertion_force_n
                self._check_way(first, before, pose)
                before, twist = pose, law.twist(force_n, float(pose.position[2]))
                self._cell.command(twist)
                verdict = watch.judge(time.monotonic(), pose, twist, force_n)
                if verdict is not None:
                    return verdict
                time.sleep(STEER_PERIOD_S)
        finally:
            self._cell.command(Twist.zero())

    def _check_way(self, first: Pose, before: Pose, pose: Pose) -> None:
        jump_m = float(np.linalg.norm(pose.position - before.position))
        if jump_m > JUMP_M:
            raise CellError(
                f"the pose jumped by {1e3 * jump_m:.1f} mm while the piece was seated, expected at "
                f"most {1e3 * JUMP_M:g} mm between two looks; check the robot's pose, and whether "
                "somebody moves the arm"
            )
        risen_m = float(pose.position[2] - first.position[2])
        if risen_m > RETREAT_M:
            raise CellError(
                f"the ground presses with more than {self._limits.force_n:g} N, "
                f"{1e3 * risen_m:.1f} mm above the start of the seating motion; check for "
                "something between the pieces"
            )
