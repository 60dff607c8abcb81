"""Snapshots of rows for a checkpoint that is written while training continues."""

from __future__ import annotations

import threading

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.replay.array_types import Float32Array

# Bounds the time that a writer of rows waits: half a megabyte of the paper's transitions.
_CHUNK_ROWS = 4096


class FrozenRows:
    """Snapshot of contiguous rows of a changing matrix; call it to get the rows.

    Rows are copied in chunks: in the thread that calls the snapshot, or just before they change.
    A writer waits only for the chunks that it is about to change.
    """

    def __init__(self, rows: Float32Array, part: slice) -> None:
        """Freeze the rows ``part`` of ``rows`` without copying them."""
        self._rows, self._start = rows[part], part.start
        self._kept: dict[int, Float32Array] = {}  # copies of chunks that changed since
        self._given = 0  # number of chunks already returned
        self._lock = threading.Lock()

    def keep(self, slots: slice) -> None:
        """Copy the chunks that hold ``slots``; call this before these rows of the matrix change."""
        low = max(slots.start - self._start, 0)
        high = min(slots.stop - self._start, len(self._rows))
        with self._lock:
            for chunk in range(max(low // _CHUNK_ROWS, self._given), -(-high // _CHUNK_ROWS)):
                if chunk not in self._kept:
                    self._kept[chunk] = self._rows[_slots(chunk)].copy()

    def __call__(self) -> Float32Array:
        """Return a copy of the frozen rows and free the kept chunks; callable only once.

        Raises:
            ConfigurationError: The snapshot was called before.
        """
        if self._given:
            raise ConfigurationError("frozen rows: expected to be called once, got a second call")
        result = np.empty_like(self._rows)
        for chunk in range(-(-len(result) // _CHUNK_ROWS)):
            with self._lock:
                kept = self._kept.pop(chunk, None)
                result[_slots(chunk)] = self._rows[_slots(chunk)] if kept is None else kept
                self._given = chunk + 1
        return result


def _slots(chunk: int) -> slice:
    return slice(chunk * _CHUNK_ROWS, (chunk + 1) * _CHUNK_ROWS)
