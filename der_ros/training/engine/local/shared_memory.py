"""Shared memory of learner and worker processes, for fragments and policies."""

from __future__ import annotations

import ctypes
from multiprocessing.context import SpawnContext
from typing import Any

import numpy as np

from der_ros.replay.array_types import Float32Array, FloatArray
from der_ros.replay.transitions import Transitions
from der_ros.training.engine.interface import PolicySnapshot, Sizes
from der_ros.training.rollout.observation_filter import FilterStatistics

SLOTS = 4  # number of fragments that a worker may be ahead of the learner


class SharedFragments:
    """Slots for one worker's fragments, without locks: messages pass the ownership of a slot.

    The worker writes a slot and sends a message; the learner reads the slot and answers, which
    releases it. A slot holds the columns of up to ``rows`` transitions one after the other, then
    their TD errors.
    """

    def __init__(self, context: SpawnContext, sizes: Sizes, rows: int) -> None:
        """Allocate the slots; pass the object to the worker's process at its start."""
        one = (sizes.observation, sizes.action, 1, 1, sizes.observation, 1)
        self._widths, self._rows = one, rows
        self._memory: Any = context.RawArray(ctypes.c_float, SLOTS * rows * sum(one))

    def write(self, slot: int, transitions: Transitions, td_errors: FloatArray | None) -> None:
        """Write a fragment to a slot that the learner has released."""
        *columns, priorities = self._columns(slot, transitions.size)
        for column, values in zip(columns, transitions, strict=True):
            column[:] = values.reshape(column.shape)
        if td_errors is not None:
            priorities[:, 0] = td_errors

    def read(
        self, slot: int, rows: int, with_td_errors: bool
    ) -> tuple[Transitions, FloatArray | None]:
        """Return views of a slot, valid until the learner releases it."""
        *columns, td_errors = self._columns(slot, rows)
        observation, action, n_step_return, discount, next_observation = columns
        transitions = Transitions(
            observation, action, n_step_return[:, 0], discount[:, 0], next_observation
        )
        return transitions, td_errors[:, 0].astype(np.float64) if with_td_errors else None

    def _columns(self, slot: int, rows: int) -> list[Float32Array]:
        """Return the columns of a slot, each of shape (rows, width)."""
        numbers = np.frombuffer(self._memory, np.float32).reshape(SLOTS, -1)[slot]
        ends = np.cumsum([self._rows * width for width in self._widths])
        parts = np.split(numbers, ends[:-1])
        return [
            part[: rows * width].reshape(rows, width)
            for part, width in zip(parts, self._widths, strict=True)
        ]


_TRIES = 1000  # a write takes microseconds; a writer killed during it never ends it


class SharedNumbers:
    """Shared array with an integer tag, for one writer and many readers, without waiting.

    A counter is odd while the writer writes; a reader that finds it odd or changed reads again.
    This sequence lock is sound if stores are seen in order, as on x86; on other processors a
    checksum verifies the copy. A killed reader leaves nothing locked.
    """

    def __init__(self, context: SpawnContext, size: int) -> None:
        """Allocate the memory for ``size`` numbers; pass it to each process."""
        self._counters: Any = context.RawArray(ctypes.c_int64, 2)  # sequence, tag
        self._numbers: Any = context.RawArray(ctypes.c_float, size + 1)

    @property
    def version(self) -> int:
        """Number of writes so far, 0 before the first."""
        return int(self._counters[0]) // 2

    def _put(self, given: Float32Array, tag: int) -> None:
        """Write numbers (size,) and a tag in place of the previous ones."""
        numbers = np.frombuffer(self._numbers, np.float32)
        # A writer that was killed leaves an odd counter.
        self._counters[0] += 1 + int(self._counters[0]) % 2
        self._counters[1] = tag
        numbers[:-1] = given
        numbers[-1] = _checksum(given)
        self._counters[0] += 1

    def _get(self) -> tuple[Float32Array, int] | None:
        """Return consistent copies; None before the first write, or if the writer was killed."""
        if self.version == 0:
            return None
        for _ in range(_TRIES):
            before = int(self._counters[0])
            if before % 2:
                continue
            numbers = np.frombuffer(self._numbers, np.float32).copy()
            tag = int(self._counters[1])
            whole = before == int(self._counters[0])
            if whole and numbers[-1] == _checksum(numbers[:-1]):
                return numbers[:-1], tag
        return None


class SharedSnapshot(SharedNumbers):
    """A policy snapshot with one writer and many readers."""

    def __init__(self, context: SpawnContext, sizes: Sizes, clip: float) -> None:
        """Allocate the memory, for a filter with that ``clip``; pass it to each process."""
        self._sizes = (sizes.parameters, sizes.observation, sizes.observation, sizes.networks)
        self._clip = clip
        super().__init__(context, sum(self._sizes))

    def write(self, snapshot: PolicySnapshot) -> None:
        """Write ``snapshot`` in place of the previous one."""
        statistics = snapshot.filter
        values = (snapshot.parameters, statistics.mean, statistics.std, snapshot.networks)
        self._put(np.concatenate(values).astype(np.float32), snapshot.updates)

    def read(self) -> PolicySnapshot | None:
        """Return a consistent copy; None before the first write, or if the writer was killed."""
        read = self._get()
        return None if read is None else self._split(*read)

    def _split(self, numbers: Float32Array, updates: int) -> PolicySnapshot:
        parameters, mean, std, networks = np.split(numbers, np.cumsum(self._sizes)[:-1])
        statistics = FilterStatistics(mean, std, self._clip)
        return PolicySnapshot(parameters, statistics, updates, networks)


def _checksum(numbers: np.ndarray[Any, np.dtype[np.float32]]) -> float:
    """Return a checksum of the bits, as a number that float32 holds exactly."""
    folded = int(np.bitwise_xor.reduce(numbers.view(np.uint32)))
    return float(folded & 0xFFFFFF)
