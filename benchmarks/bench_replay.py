"""Races a shard against a pure-Python sum tree, the kind that the paper ran on, in the same run.

    python benchmarks/bench_replay.py [--json]

Rows a second at capacity 333,333, in rows of 50 added and batches of 512 drawn.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from der_ros.replay.shard import Batch, Shard, ShardConfig
from der_ros.replay.transitions import Transitions

CAPACITY, FRAGMENT, BATCH = 333_333, 50, 512
OBSERVATION, ACTION = 13, 6


class PythonReplay:
    """A list of rows and a binary tree walked one draw at a time."""

    def __init__(self, alpha: float = 0.5, epsilon: float = 1e-6) -> None:
        self.leaves = 1 << (CAPACITY - 1).bit_length()
        self.sums = [0.0] * (2 * self.leaves)
        self.rows: list[tuple[object, ...]] = []
        self.next, self.alpha, self.epsilon = 0, alpha, epsilon

    def set(self, index: int, value: float) -> None:
        """Writes one leaf and the sums above it."""
        node = index + self.leaves
        self.sums[node] = value
        while node > 1:
            node >>= 1
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1]

    def add(self, row: tuple[object, ...]) -> None:
        """Appends one row, or overwrites the oldest."""
        if len(self.rows) < CAPACITY:
            self.rows.append(row)
        else:
            self.rows[self.next] = row
        self.set(self.next, 1.0)
        self.next = (self.next + 1) % CAPACITY

    def sample(self, rows: int) -> tuple[list[int], list[np.ndarray]]:
        """Draws rows one by one."""
        indices = []
        for _ in range(rows):
            mass, node = random.random() * self.sums[1], 1
            while node < self.leaves:
                node *= 2
                if mass >= self.sums[node]:
                    mass -= self.sums[node]
                    node += 1
            indices.append(min(node - self.leaves, len(self.rows) - 1))
        columns = zip(*(self.rows[i] for i in indices), strict=True)
        return indices, [np.array(column) for column in columns]

    def update(self, indices: list[int], td_errors: np.ndarray) -> None:
        """Writes priorities one by one."""
        for index, error in zip(indices, td_errors.tolist(), strict=True):
            self.set(index, (abs(error) + self.epsilon) ** self.alpha)


class Figure(NamedTuple):
    """Rows a second."""

    what: str
    ours: float
    peer: float
    ratio: float


def rate(rows: int, body: Callable[[], object], seconds: float = 1.0) -> float:
    """Rows a second of ``body``, the best of three."""
    best = 0.0
    for _ in range(3):
        count, start = 0, time.perf_counter()
        while (passed := time.perf_counter() - start) < seconds / 3:
            body()
            count += 1
        best = max(best, rows * count / passed)
    return best


def figures() -> list[Figure]:
    """Fills both and races them."""
    rng = np.random.default_rng(0)
    fragment = Transitions(
        *(
            rng.standard_normal(shape).astype(np.float32)
            for shape in (
                (FRAGMENT, OBSERVATION),
                (FRAGMENT, ACTION),
                (FRAGMENT,),
                (FRAGMENT,),
                (FRAGMENT, OBSERVATION),
            )
        )
    )
    td_errors = rng.standard_normal(BATCH)
    rows = [tuple(column[k] for column in fragment) for k in range(FRAGMENT)]
    shard, peer = Shard(ShardConfig(CAPACITY, 3_333), OBSERVATION, ACTION), PythonReplay()
    for _ in range(CAPACITY // FRAGMENT + 1):
        shard.add(fragment)
        for row in rows:
            peer.add(row)

    def both_ours() -> None:
        batch: Batch = shard.sample(BATCH, rng)
        shard.update_priorities(batch.indices, batch.drawn_at, td_errors)

    def both_peer() -> None:
        indices, _ = peer.sample(BATCH)
        peer.update(indices, td_errors)

    races: list[tuple[str, int, Callable[[], object], Callable[[], object]]] = [
        ("add", FRAGMENT, lambda: shard.add(fragment), lambda: [peer.add(row) for row in rows]),
        ("sample", BATCH, lambda: shard.sample(BATCH, rng), lambda: peer.sample(BATCH)),
        ("sample_and_update", BATCH, both_ours, both_peer),
    ]
    results = []
    for what, count, ours, theirs in races:
        ours_rate, peer_rate = rate(count, ours), rate(count, theirs)
        results.append(Figure(what, ours_rate, peer_rate, ours_rate / peer_rate))
    return results


def main() -> None:
    """Prints a table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = figures()
    if options.json:
        print(json.dumps({figure.what: figure._asdict() for figure in results}))
        return
    print(f"{'rows a second':<20}{'shard':>12}{'pure Python':>14}{'ratio':>8}")
    for figure in results:
        print(f"{figure.what:<20}{figure.ours:>12,.0f}{figure.peer:>14,.0f}{figure.ratio:>8.1f}")


if __name__ == "__main__":
    main()
