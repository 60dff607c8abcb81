"""Interface of engines, and messages between learner, rollout workers and evaluator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Protocol

import numpy as np

from der_ros.replay.array_types import Float32Array, FloatArray
from der_ros.replay.finite_arrays import require_finite
from der_ros.replay.shard import Batch, Shard
from der_ros.replay.transitions import Episode, Transitions
from der_ros.training.evaluation.episodes import EvaluationReport
from der_ros.training.rollout.observation_filter import FilterStatistics, Moments

# Second word of a seed, after the run's own: one for each part that draws random numbers. A seed
# is filled up with zeros, so parts with one word would share a stream where further words are 0.
ENTROPY_OF_LEARNER = 0
ENTROPY_OF_ROLLOUTS = 1
ENTROPY_OF_SHARDS = 2
ENTROPY_OF_RAY_REPLAY = 3
ENTROPY_OF_RAY_POOL = 4
ENTROPY_OF_DESTINATIONS = 5

_SMALLEST = float(np.finfo(np.float32).tiny)


class PolicySnapshot(NamedTuple):
    """A policy for a rollout worker: its flat parameters and its observation filter."""

    parameters: Float32Array
    filter: FilterStatistics
    updates: int  # learner's number of updates at the snapshot
    networks: Float32Array  # all networks if workers compute first priorities, else empty


class EpisodeSummary(NamedTuple):
    """Summary of a finished episode of a rollout worker."""

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
    policy_updates: int  # number of updates of the acting policy
    acting_s: float  # wall-clock time of the steps
    taught_steps: int = 0  # steps that a person drove
    takeovers: int = 0  # number of takeovers by a person


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
    """Failure of a worker that would also affect a replacement; it ends the run."""

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
    """Batch of one shard, with values for the metrics."""

    shard: int
    batch: Batch
    staleness: float  # mean age of the rows, in rows written to their zone or ring since
    zone_share: float  # share of rows from the demonstration zone, 0 to 1


class Engine(Protocol):
    """Context manager that runs rollout workers, replay shards and success pool.

    Fragments go from a worker to a randomly drawn shard, whole successful episodes to the pool.
    The learner loop receives only the reports.
    """

    def receive(self, timeout_s: float) -> list[Message]:
        """Return the messages that have arrived; wait up to ``timeout_s`` for the first.

        A worker waits if several of its fragments have not been received.
        """
        ...

    def publish(self, snapshot: PolicySnapshot) -> None:
        """Publish ``snapshot``; each worker adopts it after its ``policy_interval``."""
        ...

    def evaluate(self, request: EvaluationRequest) -> int:
        """Start an evaluation, spread over the workers; return the number of parts to expect."""
        ...

    def load_demonstrations(self, demonstrations: Sequence[Episode]) -> None:
        """Load human demonstrations into the shards; call it once, before training."""
        ...

    def insert_if_due(self, env_steps: int) -> None:
        """Insert a success from the pool into every shard, once per insertion that is due."""
        ...

    def sample(self, beta: float | None) -> Drawn | None:
        """Return a batch from a randomly drawn shard; None if no batch arrived in time."""
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
        """Restore a state returned by ``state`` of any engine; call it before the start.

        ``env_steps`` is the run's number of environment steps at that state.
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
        """Stop all workers and wait for their end."""
        ...


def drawn_from(shard: Shard, number: int, batch: Batch) -> Drawn:
    """Return ``batch`` of the shard with index ``number``, with its metrics."""
    in_zone = np.count_nonzero(batch.indices < shard.config.zone_size)
    share = float(in_zone) / len(batch.indices)
    return Drawn(number, batch, shard.staleness(batch), share)


def snapshot_state(snapshot: PolicySnapshot) -> dict[str, Any]:
    """Return a snapshot as plain data, for a checkpoint."""
    return {**snapshot._asdict(), "filter": snapshot.filter._asdict()}


def snapshot_of(state: Mapping[str, Any]) -> PolicySnapshot:
    """Return the snapshot from data returned by ``snapshot_state``.

    Raises:
        CheckpointError: A number is not finite, or a standard deviation is not above 0.
    """
    filtered = FilterStatistics(**state["filter"])
    require_finite("parameters of a policy", state["parameters"])
    require_finite("networks of a policy", state["networks"])
    require_finite("filter's mean of a policy", filtered.mean)
    require_finite("filter's bound of a policy", np.array(filtered.clip), least=_SMALLEST)
    require_finite("filter's standard deviation of a policy", filtered.std, least=_SMALLEST)
    return PolicySnapshot(**{**state, "filter": filtered})
