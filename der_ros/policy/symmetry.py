"""Observations of a symmetric piece, folded onto those of one orientation among equals.

A piece that looks the same after a turn of 2 pi / k about its own z feels and moves the same in k
orientations: k observations differ in their quaternion and mean the same. Folding replaces the
quaternion by that of the k which is turned least against the task frame, so what was learned of one
orientation holds for all of them. Folding twice changes nothing.

With ``q`` the observed rotation and ``r_j`` the turn by ``2 pi j / k``, all of ``q r_j`` are equal;
the folded one has the largest ``|w|``, and its sign makes w positive.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ROTATION = slice(3, 7)
"""Where the quaternion, xyzw, stands in an observation."""
# A round piece has no last turn; as many as these leave its yaw below 3 degrees.
_TURNS_OF_ROUND = 64


@lru_cache
def equal_turns(symmetry: int) -> NDArray[np.float64]:
    """The turns that a piece does not show.

    Args:
        symmetry: k; 0 for a round piece.

    Returns:
        (4, 4 k): ``quaternion @ turns`` holds, one after the other, the k quaternions that look
        like this one.
    """
    turns = symmetry or _TURNS_OF_ROUND
    matrix = np.zeros((4, turns, 4))
    for j in range(turns):
        s, c = math.sin(math.pi * j / turns), math.cos(math.pi * j / turns)
        matrix[:, j] = ((c, -s, 0, 0), (s, c, 0, 0), (0, 0, c, -s), (0, 0, s, c))
    return matrix.reshape(4, 4 * turns)


def fold(observations: NDArray[np.float32], symmetry: int) -> NDArray[np.float32]:
    """Replace each rotation by the smallest one that looks the same.

    Args:
        observations: (…, 13), as ``policy.observation`` builds them.
        symmetry: how many turns about its z, of a full one, the held piece does not show; 0: all.

    Returns:
        (…, 13) float32, a new array.
    """
    rotation = observations[..., ROTATION].astype(np.float64)
    equal = (rotation @ equal_turns(symmetry)).reshape(*rotation.shape[:-1], -1, 4)
    least = np.abs(equal[..., 3]).argmax(axis=-1)
    best = np.take_along_axis(equal, least[..., None, None], axis=-2)[..., 0, :]
    folded = observations.astype(np.float32)
    folded[..., ROTATION] = np.where(best[..., 3:] < 0.0, -best, best)
    return folded
