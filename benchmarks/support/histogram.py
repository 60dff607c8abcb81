"""Histograms of durations with bins of one percent, which can be added and stored as JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_PER_E = 100.0
_SMALLEST_S = 1e-7


class Histogram:
    """Counts of durations in bins that are one percent wide.

    Args:
        counts: Count of each bin, as returned by ``to_data``.
    """

    def __init__(self, counts: Mapping[str, int] | None = None) -> None:
        self._counts = Counter({int(bin_): n for bin_, n in (counts or {}).items()})

    def add(self, durations_s: NDArray[np.float64]) -> None:
        """Add durations, s; values that are not finite are ignored."""
        finite = np.maximum(durations_s[np.isfinite(durations_s)], _SMALLEST_S)
        bins, counts = np.unique(np.rint(_PER_E * np.log(finite)).astype(int), return_counts=True)
        self._counts.update(dict(zip(bins.tolist(), counts.tolist(), strict=True)))

    def merge(self, other: Histogram) -> None:
        """Add the counts of another histogram."""
        self._counts.update(other._counts)

    def to_data(self) -> dict[str, int]:
        """Return the counts as data for JSON."""
        return {str(bin_): self._counts[bin_] for bin_ in sorted(self._counts)}

    @property
    def total(self) -> int:
        """Number of counted durations."""
        return sum(self._counts.values())

    def percentile_s(self, percent: float) -> float:
        """Return the duration, s, that ``percent`` of the durations do not exceed, within 1 %."""
        left = math.ceil(self.total * percent / 100.0)
        for bin_ in sorted(self._counts):
            left -= self._counts[bin_]
            if left <= 0:
                return math.exp(bin_ / _PER_E)
        return math.nan

    def survival(self) -> tuple[list[float], list[float]]:
        """Return the durations, s, ascending, and the share of all durations longer than each."""
        durations, longer, passed = [], [], 0
        for bin_ in sorted(self._counts):
            passed += self._counts[bin_]
            durations.append(math.exp(bin_ / _PER_E))
            longer.append(1.0 - passed / self.total)
        return durations, longer


def plot(histograms: Mapping[str, Histogram], limits_s: Mapping[str, float], path: Path) -> None:
    """Plot the share of durations longer than t against t, on logarithmic axes.

    Args:
        histograms: Histograms by name in the legend.
        limits_s: Vertical lines, s, by name in the legend.
        path: Image file to write.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 3.6), dpi=90, layout="constrained")
    for name, histogram in histograms.items():
        durations, longer = histogram.survival()
        # The longest duration is drawn at half a count, since zero has no logarithm.
        shown = [max(part, 0.5 / histogram.total) for part in longer]
        axes.step([1e3 * each for each in durations], shown, where="post", label=name)
    for name, limit_s in limits_s.items():
        axes.axvline(1e3 * limit_s, color="0.5", linestyle="--")
        axes.text(1e3 * limit_s, 1.0, f" {name}", fontsize=8, color="0.3", va="bottom")
    axes.set(xscale="log", yscale="log", xlabel="t, ms", ylabel="part that took longer than t")
    axes.grid(which="major", alpha=0.4)
    axes.legend(fontsize=8)
    figure.savefig(path)
    plt.close(figure)
