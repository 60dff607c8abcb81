"""Two frames that are not quite where the cell believes: the task's and the held piece's.

Symbols: T the true task frame (the world's), B the task frame that everybody believes in, H the
held piece, C the controller's tcp, where everybody believes the held piece to be. The errors of
an episode are ``E``, pose of B in T, and ``G``, pose of H in C. The arm knows where its tcp is, so

    pose of C in B   = E^-1 . (pose of H in T) . G^-1          what is measured
    wrench about C   = G applied to the wrench about H         the sensor is fixed to the tool
    twist of H       = that of a rigid body whose point C moves as commanded, in B's axes

On a real robot the same happens by itself. Vectors are plain numbers: this runs in each tick.
"""

from __future__ import annotations

from typing import NamedTuple

from der_ros.geometry import Pose, quaternion_from_rotation_vector
from der_ros.rotation import Quadruple, Six, Triple, conjugate, product, rotate, wrench_seen_from


class FrameErrors(NamedTuple):
    """Errors of goal and grasp in an episode.

    Attributes:
        goal_position: origin of B in T, m.
        goal_quaternion: axes of B in T.
        grasp_position: origin of H in C, m.
        grasp_quaternion: axes of H in C.
    """

    goal_position: Triple
    goal_quaternion: Quadruple
    grasp_position: Triple
    grasp_quaternion: Quadruple

    @classmethod
    def of(cls, goal_error: Six, grasp: Six) -> FrameErrors | None:
        """Return errors from displacements, m, and rotation vectors, rad; None if all are 0."""
        if not any(goal_error) and not any(grasp):
            return None
        return cls(goal_error[:3], _quaternion(goal_error[3:]), grasp[:3], _quaternion(grasp[3:]))

    def start(self, pose: Pose) -> Pose:
        """Return the held piece's true pose (H in T) when the arm drives to ``pose`` (C in B)."""
        goal = Pose.from_numbers(self.goal_position, self.goal_quaternion)
        return goal @ pose @ Pose.from_numbers(self.grasp_position, self.grasp_quaternion)

    def measured(self, position: Triple, quaternion: Quadruple) -> tuple[Triple, Quadruple]:
        """The tcp as the cell sees it (C in B) when the held piece is there (H in T)."""
        axes = product(quaternion, conjugate(self.grasp_quaternion))
        x, y, z = rotate(axes, *self.grasp_position)
        a, b, c = self.goal_position
        px, py, pz = position
        back = conjugate(self.goal_quaternion)
        return rotate(back, px - x - a, py - y - b, pz - z - c), product(back, axes)

    def wrench_at_tcp(self, wrench: Six) -> Six:
        """A wrench on the tool in C's axes about C, from H's axes about H."""
        return wrench_seen_from(self.grasp_position, self.grasp_quaternion, wrench)

    def twist_of_held_piece(self, twist: Six, quaternion: Quadruple) -> Six:
        """Return the twist of H, in T's axes, when C is commanded ``twist`` in B's.

        Args:
            twist: m/s and rad/s.
            quaternion: axes of H in T.
        """
        vx, vy, vz = rotate(self.goal_quaternion, *twist[:3])
        a, b, c = rotate(self.goal_quaternion, *twist[3:])
        axes = product(quaternion, conjugate(self.grasp_quaternion))
        x, y, z = rotate(axes, *self.grasp_position)
        return (vx + b * z - c * y, vy + c * x - a * z, vz + a * y - b * x, a, b, c)


def _quaternion(rotation_vector: Triple) -> Quadruple:
    x, y, z, w = quaternion_from_rotation_vector(rotation_vector).tolist()
    return (x, y, z, w)
