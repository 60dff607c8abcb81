"""A bounded queue from a thread that must not wait to one that may."""

from __future__ import annotations

import queue
from contextlib import suppress
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Outbox(Generic[Item]):
    """Keeps the newest items; drops and counts the oldest if there are too many.

    Args:
        limit: how many items wait at most; above zero.

    Attributes:
        dropped: how many items were dropped.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # Its lock is never held while Python code runs, so ``put`` never waits.
        self._items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self.dropped = 0

    def put(self, item: Item) -> None:
        """Add the newest item without blocking. For one thread."""
        if self._items.qsize() >= self._limit:
            with suppress(queue.Empty):
                self._items.get_nowait()
                self.dropped += 1
        self._items.put(item)

    def get(self, timeout_s: float) -> Item | None:
        """Return the oldest item, or None where none comes within ``timeout_s``."""
        try:
            return self._items.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def __len__(self) -> int:
        """Return the number of waiting items."""
        return self._items.qsize()
