"""Comparison of the measured reading rate with the rate that a filter is designed for."""

from __future__ import annotations

TOLERANCE = 0.25
"""Largest difference between measured and assumed rate, as a fraction of the assumed one."""
WINDOW_S = 1.0
"""Duration of one measurement, s."""
_STRIKES = 2


class RateCheck:
    """Rate measurement over windows of 1 s; two consecutive deviations are a problem.

    Attributes:
        measured_hz: Rate in the last window, Hz; 0 before the first.
        problem: Message about the deviation; empty if there is none.
    """

    def __init__(self) -> None:
        self.measured_hz = 0.0
        self.problem = ""
        self._count, self._since_s = 0, float("-inf")
        self._strikes = 0

    def update(self, count: int, assumed_hz: float, now_s: float) -> None:
        """Update with the number of readings so far; check the rate at the end of a window.

        Args:
            count: Number of readings since the start, including lost ones.
            assumed_hz: Expected rate, Hz; 0 for none.
            now_s: Current time on the monotonic clock, s.
        """
        elapsed_s = now_s - self._since_s
        if elapsed_s < WINDOW_S:
            return
        came = count - self._count
        self._count, self._since_s = count, now_s
        if assumed_hz <= 0.0:
            self.problem = ""
        # Other checks report silence, and the first window has no start. Neither clears a problem.
        if elapsed_s > 2.0 * WINDOW_S or came <= 0 or assumed_hz <= 0.0:
            self._strikes = 0
            return
        self.measured_hz = came / elapsed_s
        self._judge(assumed_hz)

    def _judge(self, assumed_hz: float) -> None:
        if abs(self.measured_hz - assumed_hz) <= TOLERANCE * assumed_hz:
            self._strikes, self.problem = 0, ""
            return
        self._strikes += 1
        if self._strikes >= _STRIKES:
            self.problem = (
                f"measured {self.measured_hz:.0f} readings a second, expected {assumed_hz:.0f} "
                "(sample_rate_hz, or the box's RDT rate)"
            )
