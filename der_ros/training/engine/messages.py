"""What passes between learner, rollout workers and evaluator. Plain records of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from der_ros.replay.sum_tree import FloatArray
from der_ros.replay.transitions import Episode, Float32Array, Transitions
from der_ros.training.evaluation.episodes import EvaluationReport
from der_ros.training.rollout.observation_filter import FilterStatistics, Moments


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


def snapshot_state(snapshot: PolicySnapshot) -> dict[str, Any]:
    """A snapshot as plain data, for a checkpoint."""
    return {**snapshot._asdict(), "filter": snapshot.filter._asdict()}


def snapshot_of(state: Mapping[str, Any]) -> PolicySnapshot:
    """The snapshot that ``snapshot_state`` gave."""
    return PolicySnapshot(**{**state, "filter": FilterStatistics(**state["filter"])})
