"""Metrics and checkpoint state of a replay, shared by all engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from der_ros.replay.shard import Shard
from der_ros.replay.sharded import ShardedReplay
from der_ros.replay.success_pool import SuccessPool
from der_ros.replay.transitions import Episode


class ShardFacts(NamedTuple):
    """Counts of one shard, for the metrics."""

    rows: int
    zone_rows: int
    zone_size: int
    zone_age: float  # mean age, in rows written to the zone since
    ignored_updates: int


class PoolFacts(NamedTuple):
    """Counts of the success pool, for the metrics."""

    episodes: int
    megabytes: float
    added: int  # episodes added so far


def shard_facts(shard: Shard) -> ShardFacts:
    """Return the current counts of ``shard``."""
    rows, zone_rows = len(shard), shard.zone_filled
    return ShardFacts(
        rows, zone_rows, shard.config.zone_size, shard.zone_age, shard.ignored_updates
    )


def pool_facts(pool: SuccessPool) -> PoolFacts:
    """Return the current counts of ``pool``."""
    return PoolFacts(len(pool), pool.bytes / 2**20, pool.added)


def replay_metrics(
    shards: Sequence[ShardFacts], pool: PoolFacts, insertions: int
) -> dict[str, float]:
    """Return the metrics by name, as defined in `training.metrics.definitions`."""
    zone_rows = sum(shard.zone_rows for shard in shards)
    zone_size = sum(shard.zone_size for shard in shards)
    aged = sum(shard.zone_rows * shard.zone_age for shard in shards)
    return {
        "replay/transitions": float(sum(shard.rows for shard in shards)),
        "replay/ignored_updates": float(sum(shard.ignored_updates for shard in shards)),
        "der/zone_transitions": float(zone_rows),
        "der/zone_fill": zone_rows / max(1, zone_size),
        "der/zone_age": aged / max(1, zone_rows),
        "der/pool_episodes": float(pool.episodes),
        "der/pool_megabytes": pool.megabytes,
        "der/pool_added": float(pool.added),
        "der/insertions": float(insertions),
    }


def replay_state(replay: ShardedReplay) -> dict[str, Any]:
    """Return the state for a checkpoint; ``FrozenRows`` copy the transitions when called."""
    return {
        "shards": {str(k): shard.frozen_state() for k, shard in enumerate(replay.shards)},
        "pool": pool_state(replay.pool),
        "insertions": replay.insertions,
        "next_insertion": replay.next_insertion,
        "random": replay.rng.bit_generator.state,
    }


def load_replay_state(replay: ShardedReplay, state: Mapping[str, Any]) -> None:
    """Restore a state returned by ``replay_state``, of the same or another engine."""
    for k, shard in enumerate(replay.shards):
        shard.load_state(state["shards"][str(k)])
    load_pool_state(replay.pool, state["pool"])
    replay.insertions = int(state["insertions"])
    replay.next_insertion = int(state["next_insertion"])
    if state["random"] is not None:
        replay.rng.bit_generator.state = state["random"]


def pool_state(pool: SuccessPool) -> dict[str, Any]:
    """Return the pool's state for a checkpoint, as plain data."""
    return {"episodes": [episode._asdict() for episode in pool], "added": pool.added}


def load_pool_state(pool: SuccessPool, state: Mapping[str, Any]) -> None:
    """Restore a state returned by ``pool_state``."""
    for episode in state["episodes"]:
        pool.add(Episode(**episode))
    pool.added = int(state["added"])
