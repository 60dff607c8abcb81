"""Ring buffer of slots; the oldest row is overwritten first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from der_ros.replay.array_types import IndexArray


class Ring:
    """Slots [low, high) of a shard, and the number of rows written to them so far.

    This count determines the filled slots, the next slot, each row's age and the slots overwritten
    since an earlier count; nothing is stored per slot.
    """

    def __init__(self, low: int, high: int, writes: int = 0) -> None:
        """Use slots [low, high), to which ``writes`` rows have been written already."""
        self.low, self.high, self.writes = low, high, writes

    @property
    def size(self) -> int:
        """Number of slots of this ring."""
        return self.high - self.low

    @property
    def filled(self) -> int:
        """Number of slots that hold a row."""
        return min(self.writes, self.size)

    @property
    def filled_slots(self) -> slice:
        """Filled slots, always the first slots of the ring."""
        return slice(self.low, self.low + self.filled)

    def reserve(self, rows: int) -> list[tuple[slice, slice]]:
        """Reserve slots for ``rows`` rows; return (slots, rows) for each contiguous run.

        If there are more rows than slots, only the newest rows get a slot.
        """
        runs = []
        done = max(0, rows - self.size)
        while done < rows:
            start = self.low + (self.writes + done) % self.size
            count = min(rows - done, self.high - start)
            runs.append((slice(start, start + count), slice(done, done + count)))
            done += count
        self.writes += rows
        return runs

    def ages(self, indices: IndexArray) -> IndexArray:
        """Return the ages of filled slots ``indices``, (n,), in rows written to the ring since."""
        return (self.writes - 1 - (indices - self.low)) % max(1, self.size)

    def overwritten(self, indices: IndexArray, since: int) -> NDArray[np.bool_]:
        """Return a mask, (n,), of the slots ``indices`` written after the first ``since`` rows."""
        # The k-th slot after those rows is overwritten once k more rows have been written.
        return (indices - self.low - since) % max(1, self.size) < self.writes - since
