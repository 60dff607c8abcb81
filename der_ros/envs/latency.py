"""Values that arrive late by a whole number of ticks."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class DelayLine(Generic[T]):
    """What goes in comes out that many calls later.

    Args:
        waiting: what comes out first; the delay is its length.
    """

    def __init__(self, waiting: Sequence[T]) -> None:
        self._waiting = deque(waiting)

    @classmethod
    def of(cls, ticks: int, first: T) -> DelayLine[T] | None:
        """A delay filled with ``first``; None where there is none."""
        return cls([first] * ticks) if ticks > 0 else None

    def __call__(self, value: T) -> T:
        """Takes this tick's value and gives the one of a few ticks ago."""
        self._waiting.append(value)
        return self._waiting.popleft()

    @property
    def oldest(self) -> T:
        """What will come out next."""
        return self._waiting[0]

    @property
    def waiting(self) -> tuple[T, ...]:
        """What is under way, the oldest first."""
        return tuple(self._waiting)
