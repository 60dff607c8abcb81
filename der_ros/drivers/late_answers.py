"""Count of the answers that reached a controller too late, from ``Delay`` in its telegrams."""

from __future__ import annotations

from collections import deque


class LateAnswers:
    """Counts how much ``Delay`` has grown over the last second.

    A controller may count late answers in a row, or all of them since the start of RSI; growth
    means the same in both cases. The number in a session's first telegram is of earlier answers.
    """

    WINDOW_S = 1.0

    def __init__(self) -> None:
        self._last = 0
        self._session: int | None = None
        self._recent: deque[tuple[float, int]] = deque()

    def add(self, delay: int, now_s: float, session: int) -> int:
        """Take one telegram's ``Delay``; returns by how much it has grown in its session."""
        last, self._last = self._last, delay
        if session != self._session:
            self._session = session
            self._recent.clear()
            return 0
        # A smaller one that is not zero is a new row that began meanwhile.
        grown = delay - last if delay >= last else delay
        if grown:
            self._recent.append((now_s, grown))
        while self._recent and now_s - self._recent[0][0] > self.WINDOW_S:
            self._recent.popleft()
        return grown

    def forget(self) -> None:
        """Forget the late answers so far."""
        self._recent.clear()

    def recent(self, now_s: float) -> int:
        """Late answers of the last second; for any thread."""
        counted = list(self._recent)
        return sum(count for stamp_s, count in counted if now_s - stamp_s <= self.WINDOW_S)
