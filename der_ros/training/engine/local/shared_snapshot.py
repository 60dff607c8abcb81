"""A policy snapshot in memory that the learner writes and worker processes read at any time."""

from __future__ import annotations

import ctypes
from multiprocessing.context import SpawnContext
from typing import Any

import numpy as np

from der_ros.replay.transitions import Float32Array
from der_ros.training.engine.interface import Sizes
from der_ros.training.engine.messages import PolicySnapshot
from der_ros.training.rollout.observation_filter import FilterStatistics

_TRIES = 1000  # a writer needs microseconds; one that was killed while it wrote never ends


class SharedSnapshot:
    """One writer, many readers, nobody waits for anybody.

    A counter is odd while the writer writes; a reader that saw it odd or changed reads again (a
    sequence lock; sound where stores are seen in order, as on x86, and on others the copy is
    checked by its checksum). A reader that is killed leaves nothing locked.
    """

    def __init__(self, context: SpawnContext, sizes: Sizes, clip: float) -> None:
        """Empty; to be handed to the processes as they are started. ``clip`` is the filter's."""
        self._sizes = (sizes.parameters, sizes.observation, sizes.observation, sizes.networks)
        self._clip = clip
        self._counters: Any = context.RawArray(ctypes.c_int64, 2)  # sequence, updates
        self._numbers: Any = context.RawArray(ctypes.c_float, sum(self._sizes) + 1)

    @property
    def version(self) -> int:
        """Grows with each write; 0 before the first."""
        return int(self._counters[0]) // 2

    def write(self, snapshot: PolicySnapshot) -> None:
        """Replaces what is there."""
        numbers = np.frombuffer(self._numbers, np.float32)
        values = (
            snapshot.parameters, snapshot.filter.mean, snapshot.filter.std, snapshot.networks
        )  # fmt: skip
        joined = np.concatenate(values).astype(np.float32)
        self._counters[0] += 1
        self._counters[1] = snapshot.updates
        numbers[:-1] = joined
        numbers[-1] = _checksum(joined)
        self._counters[0] += 1

    def read(self) -> PolicySnapshot | None:
        """A copy of the newest, whole; None before the first write, or if the writer was killed."""
        if self.version == 0:
            return None
        for _ in range(_TRIES):
            before = int(self._counters[0])
            numbers = np.frombuffer(self._numbers, np.float32).copy()
            updates = int(self._counters[1])
            whole = before % 2 == 0 and before == int(self._counters[0])
            if whole and numbers[-1] == _checksum(numbers[:-1]):
                return self._split(numbers[:-1], updates)
        return None

    def _split(self, numbers: Float32Array, updates: int) -> PolicySnapshot:
        parameters, mean, std, networks = np.split(numbers, np.cumsum(self._sizes)[:-1])
        statistics = FilterStatistics(mean, std, self._clip)
        return PolicySnapshot(parameters, statistics, updates, networks)


def _checksum(numbers: np.ndarray[Any, np.dtype[np.float32]]) -> float:
    """Of the bits, folded to a number that compares equal with itself."""
    folded = int(np.bitwise_xor.reduce(numbers.view(np.uint32)))
    return float(folded & 0xFFFFFF)
