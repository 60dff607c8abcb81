"""Delay of values by a whole number of ticks."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class DelayLine(Generic[T]):
    """Delay by a fixed number of calls.

    Args:
        waiting: Values that come out first; their number is the delay.
    """

    def __init__(self, waiting: Sequence[T]) -> None:
        self._waiting = deque(waiting)

    @classmethod
    def of(cls, ticks: int, first: T) -> DelayLine[T] | None:
        """Return a delay filled with ``first``; None for no delay."""
        return cls([first] * ticks) if ticks > 0 else None

    def __call__(self, value: T) -> T:
        """Append this tick's value and return the delayed one."""
        self._waiting.append(value)
        return self._waiting.popleft()

    @property
    def oldest(self) -> T:
        """Value that the next call returns."""
        return self._waiting[0]

    @property
    def waiting(self) -> tuple[T, ...]:
        """Values currently delayed, oldest first."""
        return tuple(self._waiting)
