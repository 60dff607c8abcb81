"""Noise-free episodes on held-out seeds, and their results."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from der_ros.policy.policy_view import for_attempt
from der_ros.replay.array_types import Float32Array

Act = Callable[[Float32Array], Float32Array]

# Training uses the seeds below this one.
TRAINING_EVALUATION_SEED = 1 << 30
EVALUATE_TOOL_SEED = 1 << 31
# Quantile of the normal distribution.
_TWO_SIDED_95 = 1.959964


class EvaluationReport(NamedTuple):
    """Results of noise-free episodes, one entry per episode.

    ``duration_s`` is simulated time, 0 from an environment that does not count it.
    """

    success: tuple[bool, ...]
    episode_return: tuple[float, ...]
    steps: tuple[int, ...]
    peak_force_n: tuple[float, ...]
    duration_s: tuple[float, ...] = ()

    @property
    def episodes(self) -> int:
        """Number of evaluated episodes."""
        return len(self.success)

    @property
    def success_rate(self) -> float:
        """Share of successes in [0, 1], 0 without episodes."""
        return sum(self.success) / max(1, self.episodes)

    @property
    def mean_return(self) -> float:
        """Mean undiscounted return, 0 without episodes."""
        return sum(self.episode_return) / max(1, self.episodes)

    def joined(self, other: EvaluationReport) -> EvaluationReport:
        """Return a report of the episodes of both."""
        return EvaluationReport(
            self.success + other.success,
            self.episode_return + other.episode_return,
            self.steps + other.steps,
            self.peak_force_n + other.peak_force_n,
            self.duration_s + other.duration_s,
        )


NO_EPISODES = EvaluationReport((), (), (), ())


def evaluate(
    environment: gymnasium.Env[Any, Any],
    act: Act,
    seeds: Sequence[int],
    should_stop: Callable[[], bool] = lambda: False,
    on_episode: Callable[[EvaluationReport], None] | None = None,
) -> EvaluationReport:
    """Run one noise-free episode per seed.

    Args:
        environment: Environment, left at the end of the last episode.
        act: Function that returns the action for an observation, or a policy file's runtime.
        seeds: Seeds of the environment's resets.
        should_stop: Function polled before each step; an interrupted episode is not reported.
        on_episode: Callback with the report so far, after each episode.
    """
    report = NO_EPISODES
    for seed in seeds:
        observation, _ = environment.reset(seed=seed)
        acting = for_attempt(act)
        total, steps, peak, ended = 0.0, 0, 0.0, False
        info: dict[str, Any] = {}
        while not ended:
            if should_stop():
                return report
            observation, reward, terminated, truncated, info = environment.step(acting(observation))
            total, steps = total + float(reward), steps + 1
            peak = max(peak, float(info.get("peak_force_n", 0.0)))
            ended = terminated or truncated
        success, duration_s = bool(info.get("success", False)), float(info.get("duration_s", 0.0))
        report = report.joined(
            EvaluationReport((success,), (total,), (steps,), (peak,), (duration_s,))
        )
        if on_episode is not None:
            on_episode(report)
    return report


def wilson_interval(successes: int, episodes: int) -> tuple[float, float]:
    """Return the 95 % score interval of a success rate (Wilson 1927), (0, 1) without episodes."""
    if episodes == 0:
        return 0.0, 1.0
    rate, z = successes / episodes, _TWO_SIDED_95
    spread = z * math.sqrt(rate * (1.0 - rate) / episodes + z * z / (4.0 * episodes**2))
    centre, scale = rate + z * z / (2.0 * episodes), 1.0 + z * z / episodes
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def median(values: Sequence[float]) -> float | None:
    """Return the median, None without values."""
    return float(np.median(values)) if values else None
