"""Bounded queue from a thread that must not block to one that may."""

from __future__ import annotations

import queue
from contextlib import suppress
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Outbox(Generic[Item]):
    """Bounded queue that drops and counts the oldest items if there are too many.

    Args:
        limit: Maximum number of waiting items, above zero.

    Attributes:
        dropped: Number of dropped items.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # Never holds its lock while Python code runs, so ``put`` does not block.
        self._items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self.dropped = 0

    def put(self, item: Item) -> None:
        """Add an item without blocking. Call it from one thread only."""
        if self._items.qsize() >= self._limit:
            with suppress(queue.Empty):
                self._items.get_nowait()
                self.dropped += 1
        self._items.put(item)

    def get(self, timeout_s: float) -> Item | None:
        """Return the oldest item, or None if there is none within ``timeout_s``."""
        try:
            return self._items.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def __len__(self) -> int:
        """Return the number of waiting items."""
        return self._items.qsize()
