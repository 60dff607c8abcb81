"""Which records of a stream were lost, repeated or overtaken, by their sequence numbers."""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum

_MODULUS = 1 << 32
_HALF = 1 << 31
_WINDOW = 1024


class Order(Enum):
    """What one record is."""

    NEXT = "next"
    DUPLICATE = "duplicate"
    REORDERED = "reordered"
    RESTART = "restart"


class SequenceTracker:
    """Follows a 32-bit sequence that wraps.

    A record that arrives after a later one was first counted as lost and is taken off that count.
    A number far behind (more than 1024) is a stream that started anew.

    Attributes:
        lost: records that never came.
        duplicates: records that came again.
        reordered: records that came after a later one.
        restarts: streams that began anew without being asked to.
    """

    def __init__(self) -> None:
        self.lost = self.duplicates = self.reordered = self.restarts = 0
        self._last: int | None = None
        self._missing: OrderedDict[int, None] = OrderedDict()

    def expect_restart(self) -> None:
        """The next record may have any number: the stream was asked to start."""
        self._last = None
        self._missing.clear()

    def arrived(self, sequence: int) -> Order:
        """Judges one record; only NEXT and RESTART are newer than what was there."""
        if self._last is None:
            self._last = sequence
            return Order.NEXT
        gap = (sequence - self._last) % _MODULUS
        if gap == 1:
            self._last = sequence
            return Order.NEXT
        if gap == 0:
            self.duplicates += 1
            return Order.DUPLICATE
        return self._ahead(sequence, gap) if gap < _HALF else self._behind(sequence)

    def _ahead(self, sequence: int, gap: int) -> Order:
        last = self._last or 0
        self.lost += gap - 1
        # Only the latest gaps are remembered: a jump must not fill the memory.
        for offset in range(max(1, gap - _WINDOW), gap):
            self._missing[(last + offset) % _MODULUS] = None
        while len(self._missing) > _WINDOW:
            self._missing.popitem(last=False)
        self._last = sequence
        return Order.NEXT

    def _behind(self, sequence: int) -> Order:
        if sequence in self._missing:
            del self._missing[sequence]
            self.lost -= 1
            self.reordered += 1
            return Order.REORDERED
        if ((self._last or 0) - sequence) % _MODULUS <= _WINDOW:
            self.duplicates += 1
            return Order.DUPLICATE
        self.restarts += 1
        self.expect_restart()
        self._last = sequence
        return Order.RESTART
