"""Classification of telegrams by their IPOC: next, duplicate, late, or start of a session.

Real controllers count the IPOC in milliseconds, public simulators by one. So the step is learned,
and used only to count losses and to detect a jump. A session starts after silence, with an IPOC far
behind or further ahead than losses explain, or with the empty telegram that old versions send
first.
"""

from __future__ import annotations

import statistics
from collections import deque
from enum import Enum

_REORDER_WINDOW = 1000
_JUMP_STEPS = 1000
_CYCLE_SAMPLES = 25
_CYCLE_TOLERANCE = 0.3


class Arrival(Enum):
    """Classification of one telegram within the series."""

    START = "start"
    NEXT = "next"
    DUPLICATE = "duplicate"
    LATE = "late"


class TelegramSeries:
    """Series of one controller's IPOCs and arrival times.

    Attributes:
        session: Number of the session (start of RSI), from 1; 0 before the first.
        lost: Number of missing telegrams, by their IPOC.
    """

    def __init__(self, cycle_s: float, silence_s: float, check_cycle: bool = True) -> None:
        self._cycle_s = cycle_s
        self._silence_s = silence_s
        self._check_cycle = check_cycle
        self.session = 0
        self.lost = 0
        self._last_ipoc: int | None = None
        self._last_arrival_s = float("-inf")
        self._restart()

    def _restart(self) -> None:
        self._step: int | None = None
        self._intervals: deque[float] = deque(maxlen=_CYCLE_SAMPLES)
        self._measured_s: float | None = None

    def silent(self, now_s: float) -> bool:
        """Return True if no new telegram has come for the silence of a running controller."""
        return now_s - self._last_arrival_s > self._silence_s

    @property
    def measured_cycle_s(self) -> float | None:
        """Median interval of this session's telegrams, s; None until 25 intervals are measured."""
        return self._measured_s

    @property
    def cycle_is_right(self) -> bool | None:
        """True if the telegrams arrive at the configured cycle; None while unknown.

        A wrong cycle scales every velocity: at 4 ms with 12 ms configured, the robot moves three
        times too fast.
        """
        if not self._check_cycle:
            return True
        if self._measured_s is None:
            return None
        return abs(self._measured_s - self._cycle_s) < _CYCLE_TOLERANCE * self._cycle_s

    def arrived(self, ipoc: int | None, now_s: float) -> Arrival:
        """Classify one telegram by its IPOC and its arrival time on the monotonic clock, s."""
        arrival = self._judge(ipoc, now_s)
        if arrival is Arrival.START:
            self.session += 1
            self._restart()
        elif arrival is Arrival.NEXT:
            self._measure(now_s)
        if arrival in (Arrival.START, Arrival.NEXT):
            # Repeated and late telegrams are no sign of a running controller.
            self._last_ipoc, self._last_arrival_s = ipoc, now_s
        return arrival

    def _judge(self, ipoc: int | None, now_s: float) -> Arrival:
        if self._last_ipoc is None or ipoc is None or self.silent(now_s):
            return Arrival.START
        gap = ipoc - self._last_ipoc
        if gap == 0:
            return Arrival.DUPLICATE
        if gap < 0:
            return Arrival.LATE if gap >= -_REORDER_WINDOW else Arrival.START
        if self._step is None or gap < self._step:
            self._step = gap
        missing = gap // self._step - 1
        if missing > _JUMP_STEPS:
            # A larger gap would be seconds of silence.
            return Arrival.START
        self.lost += missing
        return Arrival.NEXT

    def _measure(self, now_s: float) -> None:
        """Measure the cycle until it is confirmed; a controller cannot change it later."""
        if self._measured_s is not None and self.cycle_is_right:
            return
        self._intervals.append(now_s - self._last_arrival_s)
        if len(self._intervals) == _CYCLE_SAMPLES:
            self._measured_s = statistics.median(self._intervals)
