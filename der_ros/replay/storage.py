"""Storage of transitions in one matrix, one transition per row."""

from __future__ import annotations

import weakref

import numpy as np
from numpy.typing import NDArray

from der_ros.replay.array_types import Float32Array, IndexArray
from der_ros.replay.frozen_rows import FrozenRows
from der_ros.replay.transitions import Transitions


class Storage:
    """Float32 matrix with one transition per row: observation, action, return, discount, next.

    Batches are drawn from all over the memory. With one row per transition, a transition takes one
    or two cache lines and a batch is a single gather. Memory pages are used as the matrix fills.
    """

    def __init__(self, capacity: int, observation_size: int, action_size: int) -> None:
        """Reserve room for ``capacity`` transitions."""
        self._sizes = observation_size, action_size
        self._rows = np.zeros((capacity, 2 * observation_size + action_size + 2), np.float32)
        self._columns = self._split(self._rows)
        self._frozen: weakref.WeakSet[FrozenRows] = weakref.WeakSet()

    def write(self, slots: slice, transitions: Transitions, part: slice) -> None:
        """Write the rows ``part`` of ``transitions`` to ``slots``."""
        for frozen in self._frozen:
            frozen.keep(slots)
        for column, values in zip(self._columns, transitions, strict=True):
            column[slots] = values[part]

    def gather(self, indices: IndexArray) -> Transitions:
        """Return copies of the rows ``indices``, (n,), as views of one new matrix."""
        return self._split(self._rows.take(indices, axis=0))

    def freeze(self, part: slice) -> FrozenRows:
        """Return a snapshot of the rows ``part``, copied when it is called or the rows change."""
        frozen = FrozenRows(self._rows, part)
        self._frozen.add(frozen)
        return frozen

    def write_packed(self, slots: slice, rows: NDArray[np.generic]) -> None:
        """Write rows back that a ``FrozenRows`` returned.

        Raises:
            ValueError: ``rows`` has another shape than ``slots``.
        """
        if rows.shape != self._rows[slots].shape:
            raise ValueError(f"expected rows {self._rows[slots].shape}, got {rows.shape}")
        self._rows[slots] = rows

    def _split(self, rows: Float32Array) -> Transitions:
        observation, action = self._sizes
        ends = observation, observation + action, observation + action + 2
        return Transitions(
            observation=rows[:, : ends[0]],
            action=rows[:, ends[0] : ends[1]],
            n_step_return=rows[:, ends[1]],
            discount=rows[:, ends[1] + 1],
            next_observation=rows[:, ends[2] :],
        )
