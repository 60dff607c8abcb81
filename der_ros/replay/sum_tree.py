"""Sum tree over priorities in numpy: proportional sampling and batched writes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from der_ros.errors import ConfigurationError
from der_ros.replay.array_types import FloatArray, IndexArray

# Children per node. Eight float64 fill one cache line, so each step of a descent reads one line,
# and the sums take an eighth of the priorities' memory.
_FAN = 8
# Levels are added until the top one has at most this many nodes. Its running sums are cached and
# searched directly.
_TOP_NODES = 8192
# _BEFORE @ children: for each child, the sum of the children before it.
_BEFORE = np.tri(_FAN, k=-1)


class SumTree:
    """Sum tree of priorities with eight children per node.

    ``_levels[0]`` holds the priorities, one group of eight per row; row ``g`` of a level sums to
    entry ``g`` of the level above. Sums are always recomputed from all children, never adjusted by
    differences, so they do not drift.

    Operations take whole batches and walk the tree level by level. The sums of contiguous leaves
    that are written in order, as by a ring, are computed only when needed: see ``set_range``.
    """

    def __init__(self, capacity: int) -> None:
        """Make a tree of ``capacity`` leaves with priority zero."""
        if capacity < 1:
            raise ConfigurationError(f"sum tree: expected a capacity of at least 1, got {capacity}")
        self.capacity = capacity
        nodes, depth = -(-capacity // _FAN), 1
        while nodes > _TOP_NODES:
            nodes, depth = -(-nodes // _FAN), depth + 1
        # The last group is padded to full size, so that no descent leaves the arrays.
        self._levels = [np.zeros((nodes * _FAN**k, _FAN)) for k in reversed(range(depth))]
        self._top = np.zeros(nodes)
        self._running = np.zeros(nodes + 1)  # [i]: the sum of the first i nodes of the top
        self._settled = True  # True if ``_running`` is up to date
        self._sums = [*(level.reshape(-1) for level in self._levels[1:]), self._top]
        self._leaves = self._levels[0].reshape(-1)
        self._pending = (0, 0)  # leaves [low, high) whose sums are out of date

    @property
    def total(self) -> float:
        """Sum of the priorities of all leaves."""
        self._settle()
        return float(self._running[-1])

    @property
    def values(self) -> FloatArray:
        """Priorities of all leaves as a read-only view, (capacity,)."""
        view = self._leaves[: self.capacity]
        view.flags.writeable = False
        return view

    def get(self, indices: IndexArray) -> FloatArray:
        """Return the priorities, (n,), of leaves ``indices``, (n,)."""
        return self._leaves.take(indices)

    def set(self, indices: IndexArray, values: FloatArray) -> None:
        """Write ``values``, (n,), to leaves ``indices``, (n,); the last of repeated ones wins."""
        self._leaves[indices] = values
        self._settled = False
        nodes = indices
        for level, sums in zip(self._levels, self._sums, strict=True):
            nodes = nodes // _FAN
            sums[nodes] = _sum_of_rows(level.take(nodes, axis=0))

    def set_range(self, leaves: slice, values: NDArray[np.generic]) -> None:
        """Write ``values``, (n,), to the n contiguous ``leaves``.

        Sums are computed when needed. Consecutive ranges are joined until then, so that a ring
        fills at the speed of copying.
        """
        self._leaves[leaves] = values
        low, high = self._pending
        if leaves.start != high:
            self._sum_pending()
            low = leaves.start
        self._pending, self._settled = (low, leaves.stop), False

    def sum_before(self, index: int) -> float:
        """Return the sum of the leaves [0, index)."""
        self._settle()
        result, node = 0.0, index
        for level in self._levels:
            node, child = divmod(node, _FAN)
            if child:
                result += float(level[node, :child].sum())
        return result + float(self._running[node])

    def find(self, masses: FloatArray) -> IndexArray:
        """Return the leaves, (n,), at the cumulative priorities ``masses``, (n,), in [0, total).

        Leaf ``i`` is found for masses in [sum_before(i), sum_before(i + 1)). Leaves of priority
        zero are never found, despite rounding.
        """
        self._settle()
        nodes = self._running[1:-1].searchsorted(masses, "right")
        rest = masses - self._running.take(nodes)
        columns = np.arange(len(masses))
        for level in reversed(self._levels):
            before = _BEFORE @ level.take(nodes, axis=0).T
            # Index of the last child that begins at or before the mass; int8 sums are the cheapest.
            begun = (before[1:] <= rest).view(np.int8)
            child = np.add.reduce(begun, axis=0, dtype=np.int8).astype(np.int64)
            rest -= before.take(child * len(masses) + columns)
            nodes *= _FAN
            nodes += child
        return self._away_from_zero(nodes)

    def _settle(self) -> None:
        """Bring the running sums of the top level, and all sums below it, up to date."""
        if self._settled:
            return
        self._sum_pending()
        np.add.accumulate(self._top, out=self._running[1:])
        self._settled = True

    def _sum_pending(self) -> None:
        """Update the sums above the leaves that ``set_range`` has written."""
        low, high = self._pending
        if low == high:
            return
        self._pending = (high, high)
        for level, sums in zip(self._levels, self._sums, strict=True):
            low, high = low // _FAN, (high - 1) // _FAN + 1
            sums[low:high] = _sum_of_rows(level[low:high])

    def _away_from_zero(self, indices: IndexArray) -> IndexArray:
        """Replace leaves of priority zero, found by rounding, by positive ones to the left."""
        priorities = self.get(indices)
        if priorities.min(initial=1.0) > 0.0:
            return indices
        for place in np.flatnonzero(priorities <= 0.0):
            positive = np.flatnonzero(self.values[: indices[place]] > 0.0)
            if len(positive) == 0:
                positive = np.flatnonzero(self.values > 0.0)
            indices[place] = positive[-1]
        return indices


def _sum_of_rows(groups: FloatArray) -> FloatArray:
    """Return the row sums, (rows,), of (rows, fan); rounding does not depend on other rows."""
    sums: FloatArray = np.einsum("ij->i", groups)
    return sums
