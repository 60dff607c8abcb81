"""Growing delay between attempts to connect."""

from __future__ import annotations


class Backoff:
    """Pauses that double from ``shortest_s`` up to ``longest_s`` until a success."""

    def __init__(self, shortest_s: float, longest_s: float) -> None:
        self._shortest_s, self._longest_s = shortest_s, longest_s
        self._next_s = shortest_s

    def pause_s(self) -> float:
        """Return the pause after another failure, s."""
        pause_s = self._next_s
        self._next_s = min(2.0 * pause_s, self._longest_s)
        return pause_s

    def reset(self) -> None:
        """Reset to the shortest pause after a success."""
        self._next_s = self._shortest_s
