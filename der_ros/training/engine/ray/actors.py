"""The Ray engine's actors: plain classes that use Ray only through their handles."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from der_ros.errors import DerRosError
from der_ros.replay.array_types import FloatArray, IndexArray
from der_ros.replay.replay_metrics import PoolCounts, ShardCounts, pool_counts, shard_counts
from der_ros.replay.shard import Shard, WriteCounts
from der_ros.replay.sharded import ReplayConfig
from der_ros.replay.success_pool import SuccessPool
from der_ros.replay.transitions import Episode, Transitions, n_step_transitions
from der_ros.training.engine.interface import (
    ENTROPY_OF_DESTINATIONS,
    Drawn,
    EvaluationPart,
    PolicySnapshot,
    Report,
    WorkerFailed,
    drawn_from,
)
from der_ros.training.environment.factory import make_environment
from der_ros.training.rollout.worker import Job, make_worker


class UnreadErrors:
    """First error of calls whose answers nobody reads, kept until a call with a reader."""

    def __init__(self) -> None:
        self._first: Exception | None = None

    @contextmanager
    def keep(self) -> Iterator[None]:
        """Keep an error of the ``with`` body."""
        try:
            yield
        except Exception as error:  # any error: nobody reads the answer
            self._first = self._first or error

    def raise_first(self) -> None:
        """Raise the first error, if there was one."""
        if self._first is not None:
            raise self._first


class ShardActor:
    """One replay shard with its own random numbers."""

    def __init__(
        self, config: ReplayConfig, sizes: tuple[int, int], number: int, entropy: tuple[int, ...]
    ) -> None:
        """Make an empty shard of (observation, action) ``sizes``; batches carry its ``number``."""
        self._config, self._number = config, number
        self._shard = Shard(config.shard, *sizes)
        self._rng = np.random.default_rng(np.random.SeedSequence(entropy))
        self._insertions = 0
        self._errors = UnreadErrors()

    def load_demonstrations(
        self, demonstrations: Sequence[tuple[Episode, FloatArray | None]]
    ) -> None:
        """Add human demonstrations, each with its TD errors or None, to the zone.

        Raises:
            Exception: A demonstration cannot be added; ``counts`` raises it again, since nobody
                reads this answer of a shard that replaces another.
        """
        with self._errors.keep():
            for episode, td_errors in demonstrations:
                self._shard.add_demonstration(self._transitions(episode), td_errors)
            if demonstrations and self._config.der:
                self._shard.require_room()
        self._errors.raise_first()

    def add(self, transitions: Transitions, td_errors: FloatArray | None) -> None:
        """Add a worker's transitions to the ring."""
        with self._errors.keep():
            self._shard.add(transitions, td_errors)

    def insert(self, episode: Episode | None, td_errors: FloatArray | None = None) -> None:
        """Insert a success into the zone; ignore None, which an empty pool returns."""
        if episode is not None:
            with self._errors.keep():
                self._shard.insert(self._transitions(episode), td_errors)
                self._insertions += 1

    def sample(self, rows: int, beta: float | None) -> Drawn | None:
        """Return a batch, None while the shard is empty."""
        if not len(self._shard):
            return None
        return drawn_from(self._shard, self._number, self._shard.sample(rows, self._rng, beta))

    def update_priorities(
        self, indices: IndexArray, drawn_at: WriteCounts, td_errors: FloatArray
    ) -> None:
        """Write the TD errors (rows,) of a batch of this shard back as priorities."""
        with self._errors.keep():
            self._shard.update_priorities(indices, drawn_at, td_errors)

    def counts(self) -> tuple[ShardCounts, int]:
        """Return the counts of the shard and the number of insertions so far.

        Raises:
            Exception: The first error of any call whose answer nobody reads.
        """
        self._errors.raise_first()
        return shard_counts(self._shard), self._insertions

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint, as plain data."""
        return dict(self._shard.state())

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        self._shard.load_state(state)

    def _transitions(self, episode: Episode) -> Transitions:
        return n_step_transitions(episode, self._config.n_step, self._config.gamma)


class PoolActor:
    """The success pool with its own random numbers."""

    def __init__(
        self, config: ReplayConfig, sizes: tuple[int, int], entropy: tuple[int, ...]
    ) -> None:
        """Make an empty pool of (observation, action) ``sizes``; ``entropy`` seeds its draws."""
        self._sizes, self._errors = sizes, UnreadErrors()
        self._pool = SuccessPool(config.pool_episodes, config.pool_bytes)
        self._rng = np.random.default_rng(np.random.SeedSequence(entropy))

    def add(self, episode: Episode) -> None:
        """Add a whole successful episode."""
        with self._errors.keep():
            self._pool.add(episode)

    def draw(self) -> Episode | None:
        """Return one episode at random, None from an empty pool."""
        return self._pool.draw(self._rng) if len(self._pool) else None

    def counts(self) -> PoolCounts:
        """Return the counts of the pool.

        Raises:
            Exception: The first error of ``add``.
        """
        self._errors.raise_first()
        return pool_counts(self._pool)

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint, as plain data."""
        return self._pool.state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        self._pool.load_state(state, *self._sizes)


class Collected(NamedTuple):
    """Summary of a fragment for the learner; a shard already has the transitions."""

    report: Report
    wants_policy: bool
    process_id: int


class WorkerActor:
    """A rollout worker that sends its fragments to the shards directly."""

    def __init__(self, job: Job) -> None:
        """Store the job; an error in an actor's constructor would lose its message."""
        self._job = job

    def start(self) -> WorkerFailed | None:
        """Make the environment; return the reason if that fails."""
        try:
            environment = make_environment(self._job.config)
        except DerRosError as error:
            return WorkerFailed(self._job.worker, str(error))
        self._worker = make_worker(self._job, environment)
        config, worker, _, start, resumed_at = self._job
        entropy = (config.seed, ENTROPY_OF_DESTINATIONS, worker, start, resumed_at)
        self._rng = np.random.default_rng(entropy)
        return None

    def connect(self, shards: Sequence[Any], pool: Any) -> None:
        """Set the actors that receive fragments and successes; ``pool`` is None without DER."""
        self._shards, self._pool = shards, pool

    def collect(self, snapshot: PolicySnapshot | None) -> Collected:
        """Collect a fragment, with ``snapshot`` if given, and send it to a random shard."""
        if snapshot is not None:
            self._worker.set_policy(snapshot)
        fragment = self._worker.collect(self._job.config.fragment_steps)
        if fragment.transitions.size:
            shard = self._shards[int(self._rng.integers(len(self._shards)))]
            shard.add.remote(fragment.transitions, fragment.td_errors)
        for episode in fragment.successes if self._pool is not None else ():
            self._pool.add.remote(episode)
        return Collected(fragment.report, self._worker.wants_policy, os.getpid())

    def evaluate(
        self, snapshot: PolicySnapshot, number: int, seeds: tuple[int, ...]
    ) -> EvaluationPart:
        """Evaluate ``snapshot`` on this worker's seeds."""
        return EvaluationPart(self._job.worker, number, self._worker.evaluate(snapshot, seeds))
