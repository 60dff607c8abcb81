"""Statistics of recent durations, cheap enough to record in real-time threads."""

from __future__ import annotations

from array import array
from typing import NamedTuple

import numpy as np


class LatencyFigures(NamedTuple):
    """Statistics of durations, s; all zero until the first duration.

    Attributes:
        total: Number of durations since the start.
        p50_s: Median of the window, s.
        p99_s: 99th percentile of the window, s.
        max_s: Largest duration since the start, s.
    """

    total: int
    p50_s: float
    p99_s: float
    max_s: float


_WINDOW = 5000
NO_FIGURES = LatencyFigures(0, 0.0, 0.0, 0.0)


class LatencyWindow:
    """Window of the most recent durations; one thread adds, any thread reads."""

    def __init__(self) -> None:
        # An array, not a list: numpy holds the GIL while it converts a list.
        self._values = array("d", bytes(8 * _WINDOW))
        self._count = 0
        self._max = 0.0

    def add(self, duration_s: float) -> None:
        """Add one duration, s, to the window."""
        self._values[self._count % len(self._values)] = duration_s
        self._count += 1
        if duration_s > self._max:
            self._max = duration_s

    def figures(self) -> LatencyFigures:
        """Return the current statistics of the window."""
        latest = self._values[: self._count]
        if not latest:
            return NO_FIGURES
        p50, p99 = np.percentile(np.frombuffer(latest), (50.0, 99.0)).tolist()
        return LatencyFigures(self._count, p50, p99, self._max)
