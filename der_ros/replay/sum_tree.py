"""A sum tree over priorities, in numpy: proportional draws and writes in batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from der_ros.errors import ConfigurationError

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]

# Children of a node. Eight float64 are one cache line, so a step of a descent reads one line, and
# the sums take an eighth of the priorities' memory.
_FAN = 8
# Levels are added until one has no more nodes than this; their running sums are searched directly,
# and kept while nothing changes.
_TOP_NODES = 8192
# _BEFORE @ children: for each child the sum of those before it.
_BEFORE = np.tri(_FAN, k=-1)


class SumTree:
    """Tree of priorities in groups of eight, whose sums are again in groups of eight.

    ``_levels[0]`` holds the priorities, one group a row; row ``g`` of a level sums up to entry
    ``g`` of the level above. Sums are always recomputed from all children, never adjusted by
    differences, so they do not drift.

    Operations take whole batches and walk the tree level by level. Neighbouring leaves that are
    written in turn, as by a ring, are summed up only when a sum is needed: see ``set_range``.
    """

    def __init__(self, capacity: int) -> None:
        """Make a tree of ``capacity`` leaves, all zero."""
        if capacity < 1:
            raise ConfigurationError(f"sum tree: expected a capacity of at least 1, got {capacity}")
        self.capacity = capacity
        nodes, depth = -(-capacity // _FAN), 1
        while nodes > _TOP_NODES:
            nodes, depth = -(-nodes // _FAN), depth + 1
        # Every group is whole, also beyond the last leaf: no descent leads out of the arrays.
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
        """A read-only view of the leaves, (capacity,)."""
        view = self._leaves[: self.capacity]
        view.flags.writeable = False
        return view

    def get(self, indices: IndexArray) -> FloatArray:
        """Return the priorities of leaves ``indices`` (n,)."""
        return self._leaves.take(indices)

    def set(self, indices: IndexArray, values: FloatArray) -> None:
        """Write ``values`` (n,) to leaves ``indices`` (n,); of a repeated one, the last wins."""
        self._leaves[indices] = values
        self._settled = False
        nodes = indices
        for level, sums in zip(self._levels, self._sums, strict=True):
            nodes = nodes // _FAN
            sums[nodes] = _sum_of_rows(level.take(nodes, axis=0))

    def set_range(self, leaves: slice, values: NDArray[np.generic]) -> None:
        """Write ``values`` (n,) to the n neighbouring ``leaves``.

        Their sums are computed when needed. Ranges that continue each other are joined until then,
        so that a ring fills at the speed of copying.
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
        """Return for each mass (n,) in [0, total) the leaf whose part of the running sum has it.

        Leaf ``i`` is found for masses in [sum_before(i), sum_before(i + 1)); leaves of priority
        zero are never found, whatever the rounding.
        """
        self._settle()
        nodes = self._running[1:-1].searchsorted(masses, "right")
        rest = masses - self._running.take(nodes)
        columns = np.arange(len(masses))
        for level in reversed(self._levels):
            before = _BEFORE @ level.take(nodes, axis=0).T
            # The last child that begins before the mass; counted in bytes, the cheapest sum.
            begun = (before[1:] <= rest).view(np.int8)
            child = np.add.reduce(begun, axis=0, dtype=np.int8).astype(np.int64)
            rest -= before.take(child * len(masses) + columns)
            nodes *= _FAN
            nodes += child
        return self._away_from_zero(nodes)

    def _settle(self) -> None:
        """Compute the running sums of the top level and all sums below it."""
        if self._settled:
            return
        self._sum_pending()
        np.add.accumulate(self._top, out=self._running[1:])
        self._settled = True

    def _sum_pending(self) -> None:
        """Compute the sums of leaves that ``set_range`` has written."""
        low, high = self._pending
        if low == high:
            return
        self._pending = (high, high)
        for level, sums in zip(self._levels, self._sums, strict=True):
            low, high = low // _FAN, (high - 1) // _FAN + 1
            sums[low:high] = _sum_of_rows(level[low:high])

    def _away_from_zero(self, indices: IndexArray) -> IndexArray:
        """Return ``indices`` with leaves of priority zero, found by rounding, moved to the left."""
        found = self.get(indices)
        if found.min(initial=1.0) > 0.0:
            return indices
        for place in np.flatnonzero(found <= 0.0):
            positive = np.flatnonzero(self.values[: indices[place]] > 0.0)
            if len(positive) == 0:
                positive = np.flatnonzero(self.values > 0.0)
            indices[place] = positive[-1]
        return indices


def _sum_of_rows(groups: FloatArray) -> FloatArray:
    """Return the sums (rows,) of (rows, fan); other rows do not change a row's rounding."""
    sums: FloatArray = np.einsum("ij->i", groups)
    return sums
