"""Folding of a symmetric piece's observations onto one of its equivalent orientations.

A piece with k-fold rotational symmetry about its own z has k equivalent orientations, so k
observations differ in their quaternion only and describe the same state. Folding replaces the
quaternion by the equivalent one with the smallest rotation against the task frame, so a policy that
learns one orientation handles all of them. Folding is idempotent.

With ``q`` the observed rotation and ``r_j`` the rotation about z by ``2 pi j / k``, all ``q r_j``
are equivalent. The folded rotation has the largest ``|w|``, and its sign makes w positive.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ROTATION = slice(3, 7)
"""Slice of the quaternion, xyzw, in an observation."""
# A round piece has infinitely many equivalent yaws; with 64 the remaining yaw is below 3 degrees.
_TURNS_OF_ROUND = 64


@lru_cache
def equal_turns(symmetry: int) -> NDArray[np.float64]:
    """Return the matrix of a piece's symmetry rotations.

    Args:
        symmetry: Order k of the symmetry; 0 for a round piece.

    Returns:
        Matrix, (4, 4 k); ``quaternion @ matrix`` holds the k equivalent quaternions, one after the
        other.
    """
    turns = symmetry or _TURNS_OF_ROUND
    matrix = np.zeros((4, turns, 4))
    for j in range(turns):
        s, c = math.sin(math.pi * j / turns), math.cos(math.pi * j / turns)
        matrix[:, j] = ((c, -s, 0, 0), (s, c, 0, 0), (0, 0, c, -s), (0, 0, s, c))
    return matrix.reshape(4, 4 * turns)


def fold(observations: NDArray[np.float32], symmetry: int) -> NDArray[np.float32]:
    """Replace each rotation by the smallest equivalent one.

    Args:
        observations: Observations, (…, 13), as built by ``policy.observation``.
        symmetry: Order k of the held piece's symmetry about its z; 0 for a round piece.

    Returns:
        Folded observations, (…, 13) float32, a new array.
    """
    rotation = observations[..., ROTATION].astype(np.float64)
    equal = (rotation @ equal_turns(symmetry)).reshape(*rotation.shape[:-1], -1, 4)
    least = np.abs(equal[..., 3]).argmax(axis=-1)
    best = np.take_along_axis(equal, least[..., None, None], axis=-2)[..., 0, :]
    folded = observations.astype(np.float32)
    folded[..., ROTATION] = np.where(best[..., 3:] < 0.0, -best, best)
    return folded
