"""How many answers a controller got too late of late, from what its telegrams say in ``Delay``."""

from __future__ import annotations

from collections import deque


class LateAnswers:
    """Counts how much ``Delay`` has grown over the last second.

    Whether a controller counts late answers in a row or all of them since the start of RSI, growth
    means the same. What it says in a session's first telegram is of before.
    """

    WINDOW_S = 1.0

    def __init__(self) -> None:
        self._last: int | None = None
        self._recent: deque[tuple[float, int]] = deque()

    def restart(self) -> None:
        """Another session begins."""
        self._last = None
        self._recent.clear()

    def add(self, delay: int, now_s: float) -> int:
        """Takes one telegram's ``Delay``; returns by how much it has grown."""
        last, self._last = self._last, delay
        if last is None:
            return 0
        # A smaller one that is not zero is a new row that began meanwhile.
        grown = delay - last if delay >= last else delay
        if grown:
            self._recent.append((now_s, grown))
        while self._recent and now_s - self._recent[0][0] > self.WINDOW_S:
            self._recent.popleft()
        return grown

    def recent(self, now_s: float) -> int:
        """Late answers of the last second; for any thread."""
        counted = list(self._recent)
        return sum(count for stamp_s, count in counted if now_s - stamp_s <= self.WINDOW_S)
