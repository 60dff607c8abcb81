"""Comparison of the motion sent to a robot with the measured motion.

A controller may clamp corrections silently (POSCORR), ignore them, or obey another master, and
something that the sensor does not measure may hold the arm. With ``v`` the sent twist, ``p`` the
measured position and ``T`` the memory, each cycle ``dt`` computes

    d := (d + v dt - (p - p_before)) exp(-dt / T)

and likewise for the rotation. A robot that lags by ``L`` seconds gives ``|d| = |v| L``, an arm of
stiffness ``K`` under a force ``F`` gives ``F / K``, and one that ignores all commands gives
``|v| T (1 - exp(-t / T))`` after ``t``. Motion that is permanently lost, such as that of a late
answer, fades. A robot that ignores all commands is not detected at speeds below ``distance / T``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from der_ros.geometry import (
    Array,
    Pose,
    Twist,
    quaternion_conjugate,
    quaternion_multiply,
    rotation_vector_from_quaternion,
)
from der_ros.settings import check_ranges, setting


@dataclass(frozen=True)
class FollowingLimits:
    """Allowed differences between measured and sent motion.

    The defaults leave room for an arm of 1e5 N/m at the hard force of 500 N (5 mm) and for a lag of
    0.1 s at 0.05 m/s (5 mm); in simulated attempts the difference stays below 3 mm.
    """

    distance_m: float = setting(
        0.01,
        "Largest allowed difference between measured and sent position",
        unit="m",
        minimum=0.0001,
        maximum=10.0,
        name="following_distance_m",
    )
    angle_rad: float = setting(
        0.05,
        "Largest allowed difference between measured and sent rotation",
        unit="rad",
        minimum=0.001,
        maximum=10.0,
        name="following_angle_rad",
    )
    memory_s: float = setting(
        2.0,
        "Time in which the weight of an earlier difference falls to 1/e",
        unit="s",
        minimum=0.1,
        maximum=60.0,
        name="following_memory_s",
    )

    def __post_init__(self) -> None:
        """Check the ranges of all limits.

        Raises:
            ConfigurationError: A limit is out of its range.
        """
        check_ranges(self)


class FollowingWatch:
    """Comparison of sent and measured motion, from the second cycle of a session on."""

    def __init__(self, limits: FollowingLimits) -> None:
        self._limits = limits
        self._session: int | None = None
        self.restart()

    def restart(self) -> None:
        """Reset the difference to zero, for example after an operator has cleared the fault."""
        self._before: Pose | None = None
        self._shift: Array = np.zeros(3)
        self._turn: Array = np.zeros(3)

    @property
    def difference(self) -> tuple[float, float]:
        """Current difference between sent and measured pose: m and rad."""
        return float(np.linalg.norm(self._shift)), float(np.linalg.norm(self._turn))

    def add(self, measured: Pose, sent: Twist, dt_s: float, session: int) -> str | None:
        """Add one cycle; return a description of the fault if the robot does not follow, or None.

        Args:
            measured: Pose of the TCP in the base frame at the start of the cycle.
            sent: Twist that was sent in this cycle, base axes, m/s and rad/s.
            dt_s: Duration of that twist, s.
            session: Session number of the measurement. A new one resets the difference, because a
                program may have moved the arm between sessions.
        """
        if session != self._session:
            self._session = session
            self.restart()
        before, self._before = self._before, measured
        if before is None:
            return None
        turned = quaternion_multiply(measured.quaternion, quaternion_conjugate(before.quaternion))
        fading = math.exp(-dt_s / self._limits.memory_s)
        # The sent motion acts after this measurement, so it is compared with the next one.
        self._shift = (self._shift - (measured.position - before.position)) * fading
        self._turn = (self._turn - rotation_vector_from_quaternion(turned)) * fading
        away_m, away_rad = self.difference
        self._shift = self._shift + sent.linear * dt_s
        self._turn = self._turn + sent.angular * dt_s
        return self._judged(away_m, away_rad)

    def _judged(self, away_m: float, away_rad: float) -> str | None:
        limits = self._limits
        if away_m <= limits.distance_m and away_rad <= limits.angle_rad:
            return None
        return (
            f"the robot does not follow: in the last {limits.memory_s:g} s it came "
            f"{1e3 * away_m:.1f} mm and {1e3 * away_rad:.0f} mrad away from where it was sent, "
            f"expected at most {1e3 * limits.distance_m:g} mm and {1e3 * limits.angle_rad:g} mrad; "
            "does the controller cut (POSCORR) or ignore corrections, is the arm held or led?"
        )
