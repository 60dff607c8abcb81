"""Clock of a live replay: recorded time, with rate, pause and restart."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence


class Playback:
    """Position in a recording during playback.

    All times are ``time.monotonic``, except recorded times. Before ``begin`` the position is 0.

    Args:
        times_s: Times of the recorded ticks, s, ascending from 0; at least one.
        rate: Playback rate, recorded seconds per second.
    """

    def __init__(self, times_s: Sequence[float], rate: float) -> None:
        self._times_s, self._rate = tuple(times_s), rate
        self._begun_s = self._held_s = 0.0
        self._offset_s = 0.0
        self._runs = self._holds = False
        self._sent = -1

    @property
    def is_held(self) -> bool:
        """True while playback is paused."""
        return self._holds

    def begin(self, now_s: float, position_s: float = 0.0) -> None:
        """Start playback at ``position_s``; a paused playback stays paused."""
        self._begun_s = self._held_s = now_s
        self._offset_s, self._runs = position_s, True

    def rewind(self) -> None:
        """Return to the first tick and wait there for ``begin``."""
        self._runs, self._offset_s, self._sent = False, 0.0, -1

    def hold(self, now_s: float) -> None:
        """Pause playback at the current position."""
        if not self._holds:
            self._holds, self._held_s = True, now_s

    def go_on(self, now_s: float) -> None:
        """Continue playback from the paused position."""
        if self._holds:
            self._begun_s += now_s - self._held_s
            self._holds = False

    def position_s(self, now_s: float) -> float:
        """Return the recorded time since the first tick, s."""
        if not self._runs:
            return 0.0
        until_s = self._held_s if self._holds else now_s
        return self._offset_s + self._rate * (until_s - self._begun_s)

    def due(self, now_s: float) -> int | None:
        """Return the index of the newest tick that is due; None if it was returned before."""
        newest = bisect_right(self._times_s, self.position_s(now_s)) - 1
        if newest == self._sent:
            return None
        self._sent = newest
        return newest

    def is_over(self, now_s: float, last_s: float) -> bool:
        """Return True if the last tick has been due for ``last_s`` of recorded time."""
        return self.position_s(now_s) >= self._times_s[-1] + last_s
