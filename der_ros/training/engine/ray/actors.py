"""What the Ray engine's actors do; plain classes that know nothing of Ray but their handles."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from der_ros.errors import ConfigurationError, DerRosError
from der_ros.replay.facts import (
    PoolFacts,
    ShardFacts,
    load_pool_state,
    pool_facts,
    pool_state,
    shard_facts,
)
from der_ros.replay.shard import Shard, Written
from der_ros.replay.sharded import ReplayConfig
from der_ros.replay.success_pool import SuccessPool
from der_ros.replay.sum_tree import FloatArray, IndexArray
from der_ros.replay.transitions import Episode, Transitions, n_step_transitions
from der_ros.training.engine.interface import (
    Drawn,
    EvaluationPart,
    PolicySnapshot,
    Report,
    WorkerFailed,
    drawn_from,
)
from der_ros.training.environment.factory import make_environment
from der_ros.training.rollout.worker import Job, make_worker


class ShardActor:
    """One shard, with random numbers of its own."""

    def __init__(
        self, config: ReplayConfig, sizes: tuple[int, int], number: int, entropy: tuple[int, ...]
    ) -> None:
        """Empty; ``sizes`` are of observation and action, ``number`` is said with each batch."""
        self._config, self._number = config, number
        self._shard = Shard(config.shard, *sizes)
        self._rng = np.random.default_rng(np.random.SeedSequence(entropy))
        self._insertions = 0

    def load_demonstrations(
        self, demonstrations: Sequence[tuple[Episode, FloatArray | None]]
    ) -> None:
        """Puts human demonstrations, with their TD errors or none, into the zone."""
        for episode, td_errors in demonstrations:
            self._shard.add_demonstration(self._transitions(episode), td_errors)
        if demonstrations and self._config.der and self._shard.zone_room == 0:
            raise ConfigurationError(
                "demonstration zone: expected room for successes beside the permanent "
                "demonstrations, got none; enlarge the zone or switch der off"
            )

    def add(self, transitions: Transitions, td_errors: FloatArray | None) -> None:
        """Takes a worker's fragment."""
        self._shard.add(transitions, td_errors)

    def insert(self, episode: Episode | None, td_errors: FloatArray | None = None) -> None:
        """Puts a success into the zone; nothing where the pool had none."""
        if episode is not None:
            self._shard.insert(self._transitions(episode), td_errors)
            self._insertions += 1

    def sample(self, rows: int, beta: float | None) -> Drawn | None:
        """A batch; None while the shard is empty."""
        if not len(self._shard):
            return None
        return drawn_from(self._shard, self._number, self._shard.sample(rows, self._rng, beta))

    def update_priorities(
        self, indices: IndexArray, drawn_at: Written, td_errors: FloatArray
    ) -> None:
        """Writes priorities of a batch of this shard."""
        self._shard.update_priorities(indices, drawn_at, td_errors)

    def facts(self) -> tuple[ShardFacts, int]:
        """As it stands, and how many successes it was given."""
        return shard_facts(self._shard), self._insertions

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return dict(self._shard.state())

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Takes over what ``state`` gave."""
        self._shard.load_state(state)

    def _transitions(self, episode: Episode) -> Transitions:
        return n_step_transitions(episode, self._config.n_step, self._config.gamma)


class PoolActor:
    """The success pool, with random numbers of its own."""

    def __init__(self, config: ReplayConfig, entropy: tuple[int, ...]) -> None:
        """Empty."""
        self._pool = SuccessPool(config.pool_episodes, config.pool_bytes)
        self._rng = np.random.default_rng(np.random.SeedSequence(entropy))

    def add(self, episode: Episode) -> None:
        """Keeps a whole successful episode."""
        self._pool.add(episode)

    def draw(self) -> Episode | None:
        """One episode at random; None of an empty pool."""
        return self._pool.draw(self._rng) if len(self._pool) else None

    def facts(self) -> PoolFacts:
        """As it stands."""
        return pool_facts(self._pool)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return pool_state(self._pool)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Takes over what ``state`` gave."""
        load_pool_state(self._pool, state)


class Collected(NamedTuple):
    """What the learner is told of a fragment; the transitions have gone to a shard already."""

    report: Report
    wants_policy: bool
    process_id: int


class WorkerActor:
    """A rollout worker that sends its fragments to shards itself, so that they travel once."""

    def __init__(self, job: Job) -> None:
        """Nothing yet: an error in an actor's constructor would not reach the learner in words."""
        self._job = job

    def start(self) -> WorkerFailed | None:
        """Makes the environment; says what is wrong where that cannot be."""
        try:
            environment = make_environment(self._job.config)
        except DerRosError as error:
            return WorkerFailed(self._job.worker, str(error))
        self._worker = make_worker(self._job, environment)
        self._rng = np.random.default_rng((self._job.config.seed, *self._job[1:]))
        return None

    def connect(self, shards: Sequence[Any], pool: Any) -> None:
        """Where fragments and successes go from now on: actors' handles; pool None: no DER."""
        self._shards, self._pool = shards, pool

    def collect(self, snapshot: PolicySnapshot | None) -> Collected:
        """Acts, with ``snapshot`` if there is one, and sends a fragment to a random shard."""
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
        """This worker's share of an evaluation."""
        return EvaluationPart(self._job.worker, number, self._worker.evaluate(snapshot, seeds))
