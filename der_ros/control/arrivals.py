"""Arrival times on the steady clock, from a middleware that stamps with the computer's clock.

The middleware notes the system time at which a message came. That clock may be set back or forth at
any moment (NTP, a virtual machine that is resumed), so ages are not differences of it: each arrival
is converted to the steady clock with the offset between the two clocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_STEP_NS = 5_000_000
"""A change of the offset by more is a step of the system clock; less is slewing or a late read."""


class ArrivalClock:
    """Converts times of arrival, for the reader of one queue.

    Between two looks into a queue that were both emptied, a message can only have come between
    them. Where the system clock was set meanwhile, that decides which of its two offsets counts; in
    doubt a message is taken for older than it is, never for fresher. Where the clock was set twice
    between two looks, a message is at least not taken for one of another interval.

    Args:
        system_ns: the clock of the middleware's stamps, ns.
        steady_ns: the clock of ages, ns.
    """

    def __init__(
        self,
        system_ns: Callable[[], int] = time.time_ns,
        steady_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._system_ns, self._steady_ns = system_ns, steady_ns
        self._emptied_ns = steady_ns()
        self._offset_ns = system_ns() - self._emptied_ns
        self.steps = 0

    def emptied(self) -> None:
        """Note that the queue is empty now."""
        now_ns = self._steady_ns()
        offset_ns = self._system_ns() - now_ns
        self.steps += abs(offset_ns - self._offset_ns) > _STEP_NS
        self._emptied_ns, self._offset_ns = now_ns, offset_ns

    def arrived_s(self, stamp_ns: int) -> float:
        """Return when a message that was taken just now arrived, s of the steady clock.

        Args:
            stamp_ns: system time of its arrival; 0 where the middleware knows none: it is now.
        """
        now_ns = self._steady_ns()
        if not stamp_ns:
            return 1e-9 * now_ns
        offset_ns = self._system_ns() - now_ns
        if abs(offset_ns - self._offset_ns) <= _STEP_NS:
            arrived_ns = stamp_ns - offset_ns
            # A stamp ahead of the clock dates from before a step that was already noted.
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
    """Wall clock time that ignores settings of that clock after the line's beginning."""

    def __init__(self) -> None:
        self._epoch_ns = time.time_ns() - time.monotonic_ns()

    def at_ns(self, steady_s: float) -> int:
        """Return a time of the steady clock, s, in ns since the epoch."""
        return self._epoch_ns + round(1e9 * steady_s)
