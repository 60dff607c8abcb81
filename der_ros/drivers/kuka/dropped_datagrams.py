"""Counter of dropped datagrams with rate-limited log messages."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger(__name__)

_LOG_EVERY_S = 10.0
_RECENT_S = 5.0


class DroppedDatagrams:
    """Counter of dropped datagrams by kind.

    Attributes:
        foreign: Datagrams from senders other than the controller.
        malformed: Datagrams from the controller that are not telegrams.
        foreign_from: Latest other sender as ``address:port``; empty if there is none.
    """

    def __init__(self) -> None:
        self.foreign = self.malformed = 0
        self.foreign_from = ""
        self._words = ""
        self._seen_s = self._logged_s = float("-inf")

    def count_foreign(self, address: tuple[str, int]) -> None:
        """Count a datagram from a sender other than the controller."""
        self.foreign += 1
        self.foreign_from = f"{address[0]}:{address[1]}"
        self._note(
            f"{self.foreign} datagrams of other senders dropped, the latest from "
            f"{self.foreign_from}; only the controller of the running session is accepted"
        )

    def count_malformed(self, error: Exception) -> None:
        """Count a datagram from the controller that cannot be parsed."""
        self.malformed += 1
        self._note(f"{self.malformed} malformed telegrams dropped, the latest: {error}")

    @property
    def warning(self) -> str | None:
        """Message about datagrams dropped within the last 5 s, or None."""
        return self._words if time.monotonic() - self._seen_s < _RECENT_S else None

    def _note(self, words: str) -> None:
        self._words, self._seen_s = words, time.monotonic()
        if self._seen_s - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = self._seen_s
            logger.warning("RSI server: %s", words)
