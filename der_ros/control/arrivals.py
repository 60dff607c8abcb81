"""Conversion of the middleware's arrival times from the system clock to the monotonic clock.

The middleware stamps each message with the system time of its arrival. The system clock may step
at any time (NTP, a resumed virtual machine), so its differences are not ages. Each arrival time is
converted to the monotonic clock by the offset between the two clocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

_STEP_NS = 5_000_000
"""Smallest change of the offset, ns, that is a step of the system clock; less is slewing."""
# A process that keeps the processor reads both clocks within a microsecond.
_AT_ONCE_NS = 50_000
_MOST_READINGS = 4


class _ClockReading(NamedTuple):
    """Monotonic time, ns, and the system clock's offset from it, ns."""

    steady_ns: int
    offset_ns: int


def _read(system_ns: Callable[[], int], steady_ns: Callable[[], int]) -> _ClockReading:
    """Read both clocks at one moment, again if the process lost the processor in between.

    What remains of such a pause makes the offset larger, and so each arrival earlier.
    """
    after_ns = steady_ns()
    for _ in range(_MOST_READINGS):
        before_ns, now_ns, after_ns = after_ns, system_ns(), steady_ns()
        if after_ns - before_ns <= _AT_ONCE_NS:
            break
    return _ClockReading(before_ns, now_ns - before_ns)


class ArrivalClock:
    """Conversion of arrival times for the reader of one queue.

    A message read now arrived after the queue was last emptied. If the system clock has stepped
    since then, that decides whether the old or the new offset applies. In doubt the message counts
    as older, never as fresher. If the clock has stepped twice, the result still lies within that
    interval.

    Args:
        system_ns: Clock of the middleware's stamps, ns.
        steady_ns: Monotonic clock, ns.
    """

    def __init__(
        self,
        system_ns: Callable[[], int] = time.time_ns,
        steady_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._system_ns, self._steady_ns = system_ns, steady_ns
        self._emptied_ns, self._offset_ns = _read(system_ns, steady_ns)
        self.steps = 0

    def emptied(self) -> None:
        """Record that the queue is empty now."""
        now_ns, offset_ns = _read(self._system_ns, self._steady_ns)
        self.steps += abs(offset_ns - self._offset_ns) > _STEP_NS
        self._emptied_ns, self._offset_ns = now_ns, offset_ns

    def arrived_s(self, stamp_ns: int) -> float:
        """Return the arrival time of a message that was just read, s on the monotonic clock.

        Args:
            stamp_ns: Arrival on the system clock, ns; 0 if unknown, which returns the current time.
        """
        if not stamp_ns:
            return 1e-9 * self._steady_ns()
        now_ns, offset_ns = _read(self._system_ns, self._steady_ns)
        if abs(offset_ns - self._offset_ns) <= _STEP_NS:
            arrived_ns = stamp_ns - offset_ns
            # A stamp ahead of the clock predates a step that is already recorded.
            in_doubt = arrived_ns > now_ns + _STEP_NS
            return 1e-9 * (self._emptied_ns if in_doubt else min(arrived_ns, now_ns))
        earliest_ns = self._emptied_ns - _STEP_NS
        possible = [
            arrived_ns
            for arrived_ns in (stamp_ns - self._offset_ns, stamp_ns - offset_ns)
            if earliest_ns <= arrived_ns <= now_ns + _STEP_NS
        ]
        return 1e-9 * min([now_ns, *possible] if possible else [self._emptied_ns])


class TimeLine:
    """Wall clock time without the steps of that clock since construction."""

    def __init__(self) -> None:
        self._epoch_ns = _read(time.time_ns, time.monotonic_ns).offset_ns

    def at_ns(self, steady_s: float) -> int:
        """Convert a time of the monotonic clock, s, to ns since the epoch."""
        return self._epoch_ns + round(1e9 * steady_s)
