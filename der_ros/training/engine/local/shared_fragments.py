"""Memory through which a worker process hands its fragments' transitions to the learner."""

from __future__ import annotations

import ctypes
from multiprocessing.context import SpawnContext
from typing import Any

import numpy as np

from der_ros.replay.sum_tree import FloatArray
from der_ros.replay.transitions import Float32Array, Transitions
from der_ros.training.engine.interface import Sizes

SLOTS = 4  # fragments that a worker may be ahead of the learner


class SharedFragments:
    """A few slots of one worker; who may touch which is agreed by messages, without locks.

    The worker writes a slot and says so; the learner reads it, views and all, and says that it
    has. A slot holds the columns of up to ``rows`` transitions one after the other, then their TD
    errors.
    """

    def __init__(self, context: SpawnContext, sizes: Sizes, rows: int) -> None:
        """Empty; to be handed to the process as it is started."""
        one = (sizes.observation, sizes.action, 1, 1, sizes.observation, 1)
        self._widths, self._rows = one, rows
        self._memory: Any = context.RawArray(ctypes.c_float, SLOTS * rows * sum(one))

    def write(self, slot: int, transitions: Transitions, td_errors: FloatArray | None) -> None:
        """Fills a slot that the learner is done with."""
        *columns, priorities = self._columns(slot, transitions.size)
        for column, values in zip(columns, transitions, strict=True):
            column[:] = values.reshape(column.shape)
        if td_errors is not None:
            priorities[:, 0] = td_errors

    def read(
        self, slot: int, rows: int, with_td_errors: bool
    ) -> tuple[Transitions, FloatArray | None]:
        """Views of what was written, good until the worker is told that they were taken."""
        *columns, td_errors = self._columns(slot, rows)
        observation, action, n_step_return, discount, next_observation = columns
        transitions = Transitions(
            observation, action, n_step_return[:, 0], discount[:, 0], next_observation
        )
        return transitions, td_errors[:, 0].astype(np.float64) if with_td_errors else None

    def _columns(self, slot: int, rows: int) -> list[Float32Array]:
        """Of ``rows`` rows each, (rows, width)."""
        numbers = np.frombuffer(self._memory, np.float32).reshape(SLOTS, -1)[slot]
        ends = np.cumsum([self._rows * width for width in self._widths])
        parts = np.split(numbers, ends[:-1])
        return [
            part[: rows * width].reshape(rows, width)
            for part, width in zip(parts, self._widths, strict=True)
        ]
