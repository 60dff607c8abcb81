"""Counts dropped datagrams and reports them at a bounded rate."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger(__name__)

_TELL_EVERY_S = 10.0
_RECENT_S = 5.0


class Junk:
    """Counts dropped datagrams by kind, and keeps the latest foreign sender.

    Attributes:
        foreign: datagrams of another sender than the controller.
        malformed: datagrams of the controller that are no telegram.
        foreign_from: the latest other sender as ``address:port``, empty while there is none.
    """

    def __init__(self) -> None:
        self.foreign = self.malformed = 0
        self.foreign_from = ""
        self._words = ""
        self._seen_s = self._told_s = float("-inf")

    def from_elsewhere(self, address: tuple[str, int]) -> None:
        """Count a datagram of another sender."""
        self.foreign += 1
        self.foreign_from = f"{address[0]}:{address[1]}"
        self._note(
            f"{self.foreign} datagrams of others dropped, the latest from {self.foreign_from}; "
            "only the controller of the running session is heard"
        )

    def not_a_telegram(self, error: Exception) -> None:
        """Count a datagram of the controller that cannot be read."""
        self.malformed += 1
        self._note(f"{self.malformed} malformed telegrams dropped, the latest: {error}")

    @property
    def warning(self) -> str | None:
        """Return a sentence about datagrams dropped within the last seconds, or None."""
        return self._words if time.monotonic() - self._seen_s < _RECENT_S else None

    def _note(self, words: str) -> None:
        self._words, self._seen_s = words, time.monotonic()
        if self._seen_s - self._told_s >= _TELL_EVERY_S:
            self._told_s = self._seen_s
            logger.warning("RSI server: %s", words)
