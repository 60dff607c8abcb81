"""Progress and outcome of a run, as records and text lines."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from der_ros.training.config import TrainingConfig


class End(Enum):
    """Reasons for the end of a run."""

    SOLVED = "reached the target success rate"
    TIME = "spent its minutes"
    STEPS = "spent its environment steps"
    STOPPED = "was stopped"


class RunOutcome(NamedTuple):
    """Result of a run, with its counts and its policy file."""

    end: End
    env_steps: int
    updates: int
    minutes: float
    success_rate: float | None  # of the exported policy over the evaluation's episodes
    mean_return: float | None  # of the same episodes, undiscounted
    evaluation_episodes: int
    policy_path: Path | None
    run_dir: Path


def share_done(metrics: Mapping[str, float], config: TrainingConfig) -> float:
    """Return the spent share of the time or step budget, whichever is larger, 0 to 1."""
    share = metrics["time/elapsed_s"] / (60.0 * config.max_minutes)
    if config.max_env_steps:
        share = max(share, metrics["time/env_steps"] / config.max_env_steps)
    return min(1.0, share)


def progress_line(metrics: Mapping[str, float], config: TrainingConfig) -> str:
    """Return time, steps, speed and the known success rates as one line."""
    parts = [
        f"{metrics['time/elapsed_s'] / 60.0:.1f} of {config.max_minutes:g} min",
        f"{metrics['time/env_steps']:.0f} steps ({metrics['time/env_steps_per_s']:.0f}/s)",
        f"{metrics['time/updates']:.0f} updates ({metrics['time/updates_per_s']:.0f}/s)",
    ]
    for name, label in (
        ("rollout/success_rate", "success exploring"),
        ("rollout/greedy_success_rate", "noise-free"),
        ("rollout/evaluation_success_rate", "evaluated"),
    ):
        if name in metrics:
            parts.append(f"{label} {metrics[name]:.0%}")
    parts.append(f"pool {metrics['der/pool_episodes']:.0f}")
    return ", ".join(parts)


def outcome_line(outcome: RunOutcome) -> str:
    """Return the outcome of a run as one line."""
    rate = (
        "not evaluated"
        if outcome.success_rate is None
        else f"success {outcome.success_rate:.0%} of {outcome.evaluation_episodes} episodes, "
        f"mean return {outcome.mean_return:.1f}"
    )
    policy = "no policy (none of this package's tasks)"
    if outcome.policy_path is not None:
        policy = str(outcome.policy_path)
    return (
        f"the run {outcome.end.value} after {outcome.minutes:.1f} min and {outcome.env_steps} "
        f"steps: {rate}; {policy}"
    )
