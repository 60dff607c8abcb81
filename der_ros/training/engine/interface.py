"""What passes between learner, rollout workers and evaluator, and the engine that moves it."""

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

ENTROPY_OF_LEARNER = 0  # keeps its random numbers apart from those of
ENTROPY_OF_ROLLOUTS = 1
ENTROPY_OF_SHARDS = 2


class PolicySnapshot(NamedTuple):
    """The policy as a worker runs it: flat parameters and the filter that goes with them."""

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
    judged: bool = True  # whether the environment said if it succeeded; else it counts as failed


class Report(NamedTuple):
    """What the learner is told of a fragment; the transitions go to a shard."""

    worker: int
    env_steps: int
    episodes: tuple[EpisodeSummary, ...]
    observed: Moments
    policy_updates: int  # of the policy that it acted with
    acting_s: float  # wall clock that the steps took


class Fragment(NamedTuple):
    """What a rollout worker collected since its last fragment."""

    report: Report
    transitions: Transitions
    td_errors: FloatArray | None  # (rows,) by the worker's networks; None: top priority
    successes: tuple[Episode, ...]  # whole ones


class EvaluationRequest(NamedTuple):
    """Asks a worker for noise-free episodes, one for each seed."""

    number: int
    snapshot: PolicySnapshot
    seeds: tuple[int, ...]


class EvaluationPart(NamedTuple):
    """A worker's share of an evaluation."""

    worker: int
    number: int
    report: EvaluationReport


class WorkerFailed(NamedTuple):
    """A worker ended with an error that a new one would meet again."""

    worker: int
    reason: str


Message = Report | EvaluationPart | WorkerFailed


class Sizes(NamedTuple):
    """How long the vectors are that an engine moves."""

    observation: int
    action: int
    parameters: int  # of the policy
    networks: int  # of ``PolicySnapshot.networks``


class Drawn(NamedTuple):
    """A batch, and what is to be said of it."""

    shard: int
    batch: Batch
    staleness: float  # mean age of the rows, in transitions written to the shard since
    zone_share: float  # share of the rows that are from the demonstration zone


class Engine(Protocol):
    """Rollout workers, shards and success pool. A context manager that starts and ends them.

    Fragments go from a worker to a shard drawn at random, whole successful episodes to the pool;
    the loop learns of them by their reports.
    """

    def receive(self, timeout_s: float) -> list[Message]:
        """What has come in; waits up to ``timeout_s`` for the first.

        Workers that nobody receives from wait, after a few fragments.
        """
        ...

    def publish(self, snapshot: PolicySnapshot) -> None:
        """Makes ``snapshot`` the newest; each worker takes it when it wants one."""
        ...

    def evaluate(self, request: EvaluationRequest) -> int:
        """Starts an evaluation, spread over the workers; returns how many parts will come in."""
        ...

    def load_demonstrations(self, demonstrations: Sequence[Episode]) -> None:
        """Puts human demonstrations where the structure wants them; before training, once."""
        ...

    def insert_if_due(self, env_steps: int) -> None:
        """Every shard takes a success from the pool, as often as ``env_steps`` make it due."""
        ...

    def sample(self, beta: float | None) -> Drawn | None:
        """A batch of one shard drawn at random; None where none has arrived in good time."""
        ...

    def write_back(self, drawn: Drawn, td_errors: FloatArray) -> None:
        """The priorities that learning from ``drawn`` came to."""
        ...

    def metrics(self) -> dict[str, float]:
        """Of replay, pool and workers as they stand."""
        ...

    def state(self) -> dict[str, Any]:
        """For a checkpoint: plain data, and functions that give some when they are called.

        Cheap; the functions may be called later and in another thread, and give what was there
        when ``state`` was called, or little more where shards live in other processes.
        """
        ...

    def load_state(self, state: Mapping[str, Any], env_steps: int) -> None:
        """Takes over what ``state`` gave, of an engine of either kind; before the start.

        The run had come to ``env_steps`` then.
        """
        ...

    def __enter__(self) -> Engine:
        """Starts."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops and leaves nothing running."""
        ...


def drawn_from(shard: Shard, number: int, batch: Batch) -> Drawn:
    """``batch`` with what the shard, of that ``number``, can say of it."""
    in_zone = np.count_nonzero(batch.indices < shard.config.zone_size)
    share = float(in_zone) / len(batch.indices)
    return Drawn(number, batch, shard.staleness(batch), share)


def snapshot_state(snapshot: PolicySnapshot) -> dict[str, Any]:
    """A snapshot as plain data, for a checkpoint."""
    return {**snapshot._asdict(), "filter": snapshot.filter._asdict()}


def snapshot_of(state: Mapping[str, Any]) -> PolicySnapshot:
    """The snapshot that ``snapshot_state`` gave."""
    return PolicySnapshot(**{**state, "filter": FilterStatistics(**state["filter"])})
