"""The engine's interface, and the messages between learner, rollout workers and evaluator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Protocol

import numpy as np

from der_ros.replay.shard import Batch, Shard
from der_ros.replay.sum_tree import FloatArray
from der_ros.replay.transitions import Episode, Float32Array, Transitions
from der_ros.training.evaluation.episodes import EvaluationReport
from der_ros.training.rollout.observation_filter import FilterStatistics, Moments

ENTROPY_OF_LEARNER = (
    0  # first word of the seeds of each part, which keeps their random numbers apart
)
ENTROPY_OF_ROLLOUTS = 1
ENTROPY_OF_SHARDS = 2


class PolicySnapshot(NamedTuple):
    """A policy for a rollout worker: its flat parameters and its observation filter."""

    parameters: Float32Array
    filter: FilterStatistics
    updates: int  # the learner's count when it was taken
    networks: Float32Array  # all networks, where workers compute first priorities; else empty


class EpisodeSummary(NamedTuple):
    """One ended episode of a rollout worker."""

    episode_return: float
    steps: int
    success: bool
    greedy: bool  # without exploration noise
    judged: bool = True  # False: the environment gave no verdict, and the episode counts as failed


class Report(NamedTuple):
    """Summary of a fragment for the learner; the transitions go to a shard."""

    worker: int
    env_steps: int
    episodes: tuple[EpisodeSummary, ...]
    observed: Moments
    policy_updates: int  # updates of the policy that acted
    acting_s: float  # wall clock of the steps
    taught_steps: int = 0  # that a person drove
    takeovers: int = 0  # times that a person took over


class Fragment(NamedTuple):
    """Transitions that a rollout worker has collected since its last fragment."""

    report: Report
    transitions: Transitions
    td_errors: FloatArray | None  # (rows,) by the worker's networks; None for the top priority
    successes: tuple[Episode, ...]  # whole successful episodes
    taught: tuple[Episode, ...] = ()  # stretches that a person drove, whatever their end


class EvaluationRequest(NamedTuple):
    """Request for noise-free episodes, one per seed."""

    number: int
    snapshot: PolicySnapshot
    seeds: tuple[int, ...]


class EvaluationPart(NamedTuple):
    """One worker's results of an evaluation."""

    worker: int
    number: int
    report: EvaluationReport


class WorkerFailed(NamedTuple):
    """A worker's end by an error that a replacement would meet again."""

    worker: int
    reason: str


Message = Report | EvaluationPart | WorkerFailed


class Sizes(NamedTuple):
    """Lengths of the vectors that an engine moves."""

    observation: int
    action: int
    parameters: int  # of the policy
    networks: int  # of ``PolicySnapshot.networks``


class Drawn(NamedTuple):
    """A batch, with facts for the metrics."""

    shard: int
    batch: Batch
    staleness: float  # mean age of the rows, in transitions written to the shard since
    zone_share: float  # share of the rows that are from the demonstration zone


class Engine(Protocol):
    """Rollout workers, shards and success pool. A context manager that starts and ends them.

    Fragments go from a worker to a shard drawn at random, whole successful episodes to the pool.
    The loop gets their reports.
    """

    def receive(self, timeout_s: float) -> list[Message]:
        """Return the messages that have arrived; wait up to ``timeout_s`` for the first.

        Workers wait when a few of their fragments have not been received.
        """
        ...

    def publish(self, snapshot: PolicySnapshot) -> None:
        """Publish ``snapshot``; each worker takes it when its ``policy_interval`` is over."""
        ...

    def evaluate(self, request: EvaluationRequest) -> int:
        """Start an evaluation, spread over the workers; return the number of parts to expect."""
        ...

    def load_demonstrations(self, demonstrations: Sequence[Episode]) -> None:
        """Load human demonstrations into the shards, once and before training."""
        ...

    def insert_if_due(self, env_steps: int) -> None:
        """Insert a success from the pool into every shard, as often as it is due by now."""
        ...

    def sample(self, beta: float | None) -> Drawn | None:
        """Return a batch of one shard drawn at random, None if none has arrived in time."""
        ...

    def write_back(self, drawn: Drawn, td_errors: FloatArray) -> None:
        """Write the TD errors (rows,) of ``drawn`` back as priorities."""
        ...

    def metrics(self) -> dict[str, float]:
        """Return the current metrics of replay, pool and workers by name."""
        ...

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint: plain data, and functions that return plain data.

        The call is cheap. The functions may be called later and in another thread; they return the
        data as of the call of ``state``, or slightly newer data if shards are in other processes.
        """
        ...

    def load_state(self, state: Mapping[str, Any], env_steps: int) -> None:
        """Restore what ``state`` of an engine of either kind returned; before the start.

        ``env_steps`` are the environment steps of the run at that time.
        """
        ...

    def __enter__(self) -> Engine:
        """Start the workers; return the engine."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the workers; nothing keeps running."""
        ...


def drawn_from(shard: Shard, number: int, batch: Batch) -> Drawn:
    """Return ``batch`` with the metrics of its shard, which has that ``number``."""
    in_zone = np.count_nonzero(batch.indices < shard.config.zone_size)
    share = float(in_zone) / len(batch.indices)
    return Drawn(number, batch, shard.staleness(batch), share)


def snapshot_state(snapshot: PolicySnapshot) -> dict[str, Any]:
    """Return a snapshot as plain data, for a checkpoint."""
    return {**snapshot._asdict(), "filter": snapshot.filter._asdict()}


def snapshot_of(state: Mapping[str, Any]) -> PolicySnapshot:
    """Return the snapshot in what ``snapshot_state`` returned."""
    return PolicySnapshot(**{**state, "filter": FilterStatistics(**state["filter"])})
