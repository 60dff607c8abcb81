"""Detection of a stall: motion is commanded, but the held piece does not move."""

from __future__ import annotations

import math
from dataclasses import dataclass

from der_ros.geometry import Pose, Twist, angle_between
from der_ros.settings import setting


@dataclass(frozen=True)
class StallLimits:
    """Thresholds of stall detection.

    Attributes:
        turned_rad: Least rotation within ``patience_s`` that counts as motion, rad.
        asked_m: Commanded distance without motion from which a stall is possible, m.
        asked_rad: Commanded rotation without motion from which a stall is possible, rad.
    """

    patience_s: float = setting(
        6.0,
        "Time without motion, although motion is commanded, after which the attempt ends; 0: never",
        unit="s",
        minimum=0.0,
        maximum=3600.0,
        name="stall_s",
    )
    moved_m: float = setting(
        0.0005,
        "Least distance moved within stall_s that counts as motion",
        unit="m",
        minimum=0.0,
        maximum=1.0,
        name="stall_distance_m",
    )
    turned_rad: float = 0.005
    asked_m: float = 0.01
    asked_rad: float = 0.05


class StallWatch:
    """Comparison of commanded and measured motion since the piece last moved.

    Args:
        limits: Thresholds of the detection.
    """

    def __init__(self, limits: StallLimits) -> None:
        self._limits = limits
        self._anchor: Pose | None = None
        self._anchor_s = self._last_s = 0.0
        self._asked_m = self._asked_rad = 0.0

    def stalled(self, now_s: float, pose: Pose, command: Twist) -> bool:
        """Add one measurement and return True if the piece has stalled.

        Args:
            now_s: Time of a monotonic clock, s.
            pose: Measured pose of the held piece.
            command: Twist commanded since the last call; one that is not finite counts as zero.
        """
        if self._anchor is None or self._has_moved(self._anchor, pose):
            self._anchor, self._anchor_s = pose, now_s
            self._asked_m = self._asked_rad = 0.0
        elif command.is_finite():
            self._asked_m += math.hypot(*command.linear.tolist()) * (now_s - self._last_s)
            self._asked_rad += math.hypot(*command.angular.tolist()) * (now_s - self._last_s)
        self._last_s = now_s
        limits = self._limits
        asked = self._asked_m >= limits.asked_m or self._asked_rad >= limits.asked_rad
        return asked and 0.0 < limits.patience_s <= now_s - self._anchor_s

    def _has_moved(self, anchor: Pose, pose: Pose) -> bool:
        way_m = math.dist(pose.position.tolist(), anchor.position.tolist())
        if way_m > self._limits.moved_m:
            return True
        return angle_between(pose.quaternion, anchor.quaternion) > self._limits.turned_rad
