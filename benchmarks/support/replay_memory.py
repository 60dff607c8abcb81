"""Memory of two million transitions, and the time to copy, write and read their state."""

from __future__ import annotations

import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from der_ros.replay.shard import ShardConfig
from der_ros.replay.sharded import ReplayConfig, ShardedReplay
from der_ros.replay.transitions import Transitions

TRANSITIONS, SHARDS, FRAGMENT = 2_000_000, 6, 50
OBSERVATION, ACTION = 13, 6
NUMBERS = 2 * OBSERVATION + ACTION + 2
_T = TypeVar("_T")


class MemoryFigures(NamedTuple):
    """Memory in MB (10^6 bytes), and times in s."""

    transitions: int
    shards: int
    own_mb: float
    resident_mb: float
    freeze_s: float
    write_s: float
    load_s: float

    @property
    def ratio(self) -> float:
        """Resident memory divided by the transitions' own size."""
        return self.resident_mb / self.own_mb


def memory_figures() -> MemoryFigures:
    """Fill six shards, then save and restore them."""
    before = _resident_mb()
    replay = _empty()
    _fill(replay)
    resident = _resident_mb() - before
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "replay.npz"
        freeze_s, state = _timed(lambda: [shard.frozen_state() for shard in replay.shards])
        write_s, _ = _timed(lambda: _write(path, state))
        other = _empty()
        load_s, _ = _timed(lambda: _load(path, other))
    assert len(other) == len(replay) == TRANSITIONS
    return MemoryFigures(
        TRANSITIONS, SHARDS, len(replay) * NUMBERS * 4 / 1e6, resident, freeze_s, write_s, load_s
    )


def _empty() -> ShardedReplay:
    capacity = -(-TRANSITIONS // SHARDS)
    shard = ShardConfig(capacity, zone_size=capacity // 100)
    return ShardedReplay(ReplayConfig(SHARDS, shard), OBSERVATION, ACTION, np.random.default_rng(0))


def _fill(replay: ShardedReplay) -> None:
    rng, left = np.random.default_rng(0), TRANSITIONS
    for shard in replay.shards:
        zone = shard.config.zone_size
        rows = min(left, shard.config.capacity)
        left -= rows
        shard.insert(_transitions(rng, zone))
        for start in range(zone, rows, FRAGMENT):
            count = min(FRAGMENT, rows - start)
            shard.add(_transitions(rng, count), rng.random(count))
        shard.sample(512, rng)


def _transitions(rng: np.random.Generator, rows: int) -> Transitions:
    shapes = ((rows, OBSERVATION), (rows, ACTION), (rows,), (rows,), (rows, OBSERVATION))
    return Transitions(*(rng.random(shape, dtype=np.float32) for shape in shapes))


def _write(path: Path, shards: list[dict[str, Any]]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for k, state in enumerate(shards):
            for name, value in state.items():
                array = value() if callable(value) else value
                with archive.open(f"{k}/{name}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)


def _load(path: Path, replay: ShardedReplay) -> None:
    with np.load(path, allow_pickle=False) as archive:
        for k, shard in enumerate(replay.shards):
            names = [name for name in archive.files if name.startswith(f"{k}/")]
            shard.load_state({name.partition("/")[2]: archive[name] for name in names})


def _timed(body: Callable[[], _T]) -> tuple[float, _T]:
    start = time.perf_counter()
    result = body()
    return time.perf_counter() - start, result


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("/proc/self/status: expected a line VmRSS")
