"""The learner's side of the Ray engine's rollout workers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayError, RayTaskError

from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import (
    EvaluationRequest,
    Message,
    PolicySnapshot,
    WorkerFailed,
)
from der_ros.training.engine.ray.actors import Collected, WorkerActor
from der_ros.training.engine.ray.answers import answer_of
from der_ros.training.engine.restarts import Restarts
from der_ros.training.rollout.worker import Job

logger = logging.getLogger(__name__)

_FRAGMENTS_AHEAD = 2  # so that a worker does not wait while its report travels


class _Awaited(NamedTuple):
    worker: int
    start: int  # start of the worker that was called; other answers are dropped


class RayWorkers:
    """Worker actors, one CPU each; a dead one is replaced on any node with a free CPU.

    A worker is called for its next fragment when its report has been received, so that a paused or
    slow learner is not flooded.
    """

    def __init__(self, config: TrainingConfig, workers: int, resumed_at: int) -> None:
        """Store the arguments; ``resumed_at`` is a resumed run's environment step, else 0."""
        self._config, self._resumed_at = config, resumed_at
        self._started = [0] * workers
        self._restarts = Restarts(workers)
        self._actors: list[Any] = [None] * workers
        self._awaited: dict[Any, _Awaited] = {}
        self._evaluating: dict[int, tuple[Any, int, tuple[int, ...]]] = {}
        self._process_ids = [0] * workers
        self._shards: Sequence[Any] = ()
        self._pool: Any = None
        self._snapshot: Any = None
        self._ready = 0

    @property
    def process_ids(self) -> tuple[int, ...]:
        """Process ids of the workers, 0 before their first report."""
        return tuple(self._process_ids)

    def start(self, shards: Sequence[Any], pool: Any) -> None:
        """Start the actors, which send to ``shards`` and ``pool``."""
        self._shards, self._pool = shards, pool
        for worker in range(len(self._actors)):
            self._start(worker)

    def stop(self) -> None:
        """End the worker actors at once."""
        for actor in self._actors:
            if actor is not None:
                ray.kill(actor)

    def reconnect(self, shards: Sequence[Any], pool: Any) -> None:
        """Connect the workers to the current actors after a replacement."""
        self._shards, self._pool = shards, pool
        for actor in self._actors:
            actor.connect.remote(shards, pool)

    def receive(self, timeout_s: float) -> list[Message]:
        """Return the messages that have arrived; wait up to ``timeout_s`` for the first."""
        ready, _ = ray.wait(list(self._awaited), num_returns=1, timeout=timeout_s)
        if ready:
            ready, _ = ray.wait(list(self._awaited), num_returns=len(self._awaited), timeout=0)
        self._ready = len({self._awaited[reference].worker for reference in ready})
        messages = [self._take(reference) for reference in ready]
        return [message for message in messages if message is not None]

    def publish(self, snapshot: PolicySnapshot) -> None:
        """Put ``snapshot`` into the object store, once for all workers."""
        self._snapshot = ray.put(snapshot)

    def evaluate(self, request: EvaluationRequest) -> int:
        """Send each worker its part of the seeds; return the number of parts."""
        snapshot, count = ray.put(request.snapshot), len(self._actors)
        for worker in range(count):
            part = (snapshot, request.number, request.seeds[worker::count])
            self._evaluating[worker] = part
            self._await(worker, self._actors[worker].evaluate.remote(*part))
        return count

    def metrics(self) -> dict[str, float]:
        """Return the share of workers with a fragment ready, and the number replaced."""
        return {
            "time/queue_fill": self._ready / len(self._actors),
            "time/workers_replaced": float(sum(self._started) - len(self._actors)),
        }

    def _take(self, reference: Any) -> Message | None:
        worker, start = self._awaited.pop(reference)
        if start != self._started[worker] - 1:
            return None  # the answer of a worker that has been replaced
        try:
            answer: Collected | Message | None = answer_of(reference)
        except RayTaskError:
            raise
        except RayError as error:
            reason = type(error).__name__
            logger.warning("rollout worker %d ended (%s); starting another", worker, reason)
            self._start(worker)
            return self._restarts.died(worker, reason)
        if answer is not None:
            self._restarts.heard_from(worker)
        if isinstance(answer, Collected):
            self._process_ids[worker] = answer.process_id
            wanted = self._snapshot if answer.wants_policy else None
            self._await(worker, self._actors[worker].collect.remote(wanted))
            return answer.report
        if answer is not None and not isinstance(answer, WorkerFailed):
            self._evaluating.pop(worker, None)
        return answer

    def _start(self, worker: int) -> None:
        """Start an actor and resend the dead actor's unfinished evaluation."""
        count = len(self._actors)
        job = Job(self._config, worker, count, self._started[worker], self._resumed_at)
        self._started[worker] += 1
        actor = ray.remote(num_cpus=1)(WorkerActor).remote(job)
        self._actors[worker] = actor
        self._await(worker, actor.start.remote())
        actor.connect.remote(self._shards, self._pool)
        if worker in self._evaluating:
            self._await(worker, actor.evaluate.remote(*self._evaluating[worker]))
        for _ in range(_FRAGMENTS_AHEAD):
            self._await(worker, actor.collect.remote(self._snapshot))

    def _await(self, worker: int, reference: Any) -> None:
        self._awaited[reference] = _Awaited(worker, self._started[worker] - 1)
