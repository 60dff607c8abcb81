"""Throughput limits of a run with many workers, used in docs/explanation/scaling.md.

./ros2w exec python benchmarks/engine_ceilings.py [--rows 2000000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from der_ros.replay.sharded import ShardedReplay
from der_ros.replay.transitions import Transitions
from der_ros.training.checkpoint.file import load_checkpoint, save_checkpoint
from der_ros.training.config import TrainingConfig, load_config
from der_ros.training.engine.interface import drawn_from
from der_ros.training.learner import Learner

OBSERVATION, ACTION, FRAGMENT = 13, 6, 50


def transitions(rows: int, rng: np.random.Generator) -> Transitions:
    """Return random transitions of the paper's sizes."""
    shapes = ((rows, OBSERVATION), (rows, ACTION), (rows,), (rows,), (rows, OBSERVATION))
    return Transitions(*(rng.random(shape, dtype=np.float32) for shape in shapes))


def rate(function: object, count: int) -> float:
    """Return the calls per second."""
    started = time.perf_counter()
    for _ in range(count):
        function()  # type: ignore[operator]
    return count / (time.perf_counter() - started)


def measure_shard(replay: ShardedReplay, config: TrainingConfig, rng: np.random.Generator) -> None:
    """Fill the replay and print how fast it takes fragments and draws batches."""
    fragment, large = transitions(FRAGMENT, rng), transitions(10_000, rng)
    row_bytes = sum(column.nbytes for column in fragment) / FRAGMENT
    print(f"bytes of a transition: {row_bytes:.0f}")
    while len(replay) < 0.99 * (config.capacity - config.zone_size):
        replay.add(large)
    adds = rate(lambda: replay.add(fragment), 2000)
    print(f"shard: {adds * FRAGMENT:,.0f} transitions/s added in rows of {FRAGMENT}")

    def draw() -> None:
        shard, batch = replay.sample(config.batch_size)
        shard.update_priorities(batch.indices, batch.drawn_at, rng.random(config.batch_size))

    print(f"shard: {rate(draw, 300):,.0f} batches of {config.batch_size}/s, priorities included")


def measure_learner(learner: Learner, replay: ShardedReplay, batch_size: int) -> None:
    """Print the size of a snapshot and the updates per second."""
    snapshot = learner.snapshot()
    filter_bytes = sum(a.nbytes for a in snapshot.filter[:2])
    print(f"bytes of a snapshot: {filter_bytes} + {snapshot.parameters.nbytes} of parameters")
    shard, batch = replay.sample(batch_size)
    drawn = drawn_from(shard, 0, batch)
    learner.learn(drawn)
    print(f"learner: {rate(lambda: learner.learn(drawn), 200):,.0f} updates/s")


def measure_checkpoint(replay: ShardedReplay) -> None:
    """Print the time that a checkpoint of the replay stops training, writes and reads."""
    started = time.perf_counter()
    content = {"replay": replay.state()}
    print(
        f"checkpoint of {len(replay):,} transitions: training stops for "
        f"{time.perf_counter() - started:.2f} s"
    )
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "one.ckpt"
        started = time.perf_counter()
        save_checkpoint(path, content)
        print(f"  written in {time.perf_counter() - started:.1f} s, {path.stat().st_size:,} bytes")
        started = time.perf_counter()
        load_checkpoint(path)
        print(f"  read in {time.perf_counter() - started:.1f} s")


def main() -> None:
    """Run the measurements and print one figure per line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--preset", default="fast")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    config = load_config(options.preset, {"capacity": options.rows, "torch_threads": 1})
    replay = ShardedReplay(config.replay(), OBSERVATION, ACTION, rng)
    measure_shard(replay, config, rng)
    measure_learner(Learner(config, OBSERVATION, ACTION), replay, config.batch_size)
    measure_checkpoint(replay)


if __name__ == "__main__":
    main()
