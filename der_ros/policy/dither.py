"""Dither: pauses of single components of the action while the held piece stays in one place.

A policy without noise can repeat a few actions for ever: the piece touches an edge, the policy
moves it to and fro, and each reading leads back to the one before. Dither, a deliberate
disturbance, ends such a limit cycle (Gelb and Vander Velde, "Multiple-input describing functions
and nonlinear system design", 1968).

While the piece has stayed within ``PLACE_M`` along each axis for ``PATIENCE`` actions, each
component of the action is zero with probability ``share``, drawn anew every ``PAUSE`` actions. So
an action with dither is never larger than the network's, and a piece that moves on is not
disturbed. The draws are the same in each attempt, so a recorded attempt replays bit for bit.
"""

from __future__ import annotations

import random
from collections import deque

import numpy as np
from numpy.typing import NDArray

from der_ros.errors import ConfigurationError

PATIENCE = 20
"""Number of actions in one place after which the dither begins."""
PAUSE = 5
"""Number of actions for which a component pauses."""
PLACE_M = 0.003
"""Distance along each axis below which the piece counts as staying in one place, m."""


class Dither:
    """Dither of one attempt's actions.

    Args:
        share: Probability that a component pauses, 0 or more and below 1; 0: no dither.

    Raises:
        ConfigurationError: The share is out of range.
    """

    def __init__(self, share: float) -> None:
        check_share(share)
        self._share = share
        # Its numbers are the same on each computer and in each version of Python.
        self._random = random.Random(0)
        self._positions: deque[NDArray[np.float32]] = deque(maxlen=PATIENCE)
        self._count = 0
        self._moving = np.ones(6, np.float32)

    def __call__(
        self, observation: NDArray[np.float32], action: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the action with its pauses, (6,).

        Args:
            observation: Observation of which the action came, (13,); position first, m.
            action: Action of the network, (6,).
        """
        if self._share == 0.0:
            return action
        if self._count % PAUSE == 0:
            draws = [self._random.random() for _ in range(len(action))]
            self._moving = np.array([draw >= self._share for draw in draws], np.float32)
        self._count += 1
        self._positions.append(observation[:3].copy())
        return action * self._moving if self._is_in_one_place() else action

    def _is_in_one_place(self) -> bool:
        if len(self._positions) < PATIENCE:
            return False
        return float(np.ptp(np.array(self._positions), axis=0).max()) < PLACE_M


def check_share(share: float) -> None:
    """Check the share of a dither.

    Raises:
        ConfigurationError: It is below 0 or not below 1.
    """
    if not 0.0 <= share < 1.0:
        raise ConfigurationError(f"dither: expected 0 or more and below 1, got {share}")
