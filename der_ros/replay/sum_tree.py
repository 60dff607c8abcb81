"""A sum tree over priorities: draw in proportion to them, change many at once, in numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from der_ros.errors import ConfigurationError

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]

# The descent starts at a level of this many nodes, reached by one search in their running sums.
_ENTRY_NODES = 256


class SumTree:
    """A complete binary tree whose leaves hold priorities and whose nodes hold their sums.

    The nodes lie in one array: the root is node 1, the children of node ``k`` are ``2k`` and
    ``2k + 1``, leaf ``i`` is node ``leaves + i``. Sums are always recomputed from the two children,
    never adjusted by differences, so they do not drift.

    All operations take whole batches and walk the tree level by level.
    """

    def __init__(self, capacity: int) -> None:
        """A tree of ``capacity`` leaves, all zero."""
        if capacity < 1:
            raise ConfigurationError(f"sum tree: expected a capacity of at least 1, got {capacity}")
        self.capacity = capacity
        self._leaves = 1 << max(1, (capacity - 1).bit_length())
        self._nodes = np.zeros(2 * self._leaves)
        self._entry = min(_ENTRY_NODES, self._leaves)

    @property
    def total(self) -> float:
        """The sum of all priorities."""
        return float(self._nodes[1])

    @property
    def values(self) -> FloatArray:
        """A read-only view of the leaves, (capacity,)."""
        view = self._nodes[self._leaves : self._leaves + self.capacity]
        view.flags.writeable = False
        return view

    def get(self, indices: IndexArray) -> FloatArray:
        """Returns the priorities of ``indices`` (n,)."""
        return self._nodes[indices + self._leaves]

    def set(self, indices: IndexArray, values: FloatArray) -> None:
        """Writes ``values`` (n,) to leaves ``indices`` (n,); of a repeated one, the last wins."""
        nodes = indices + self._leaves
        self._nodes[nodes] = values
        for _ in range(self._leaves.bit_length() - 1):
            nodes = nodes >> 1
            left = nodes << 1
            self._nodes[nodes] = self._nodes[left] + self._nodes[left + 1]

    def set_range(self, start: int, values: FloatArray) -> None:
        """Writes ``values`` (n,) to the leaves [start, start + n): the quick way for neighbours."""
        low, high = start + self._leaves, start + self._leaves + len(values)
        self._nodes[low:high] = values
        while low > 1:
            low, high = low >> 1, ((high - 1) >> 1) + 1
            children = self._nodes[2 * low : 2 * high]
            np.add(children[0::2], children[1::2], out=self._nodes[low:high])

    def sum_before(self, index: int) -> float:
        """The sum of the leaves [0, index)."""
        if index >= self.capacity:
            return self.total
        node, result = index + self._leaves, 0.0
        while node > 1:
            if node & 1:
                result += float(self._nodes[node - 1])
            node >>= 1
        return result

    def find(self, masses: FloatArray) -> IndexArray:
        """For each mass (n,) in [0, total), the leaf whose share of the running sum holds it.

        Leaf ``i`` is found for masses in [sum_before(i), sum_before(i + 1)); leaves of priority
        zero are never found, whatever the rounding.
        """
        entry_sums = np.cumsum(self._nodes[self._entry : 2 * self._entry])
        first = np.minimum(np.searchsorted(entry_sums, masses, side="right"), self._entry - 1)
        rest = masses - (entry_sums[first] - self._nodes[self._entry + first])
        nodes = first + self._entry
        for _ in range(self._leaves.bit_length() - self._entry.bit_length()):
            nodes = nodes << 1
            left = self._nodes[nodes]
            right = rest >= left
            rest -= left * right
            nodes += right
        indices = nodes - self._leaves
        return self._away_from_zero(indices)

    def _away_from_zero(self, indices: IndexArray) -> IndexArray:
        """Rounding in the sums can lead one leaf too far; such a draw takes its left neighbour."""
        for place in np.flatnonzero(self._nodes[indices + self._leaves] <= 0.0):
            positive = np.flatnonzero(self.values[: indices[place]] > 0.0)
            if len(positive) == 0:
                positive = np.flatnonzero(self.values > 0.0)
            indices[place] = positive[-1]
        return indices
