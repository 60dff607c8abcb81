"""Poses and boxes of pieces, for tests of tasks, worlds and attempts."""

import numpy as np

from der_ros.geometry import Pose, quaternion_from_rotation_vector
from der_ros.tasks import InitialState


def pose(x=0.0, y=0.0, z=0.0, rotation=(0.0, 0.0, 0.0)):
    """Return a pose from a position, m, and a rotation vector, rad."""
    return Pose(np.array((x, y, z)), quaternion_from_rotation_vector(rotation))


def start(held, ground=None):
    """Return an initial state; the ground piece is at its nominal pose by default."""
    return InitialState(held, ground if ground is not None else Pose.identity())


def corners(box):
    """Return the lowest and the highest corner of an axis-parallel box, two arrays (3,)."""
    centre, half = np.array(box.position), np.array(box.half_extents)
    return centre - half, centre + half
