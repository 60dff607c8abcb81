"""Replay shard compared with cpprb, torchrl and pure Python, and the memory of 2e6 rows.

    pip install -r requirements/benchmarks.txt
    python benchmarks/bench_replay.py [--json] [--skip-memory]

Rates are rows per second at capacity 333,333, added in fragments of 50 and sampled in batches of
512. A transition holds two observations of 13 numbers each, an action of 6, a return and a
discount. Contestants take turns in short slices, so that other load on the machine slows all of
them; the best slice of each counts.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from der_ros.replay.shard import Batch, Shard, ShardConfig
from der_ros.replay.transitions import Transitions
from support.replay_memory import MemoryFigures, memory_figures
from support.replay_peers import (
    ACTION,
    BATCH,
    CAPACITY,
    FRAGMENT,
    OBSERVATION,
    PythonReplay,
    ReplayPeer,
    installed_peers,
)

SLICE_S, ROUNDS = 0.05, 15


class OurShard:
    """The shard of this package, with a demonstration zone of 1 %."""

    name = "der_ros"

    def __init__(self) -> None:
        self._shard = Shard(ShardConfig(CAPACITY, CAPACITY // 100), OBSERVATION, ACTION)
        self._rng = np.random.default_rng(0)

    def add(self, fragment: Transitions) -> None:
        """Add rows to the shard."""
        self._shard.add(fragment)

    def sample(self) -> Batch:
        """Draw one batch from the shard."""
        return self._shard.sample(BATCH, self._rng)

    def update(self, batch: Batch, td_errors: np.ndarray) -> None:
        """Write back the priorities of a batch."""
        self._shard.update_priorities(batch.indices, batch.drawn_at, td_errors)


class Race(NamedTuple):
    """Rows per second of each contestant in one discipline."""

    what: str
    rates: dict[str, float]

    def ratio(self, names: list[str]) -> float:
        """Return our rate divided by the best rate of ``names``."""
        return self.rates["der_ros"] / max(self.rates[name] for name in names)


def rate(rows: int, body: Callable[[], object]) -> float:
    """Return the rows per second of ``body`` over one slice."""
    count, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < SLICE_S:
        body()
        count += 1
    return rows * count / passed


def races(contestants: list[ReplayPeer]) -> list[Race]:
    """Fill all contestants and measure their rates."""
    rng = np.random.default_rng(0)
    shapes = ((FRAGMENT, OBSERVATION), (FRAGMENT, ACTION), (FRAGMENT,), (FRAGMENT,))
    columns = [rng.standard_normal(s).astype(np.float32) for s in (*shapes, shapes[0])]
    fragment = Transitions(*columns)
    errors = [np.abs(rng.standard_normal(BATCH)).astype(np.float32) for _ in range(64)]
    turns = iter(range(10**9))

    def both(one: ReplayPeer) -> None:
        one.update(one.sample(), errors[next(turns) % len(errors)])

    for one in contestants:
        for _ in range(CAPACITY // FRAGMENT + 1):
            one.add(fragment)
        for _ in range(500):  # priorities as in training
            both(one)
    disciplines: list[tuple[str, int, Callable[[ReplayPeer], object]]] = [
        ("add", FRAGMENT, lambda one: one.add(fragment)),
        ("sample", BATCH, lambda one: one.sample()),
        ("sample_and_update", BATCH, both),
    ]
    return [Race(what, _race(contestants, rows, body)) for what, rows, body in disciplines]


def _race(
    contestants: list[ReplayPeer], rows: int, body: Callable[[ReplayPeer], object]
) -> dict[str, float]:
    best = dict.fromkeys((one.name for one in contestants), 0.0)
    for _ in range(ROUNDS):
        for one in contestants:
            best[one.name] = max(best[one.name], rate(rows, lambda one=one: body(one)))  # type: ignore[misc]
    return best


def print_races(results: list[Race], peers: list[str], missing: list[str]) -> None:
    """Print one table: rates, and ratios to the best peer and to pure Python."""
    names = list(results[0].rates)
    print("".join([f"{'rows a second':<20}", *(f"{name:>14}" for name in names)]), end="")
    print(f"{'/ best peer':>14}{'/ Python':>10}")
    for result in results:
        rates = "".join(f"{result.rates[name]:>14,.0f}" for name in names)
        peer = f"{result.ratio(peers):.1f}" if peers else "-"
        print(f"{result.what:<20}{rates}{peer:>14}{result.ratio(['pure Python']):>10.1f}")
    for reason in missing:
        print(f"not in the race: {reason}")


def print_memory(figures: MemoryFigures) -> None:
    """Print memory and times for two million transitions."""
    print(f"\n{figures.transitions:,} transitions in {figures.shards} shards")
    print(f"  their own numbers      {figures.own_mb:8.1f} MB")
    print(f"  memory of the process  {figures.resident_mb:8.1f} MB = {figures.ratio:.3f} x")
    print(f"  state frozen           {figures.freeze_s:8.2f} s, all that training waits")
    print(f"  written as .npz        {figures.write_s:8.2f} s, in the background")
    print(f"  read and taken over    {figures.load_s:8.2f} s")


def main() -> None:
    """Print tables, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--skip-memory", action="store_true")
    options = parser.parse_args()
    # Memory first, so that memory left behind by the peers is not counted.
    memory = None if options.skip_memory else memory_figures()
    peers, missing = installed_peers()
    results = races([OurShard(), *peers, PythonReplay()])
    names = [peer.name for peer in peers]
    if options.json:
        rates = {
            race.what: race.rates
            | {
                "ratio_to_best_peer": race.ratio(names) if names else None,
                "ratio_to_python": race.ratio(["pure Python"]),
            }
            for race in results
        }
        facts = memory._asdict() | {"ratio": memory.ratio} if memory else None
        print(json.dumps({"rates": rates, "missing": missing, "memory": facts}))
        return
    print_races(results, names, missing)
    if memory:
        print_memory(memory)


if __name__ == "__main__":
    main()
