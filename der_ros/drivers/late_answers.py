"""Counter of answers that reached a controller too late, from ``Delay`` in its telegrams."""

from __future__ import annotations

from collections import deque


class LateAnswers:
    """Increase of ``Delay`` over the last second.

    A controller may count consecutive late answers or all of them since the start of RSI; an
    increase means a late answer in both cases. The value in a session's first telegram refers to
    earlier answers and is not counted.
    """

    WINDOW_S = 1.0

    def __init__(self) -> None:
        self._last = 0
        self._session: int | None = None
        self._recent: deque[tuple[float, int]] = deque()

    def add(self, delay: int, now_s: float, session: int) -> int:
        """Add one telegram's ``Delay`` and return its increase within the session."""
        last, self._last = self._last, delay
        if session != self._session:
            self._session = session
            self._recent.clear()
            return 0
        # A smaller value above zero is a new run of late answers.
        grown = delay - last if delay >= last else delay
        if grown:
            self._recent.append((now_s, grown))
        while self._recent and now_s - self._recent[0][0] > self.WINDOW_S:
            self._recent.popleft()
        return grown

    def forget(self) -> None:
        """Reset the count of the last second."""
        self._recent.clear()

    def recent(self, now_s: float) -> int:
        """Return the number of late answers in the last second. Thread-safe."""
        counted = list(self._recent)
        return sum(count for stamp_s, count in counted if now_s - stamp_s <= self.WINDOW_S)
