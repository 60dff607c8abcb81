"""Metrics of a replay, shared by all engines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from der_ros.replay.shard import Shard
from der_ros.replay.success_pool import SuccessPool


class ShardCounts(NamedTuple):
    """Counts of one shard, for the metrics."""

    rows: int
    zone_rows: int
    zone_size: int
    zone_age: float  # mean age, in rows written to the zone since
    ignored_updates: int


class PoolCounts(NamedTuple):
    """Counts of the success pool, for the metrics."""

    episodes: int
    megabytes: float
    added: int  # episodes added so far


def shard_counts(shard: Shard) -> ShardCounts:
    """Return the current counts of ``shard``."""
    rows, zone_rows = len(shard), shard.zone_filled
    return ShardCounts(
        rows, zone_rows, shard.config.zone_size, shard.zone_age, shard.ignored_updates
    )


def pool_counts(pool: SuccessPool) -> PoolCounts:
    """Return the current counts of ``pool``."""
    return PoolCounts(len(pool), pool.bytes / 2**20, pool.added)


def replay_metrics(
    shards: Sequence[ShardCounts], pool: PoolCounts, insertions: int
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
