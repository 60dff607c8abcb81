"""Detection of a piece that is home: flush, at rest, and pressed back by the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass

from der_ros.geometry import Array, Pose
from der_ros.settings import setting


@dataclass(frozen=True)
class HomeLimits:
    """Limits within which a piece is home.

    Attributes:
        moved_m: way within ``hold_s`` that still is rest, m.
    """

    depth_m: float = setting(
        0.001,
        "Height above flush up to which a piece that feels the ground is home; as far below it the "
        "ground counts as missing",
        unit="m",
        minimum=0.0001,
        maximum=0.05,
        name="home_depth_m",
    )
    felt_n: float = setting(
        4.0,
        "Force along the insertion axis from which the ground counts as felt",
        unit="N",
        minimum=0.1,
        maximum=1000.0,
        name="home_felt_n",
    )
    hold_s: float = setting(
        0.2,
        "Time for which the ground must be felt while nothing moves",
        unit="s",
        minimum=0.0,
        maximum=10.0,
        name="home_hold_s",
    )
    moved_m: float = 0.0002


class GroundContact:
    """Comparison of force and motion: the force that stays while nothing moves.

    Args:
        limits: when the ground counts as felt.

    Attributes:
        force_n: mean force along the insertion axis since the piece rests on the ground; before
            that the newest one.
    """

    def __init__(self, limits: HomeLimits) -> None:
        self._limits = limits
        self._anchor: Array | None = None
        self._since_s = self._sum_n = 0.0
        self._readings = 0
        self.force_n = 0.0

    def feels(self, now_s: float, pose: Pose, force_n: float) -> bool:
        """Take one measurement and return whether the piece rests on the ground.

        Args:
            now_s: of a clock that does not jump.
            pose: of the held piece, measured.
            force_n: of the ground on the piece along the insertion axis, positive outwards; not
                finite counts as none.
        """
        force_n = force_n if math.isfinite(force_n) else 0.0
        if force_n < self._limits.felt_n or self._has_moved(pose):
            self._anchor, self._since_s = pose.position, now_s
            self._sum_n, self._readings = 0.0, 0
            self.force_n = force_n
            return False
        self._sum_n, self._readings = self._sum_n + force_n, self._readings + 1
        self.force_n = self._sum_n / self._readings
        return now_s - self._since_s >= self._limits.hold_s

    def _has_moved(self, pose: Pose) -> bool:
        if self._anchor is None:
            return True
        return math.dist(pose.position.tolist(), self._anchor.tolist()) > self._limits.moved_m


class Pressing:
    """Mean of the last half second of the force along the insertion axis.

    Attributes:
        force_n: the mean, N; positive while the piece is pressed against the ground.
    """

    MEMORY_S = 0.5

    def __init__(self) -> None:
        self.force_n, self._last_s = 0.0, math.inf

    def add(self, now_s: float, force_n: float) -> None:
        """Take one reading; one that is not finite is left out."""
        passed_s = max(0.0, now_s - self._last_s)
        self._last_s = now_s
        if math.isfinite(force_n):
            self.force_n += (force_n - self.force_n) * passed_s / (self.MEMORY_S + passed_s)
