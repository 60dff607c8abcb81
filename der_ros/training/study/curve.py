"""A run's learning curve in bins of environment steps, and the step of its first success."""

from __future__ import annotations

from typing import Any

from der_ros.training.engine.interface import EpisodeSummary, Report

BINS = 50
"""Number of bins of a curve; a bin counts the episodes that ended in its part of the budget."""


class CurveRecorder:
    """Recorder of a run's learning curve in bins of environment steps.

    Attributes:
        first_success: Environment steps of the run, to within a worker's fragment, at the end of
            the first successful episode; None before.
        successes: Successful episodes so far.
    """

    def __init__(self, env_steps: int) -> None:
        """Start an empty curve.

        Args:
            env_steps: Budget of the run in environment steps.
        """
        self._bin_steps = max(1, env_steps // BINS)
        self._episodes, self._successes = [0] * BINS, [0] * BINS
        self._greedy, self._greedy_successes = [0] * BINS, [0] * BINS
        self._returns = [0.0] * BINS
        self.first_success: int | None = None
        self.successes = 0

    def take_in(self, report: Report, env_steps: int) -> None:
        """Count the episodes of a report that arrived at ``env_steps`` environment steps."""
        for episode in report.episodes:
            self.count(episode, env_steps)

    def count(self, episode: EpisodeSummary, env_steps: int) -> None:
        """Count an episode that ended at ``env_steps`` environment steps of the run."""
        at = min(BINS - 1, (env_steps - 1) // self._bin_steps)
        self._episodes[at] += 1
        self._successes[at] += episode.success
        self._greedy[at] += episode.greedy
        self._greedy_successes[at] += episode.greedy and episode.success
        self._returns[at] += episode.episode_return
        if episode.success:
            self.successes += 1
            self.first_success = self.first_success or env_steps

    def as_data(self) -> dict[str, Any]:
        """Return the curve as data for JSON: counts, and the mean return of each bin.

        A bin without episodes has a mean return of 0.
        """
        means = (
            total / count if count else 0.0
            for total, count in zip(self._returns, self._episodes, strict=True)
        )
        return {
            "bin_steps": self._bin_steps,
            "episodes": list(self._episodes),
            "successes": list(self._successes),
            "greedy_episodes": list(self._greedy),
            "greedy_successes": list(self._greedy_successes),
            "mean_return": [float(f"{mean:.4g}") for mean in means],
        }
