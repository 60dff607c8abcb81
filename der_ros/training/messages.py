"""What passes between learner, rollout workers and evaluator. Plain records of arrays."""

from __future__ import annotations

from typing import NamedTuple

from der_ros.replay.transitions import Episode, Float32Array, Transitions
from der_ros.training.evaluator import EvaluationReport
from der_ros.training.observation_filter import FilterStatistics


class PolicySnapshot(NamedTuple):
    """The policy as a worker runs it: flat parameters and the filter that goes with them."""

    parameters: Float32Array
    filter: FilterStatistics
    updates: int  # the learner's count when it was taken


class EpisodeSummary(NamedTuple):
    """One ended episode of a rollout worker."""

    episode_return: float
    steps: int
    success: bool
    greedy: bool  # without exploration noise


class Fragment(NamedTuple):
    """What a rollout worker collected since its last message."""

    worker: int
    env_steps: int
    transitions: Transitions
    episodes: tuple[EpisodeSummary, ...]
    successes: tuple[Episode, ...]  # whole ones
    policy_updates: int  # of the policy that it acted with


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


Message = Fragment | EvaluationPart | WorkerFailed
