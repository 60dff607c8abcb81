"""Errors of two frames: the task frame and the held piece's frame.

Symbols: T the true task frame (the world frame), B the assumed task frame, H the held piece, C the
controller's tcp, which is the assumed pose of the held piece. The errors of an episode are ``E``,
the pose of B in T, and ``G``, the pose of H in C. The arm knows the pose of its tcp, so

    pose of C in B   = E^-1 . (pose of H in T) . G^-1          what is measured
    wrench about C   = G applied to the wrench about H         the sensor is fixed to the tool
    twist of H       = that of a rigid body whose point C moves as commanded, in B's axes

On a real robot these errors occur physically. Vectors are plain numbers: this runs in every tick.
"""

from __future__ import annotations

from typing import NamedTuple

from der_ros.geometry import Pose, quaternion_from_rotation_vector
from der_ros.rotation import Quadruple, Six, Triple, conjugate, product, rotate, wrench_seen_from


class FrameErrors(NamedTuple):
    """Errors of goal and grasp in an episode.

    Attributes:
        goal_position: Origin of B in T, m.
        goal_quaternion: Orientation of B in T, xyzw.
        grasp_position: Origin of H in C, m.
        grasp_quaternion: Orientation of H in C, xyzw.
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
        """Return the measured pose of the tcp (C in B) for a pose of the held piece (H in T)."""
        axes = product(quaternion, conjugate(self.grasp_quaternion))
        x, y, z = rotate(axes, *self.grasp_position)
        a, b, c = self.goal_position
        px, py, pz = position
        back = conjugate(self.goal_quaternion)
        return rotate(back, px - x - a, py - y - b, pz - z - c), product(back, axes)

    def wrench_at_tcp(self, wrench: Six) -> Six:
        """Convert a wrench on the tool from H's axes about H to C's axes about C."""
        return wrench_seen_from(self.grasp_position, self.grasp_quaternion, wrench)

    def twist_of_held_piece(self, twist: Six, quaternion: Quadruple) -> Six:
        """Return the twist of H, in T's axes, when C is commanded ``twist`` in B's.

        Args:
            twist: Twist of C, m/s and rad/s, B's axes.
            quaternion: Orientation of H in T, xyzw.
        """
        vx, vy, vz = rotate(self.goal_quaternion, *twist[:3])
        a, b, c = rotate(self.goal_quaternion, *twist[3:])
        axes = product(quaternion, conjugate(self.grasp_quaternion))
        x, y, z = rotate(axes, *self.grasp_position)
        return (vx + b * z - c * y, vy + c * x - a * z, vz + a * y - b * x, a, b, c)


def _quaternion(rotation_vector: Triple) -> Quadruple:
    x, y, z, w = quaternion_from_rotation_vector(rotation_vector).tolist()
    return (x, y, z, w)
