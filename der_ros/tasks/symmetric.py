"""Tasks whose held piece looks the same after a turn about its z axis: of many goals, the nearest.

The turn from the goal to the pose, ``q = (x, y, z, w)`` in the goal's axes, is a yaw and then a
tilt (swing and twist): the yaw is ``2 atan2(z, w)``, and with ``s = hypot(x, y)`` and
``c = hypot(z, w)`` the tilt is ``2 atan2(s, c)``. Turning the goal about its z changes the yaw
only, so the nearest goal leaves the smallest yaw, ``d``, and the angle to it is
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
    """A task with a held piece that is symmetric about its z; ``max_tilt_rad`` is not for yaw."""

    @property
    @abstractmethod
    def symmetry(self) -> int:
        """Number of turns about z in a full one that look alike; ``ROUND``: all do."""

    def nearest_goal(self, pose: Pose, goal: Pose) -> Pose:
        """The goal turned about its z by what looks the same and brings it closest to ``pose``."""
        yaw, *_ = _yaw_and_tilt(pose, goal)
        turn = quaternion_from_rotation_vector((0.0, 0.0, yaw - self._wrong_yaw(yaw)))
        return Pose(goal.position, quaternion_multiply(goal.quaternion, turn))

    def angle(self, pose: Pose, goal: Pose) -> float:
        """Angle, rad in [0, pi], to the nearest of the goals."""
        yaw, s, c = _yaw_and_tilt(pose, goal)
        half = 0.5 * self._wrong_yaw(yaw)
        return 2.0 * math.atan2(math.hypot(s, c * math.sin(half)), c * math.cos(half))

    def tilt(self, pose: Pose) -> float:
        """Angle, rad in [0, pi], between the held piece and the upright; yaw does not count."""
        x, y, z, w = pose.quaternion.tolist()
        return 2.0 * math.atan2(math.hypot(x, y), math.hypot(z, w))

    def _wrong_yaw(self, yaw: float) -> float:
        """Return the rest of a yaw at the nearest of the goals, rad."""
        return 0.0 if self.symmetry == ROUND else math.remainder(yaw, 2.0 * math.pi / self.symmetry)


def _yaw_and_tilt(pose: Pose, goal: Pose) -> tuple[float, float, float]:
    """The yaw, rad, and the sine and the cosine of half the tilt, from the goal to the pose."""
    x, y, z, w = quaternion_between(goal.quaternion, pose.quaternion)
    return 2.0 * math.atan2(z, w), math.hypot(x, y), math.hypot(z, w)
