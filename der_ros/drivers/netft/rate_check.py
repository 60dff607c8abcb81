"""Comparison of the measured rate of readings with the rate that a filter is designed for."""

from __future__ import annotations

TOLERANCE = 0.25
"""Largest difference of the measured from the assumed rate, as a share of the assumed one."""
WINDOW_S = 1.0
"""Time that one measurement takes, s."""
_STRIKES = 2


class RateCheck:
    """Measures a rate over windows of a second; two in a row that differ are a problem.

    Attributes:
        measured_hz: of the last window; 0 before the first.
        problem: the difference in words; empty where there is none.
    """

    def __init__(self) -> None:
        self.measured_hz = 0.0
        self.problem = ""
        self._count, self._since_s = 0, float("-inf")
        self._strikes = 0

    def look(self, count: int, assumed_hz: float, now_s: float) -> None:
        """Take the number of readings so far; judge where a window is over.

        Args:
            count: of readings since the start, lost ones too.
            assumed_hz: expected rate, Hz; 0 for none.
            now_s: of the monotonic clock.
        """
        elapsed_s = now_s - self._since_s
        if elapsed_s < WINDOW_S:
            return
        came = count - self._count
        self._count, self._since_s = count, now_s
        if assumed_hz <= 0.0:
            self.problem = ""
        # Other checks report silence; the first window has no beginning. Neither ends a problem.
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
