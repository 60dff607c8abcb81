"""Distributions of latencies, kept cheaply by the threads that measure them."""

from __future__ import annotations

from array import array
from typing import NamedTuple

import numpy as np


class LatencyFigures(NamedTuple):
    """A distribution of durations, s; zeros while ``total`` is 0.

    Attributes:
        total: number of all durations since the start.
        p50_s: median of the latest ones.
        p99_s: 99th percentile of the latest ones.
        max_s: largest since the start.
    """

    total: int
    p50_s: float
    p99_s: float
    max_s: float


NO_FIGURES = LatencyFigures(0, 0.0, 0.0, 0.0)


class LatencyRing:
    """The latest durations; one thread adds, any thread reads."""

    def __init__(self, size: int = 5000) -> None:
        # Plain numbers in a row: a list would keep every thread waiting while numpy reads it.
        self._values = array("d", bytes(8 * size))
        self._count = 0
        self._max = 0.0

    def add(self, duration_s: float) -> None:
        """Adds one duration."""
        self._values[self._count % len(self._values)] = duration_s
        self._count += 1
        if duration_s > self._max:
            self._max = duration_s

    def figures(self) -> LatencyFigures:
        """The distribution as it is now."""
        latest = self._values[: self._count]
        if not latest:
            return NO_FIGURES
        p50, p99 = np.percentile(np.frombuffer(latest), (50.0, 99.0)).tolist()
        return LatencyFigures(self._count, p50, p99, self._max)
