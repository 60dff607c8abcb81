"""Slots that are written in turn, the oldest overwritten first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from der_ros.replay.sum_tree import IndexArray


class Ring:
    """Slots [low, high) of a shard, and how many rows were ever written to them.

    That count alone says which slots are filled, which comes next, how old each one is and which
    have been overwritten since some earlier count: nothing is kept for each slot.
    """

    def __init__(self, low: int, high: int, writes: int = 0) -> None:
        """Slots [low, high) after ``writes`` rows."""
        self.low, self.high, self.writes = low, high, writes

    @property
    def room(self) -> int:
        """How many slots there are."""
        return self.high - self.low

    @property
    def filled(self) -> int:
        """How many of them hold something."""
        return min(self.writes, self.room)

    @property
    def filled_slots(self) -> slice:
        """Those: they are always the first ones."""
        return slice(self.low, self.low + self.filled)

    def take(self, rows: int) -> list[tuple[slice, slice]]:
        """Reserves slots for ``rows``: (slots, which of the rows) for each unbroken run.

        Of more rows than there are slots, only the newest get one.
        """
        runs = []
        done = max(0, rows - self.room)
        while done < rows:
            start = self.low + (self.writes + done) % self.room
            count = min(rows - done, self.high - start)
            runs.append((slice(start, start + count), slice(done, done + count)))
            done += count
        self.writes += rows
        return runs

    def ages(self, indices: IndexArray) -> IndexArray:
        """Rows written to this ring since the filled slots ``indices`` (n,) were written."""
        return (self.writes - 1 - (indices - self.low)) % max(1, self.room)

    def overwritten(self, indices: IndexArray, since: int) -> NDArray[np.bool_]:
        """Which of the slots ``indices`` (n,) were written after the first ``since`` rows."""
        # The slot that comes k-th after those rows is reached once k more have been written.
        return (indices - self.low - since) % max(1, self.room) < self.writes - since
