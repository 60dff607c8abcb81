"""Rate and jitter of periodic events."""

from __future__ import annotations

import math


class RateMeter:
    """Meter of the intervals between events, from one report to the next.

    Args:
        period_s: Nominal interval, s, above zero.
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._last_s: float | None = None
        self._intervals = self._late = 0
        self._sum_s = self._sum_squares_s2 = self._max_s = 0.0

    def tick(self, now_s: float) -> None:
        """Record an event at ``now_s`` of a monotonic clock, s."""
        if self._last_s is not None:
            interval_s = now_s - self._last_s
            error_s = abs(interval_s - self._period_s)
            self._intervals += 1
            self._sum_s += interval_s
            self._sum_squares_s2 += error_s * error_s
            self._max_s = max(self._max_s, error_s)
            self._late += interval_s > 1.5 * self._period_s
        self._last_s = now_s

    def report(self) -> dict[str, object]:
        """Return rate and jitter since the last report, for the diagnostics; empty without data.

        Jitter is the difference between an interval and the nominal one. An interval longer than
        1.5 periods is late.
        """
        if not self._intervals:
            return {}
        rms_s = math.sqrt(self._sum_squares_s2 / self._intervals)
        figures: dict[str, object] = {
            "rate_hz": f"{self._intervals / self._sum_s:.2f}" if self._sum_s > 0.0 else "",
            "rms_jitter_ms": f"{1e3 * rms_s:.3f}",
            "max_jitter_ms": f"{1e3 * self._max_s:.3f}",
            "late_ticks": self._late,
        }
        self._intervals = self._late = 0
        self._sum_s = self._sum_squares_s2 = self._max_s = 0.0
        return figures
