"""Statistics of the differences between rebuilt and recorded values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import sub
from typing import Any


class Differences:
    """Differences of one quantity over a replay.

    Args:
        tolerance: Largest difference that counts as the same.

    Attributes:
        samples: Number of samples, compared or undetermined.
        undetermined: Number of samples that the bag does not determine, which are not compared.
        largest: Largest difference of any component.
        first: First sample beyond the tolerance: time in s, recorded and rebuilt numbers.
        beyond: Number of samples beyond the tolerance.
    """

    def __init__(self, tolerance: float) -> None:
        self.tolerance = tolerance
        self.samples = self.beyond = self.undetermined = 0
        self.largest = 0.0
        self.first: dict[str, Any] | None = None
        self._squares = 0.0

    def add(self, time_s: float, recorded: Sequence[float], rebuilt: Sequence[float]) -> float:
        """Compare one sample and return the largest difference of a component."""
        if len(recorded) != len(rebuilt):
            raise ValueError(f"expected {len(recorded)} numbers, got {len(rebuilt)}")
        if recorded == rebuilt and math.isfinite(sum(rebuilt)):  # the usual case
            self.samples += 1
            return 0.0
        apart = list(map(abs, map(sub, recorded, rebuilt)))
        # max alone may pass over a NaN.
        worst = max(apart) if all(map(math.isfinite, apart)) else math.inf
        self.samples += 1
        self.largest = max(self.largest, worst)
        self._squares += worst * worst
        if worst > self.tolerance:
            self.beyond += 1
            if self.first is None:
                self.first = {
                    "time_s": round(time_s, 6),
                    "recorded": [float(value) for value in recorded],
                    "rebuilt": [float(value) for value in rebuilt],
                }
        return worst

    def set_aside(self) -> None:
        """Count a sample that the bag does not determine."""
        self.samples += 1
        self.undetermined += 1

    @property
    def compared(self) -> int:
        """Number of samples that were compared."""
        return self.samples - self.undetermined

    @property
    def typical(self) -> float:
        """Root mean square of the samples' largest component differences."""
        return math.sqrt(self._squares / self.compared) if self.compared else 0.0

    def report(self) -> dict[str, Any]:
        """Return the statistics for JSON; an infinite difference is None."""
        return {
            "samples": self.samples,
            "undetermined": self.undetermined,
            "max_difference": self.largest if math.isfinite(self.largest) else None,
            "typical_difference": self.typical if math.isfinite(self.typical) else None,
            "tolerance": self.tolerance,
            "beyond_tolerance": self.beyond,
            "first_divergence": self.first,
        }
