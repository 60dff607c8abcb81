"""Engine on one machine: replay in the learner's process, workers in other processes or in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import numpy as np

from der_ros.replay.array_types import FloatArray
from der_ros.replay.replay_metrics import pool_counts, replay_metrics, shard_counts
from der_ros.replay.sharded import ShardedReplay, TdErrors
from der_ros.replay.transitions import Episode
from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import (
    ENTROPY_OF_SHARDS,
    Drawn,
    EvaluationRequest,
    Fragment,
    Message,
    PolicySnapshot,
    Sizes,
    drawn_from,
)
from der_ros.training.engine.local.processes import ProcessWorkers
from der_ros.training.engine.local.workers import InProcessWorker, WorkerMessage, Workers
from der_ros.training.rollout.takeover import Pilot


class LocalEngine:
    """Engine with worker processes; with 0 workers, a single bit-for-bit reproducible process."""

    def __init__(
        self,
        config: TrainingConfig,
        sizes: Sizes,
        td_errors: TdErrors,
        should_stop: Callable[[], bool],
        pilot: Pilot | None = None,
    ) -> None:
        """Allocate the memory; ``__enter__`` starts the workers.

        Args:
            config: Configuration of the run.
            sizes: Lengths of the vectors.
            td_errors: Function that returns the learner's TD errors, (rows,), of raw transitions.
            should_stop: Function polled while this process evaluates.
            pilot: Interface to a person who may drive one worker's episodes; None for no person.
        """
        self._batch_size = config.batch_size
        rng = np.random.default_rng(np.random.SeedSequence((config.seed, ENTROPY_OF_SHARDS)))
        self.replay = ShardedReplay(
            config.replay(), sizes.observation, sizes.action, rng, td_errors
        )
        self.workers: Workers = (
            ProcessWorkers(config, sizes, pilot)
            if config.worker_count()
            else InProcessWorker(config, should_stop, pilot)
        )
        self._messages: list[Message] = []
        self._resources = ExitStack()

    def __enter__(self) -> LocalEngine:
        """Start the workers; return the engine."""
        self._resources.enter_context(self.workers)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the workers, if they were started."""
        self._resources.close()

    def receive(self, timeout_s: float) -> list[Message]:
        """Add received fragments to the replay; return their reports and all other messages."""
        self._messages = []
        self.workers.receive(timeout_s, self._take)
        return self._messages

    def publish(self, snapshot: PolicySnapshot) -> None:
        """Publish ``snapshot`` to the workers."""
        self.workers.publish(snapshot)

    def evaluate(self, request: EvaluationRequest) -> int:
        """Start an evaluation; return the number of parts to expect."""
        return self.workers.evaluate(request)

    def load_demonstrations(self, demonstrations: Sequence[Episode]) -> None:
        """Load human demonstrations into the shards."""
        self.replay.load_demonstrations(demonstrations)

    def insert_if_due(self, env_steps: int) -> None:
        """Insert a success from the pool into every shard, if it is due."""
        self.replay.insert_if_due(env_steps)

    def sample(self, beta: float | None) -> Drawn | None:
        """Return a batch from a randomly drawn shard; None while the replay is empty."""
        if not len(self.replay):
            return None
        shard, batch = self.replay.sample(self._batch_size, beta)
        return drawn_from(shard, self.replay.shards.index(shard), batch)

    def write_back(self, drawn: Drawn, td_errors: FloatArray) -> None:
        """Write the TD errors (rows,) of ``drawn`` back as priorities."""
        batch = drawn.batch
        self.replay.shards[drawn.shard].update_priorities(batch.indices, batch.drawn_at, td_errors)

    def metrics(self) -> dict[str, float]:
        """Return the current metrics of replay, pool and workers by name."""
        replay = self.replay
        shards = [shard_counts(shard) for shard in replay.shards]
        metrics = replay_metrics(shards, pool_counts(replay.pool), replay.insertions)
        return {**metrics, **self.workers.metrics()}

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint, as plain data."""
        return {"replay": self.replay.state(), "rollouts": self.workers.state()}

    def load_state(self, state: Mapping[str, Any], env_steps: int) -> None:
        """Restore a state returned by ``state``; before the start."""
        self.replay.load_state(state["replay"])
        self.workers.load_state(state["rollouts"], env_steps)

    def _take(self, received: WorkerMessage) -> None:
        if not isinstance(received, Fragment):
            self._messages.append(received)
            return
        if received.transitions.size:
            self.replay.add(received.transitions, received.td_errors)
        for episode in received.successes:
            self.replay.add_success(episode)
        for stretch in received.taught:
            self.replay.add_taught(stretch)
        self._messages.append(received.report)
