"""Tasks whose held piece is rotationally symmetric about z; the nearest of several goals counts.

The rotation from the goal to the pose, ``q = (x, y, z, w)`` in the goal's axes, is a yaw followed
by a tilt (swing-twist decomposition): the yaw is ``2 atan2(z, w)``, and with ``s = hypot(x, y)``
and ``c = hypot(z, w)`` the tilt is ``2 atan2(s, c)``. Rotating the goal about its z axis changes
only the yaw. The nearest goal leaves the smallest remaining yaw ``d``, and the angle to it is
``2 atan2(hypot(s, c sin(d/2)), c cos(d/2))``.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

from der_ros.geometry import (
    Pose,
    quaternion_between,
    quaternion_from_rotation_vector,
    quaternion_multiply,
)
from der_ros.tasks.base import Task

ROUND = 0


@dataclass(frozen=True, kw_only=True)
class SymmetricTask(Task):
    """Task with a held piece symmetric about its z axis; ``max_tilt_rad`` does not limit yaw."""

    @property
    @abstractmethod
    def symmetry(self) -> int:
        """Order of the rotational symmetry about z; ``ROUND`` for a round piece."""

    def nearest_goal(self, pose: Pose, goal: Pose) -> Pose:
        """Return the equivalent goal (turned about its z axis) that is nearest to ``pose``."""
        yaw, *_ = _yaw_and_tilt(pose, goal)
        turn = quaternion_from_rotation_vector((0.0, 0.0, yaw - self._wrong_yaw(yaw)))
        return Pose(goal.position, quaternion_multiply(goal.quaternion, turn))

    def angle(self, pose: Pose, goal: Pose) -> float:
        """Return the angle from a pose to the nearest equivalent goal, rad in [0, pi]."""
        yaw, s, c = _yaw_and_tilt(pose, goal)
        half = 0.5 * self._wrong_yaw(yaw)
        return 2.0 * math.atan2(math.hypot(s, c * math.sin(half)), c * math.cos(half))

    def tilt(self, pose: Pose) -> float:
        """Return the angle between the pose's z axis and the vertical, rad in [0, pi]."""
        x, y, z, w = pose.quaternion.tolist()
        return 2.0 * math.atan2(math.hypot(x, y), math.hypot(z, w))

    def _wrong_yaw(self, yaw: float) -> float:
        """Return the remaining yaw to the nearest equivalent goal, rad."""
        return 0.0 if self.symmetry == ROUND else math.remainder(yaw, 2.0 * math.pi / self.symmetry)


def _yaw_and_tilt(pose: Pose, goal: Pose) -> tuple[float, float, float]:
    """Return the yaw, rad, and sine and cosine of half the tilt, from the goal to the pose."""
    x, y, z, w = quaternion_between(goal.quaternion, pose.quaternion)
    return 2.0 * math.atan2(z, w), math.hypot(x, y), math.hypot(z, w)
