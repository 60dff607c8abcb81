"""Detection of a seated (home) piece: flush, at rest and loaded by the ground piece."""

from __future__ import annotations

import math
from dataclasses import dataclass

from der_ros.geometry import Array, Pose
from der_ros.settings import setting


@dataclass(frozen=True)
class HomeLimits:
    """Limits within which a piece counts as home.

    Attributes:
        moved_m: Displacement within ``hold_s`` up to which the piece counts as at rest, m.
    """

    depth_m: float = setting(
        0.001,
        "Largest height above flush at which a piece that feels the ground counts as home; if the "
        "ground is not felt this far below flush, it counts as missing",
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
    # A piece that creeps through the joint's friction moves faster than this.
    moved_m: float = 0.00005


class GroundContact:
    """Detector of ground contact: a force that persists while the piece is at rest.

    Args:
        limits: Thresholds of force, time and displacement.

    Attributes:
        force_n: Mean force along the insertion axis since the contact began, N; without contact
            the newest force.
    """

    def __init__(self, limits: HomeLimits) -> None:
        self._limits = limits
        self._anchor: Array | None = None
        self._since_s = self._sum_n = 0.0
        self._readings = 0
        self.force_n = 0.0

    def feels(self, now_s: float, pose: Pose, force_n: float) -> bool:
        """Add one measurement and return True if the piece rests on the ground.

        Args:
            now_s: Time of a monotonic clock, s.
            pose: Measured pose of the held piece.
            force_n: Force of the ground on the piece along the insertion axis, N, positive
                outwards; a value that is not finite counts as 0.
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
    """Low-pass filter of the force along the insertion axis, time constant 0.5 s.

    Attributes:
        force_n: Filtered force, N; positive while the piece is pressed against the ground.
    """

    MEMORY_S = 0.5

    def __init__(self) -> None:
        self.force_n, self._last_s = 0.0, math.inf

    def add(self, now_s: float, force_n: float) -> None:
        """Add one reading, N, at ``now_s``; a reading that is not finite is ignored."""
        passed_s = max(0.0, now_s - self._last_s)
        self._last_s = now_s
        if math.isfinite(force_n):
            self.force_n += (force_n - self.force_n) * passed_s / (self.MEMORY_S + passed_s)
