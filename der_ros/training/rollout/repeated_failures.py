"""Episodes that repeat the random conditions of earlier failures.

Where most episodes succeed, those that fail teach most, and they are rare. A share of the exploring
episodes therefore begins with the seed of an earlier failure, as in prioritized level replay (Jiang
et al. 2021), with the last verdict as the priority.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_MOST = 100  # seeds that are kept; the oldest leave first
_SEEDS = 1 << 30


class RepeatedFailures:
    """Seeds of the failed episodes of one worker, and the choice of each episode's seed.

    Args:
        share: Share of the exploring episodes that repeat a failure, if there is one. With 0 the
            environment's own generator goes on.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._failed: list[int] = []
        self._current: int | None = None

    def start_episode(self, rng: np.random.Generator, greedy: bool) -> int | None:
        """Return the seed of the next episode: of a failure, or a new one; None with share 0."""
        if self._share == 0.0:
            return None
        repeats = rng.random() < self._share and not greedy and bool(self._failed)
        if repeats:
            self._current = self._failed.pop(int(rng.integers(len(self._failed))))
        else:
            self._current = int(rng.integers(_SEEDS))
        return self._current

    def end_episode(self, success: bool) -> None:
        """Keep the seed of the episode that ends if it failed."""
        if self._current is not None and not success:
            self._failed = [*self._failed[1 - _MOST :], self._current]
        self._current = None

    def state(self) -> dict[str, Any]:
        """Return the seeds of the failures and of the current episode, for a checkpoint."""
        return {"failed": list(self._failed), "current": self._current}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        self._failed = [int(seed) for seed in state["failed"]]
        current = state["current"]
        self._current = None if current is None else int(current)
