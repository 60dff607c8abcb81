"""Configuration and state of a run that is resumed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from der_ros.training.checkpoint.file import config_of, latest_checkpoint
from der_ros.training.config import TrainingConfig, make_config

# Conditions of the episodes, which may change when a run resumes: networks and replay are kept.
CONDITIONS = ("robot", "randomization", "clearance_m", "env_options")


def resumed_config(
    resume: Path, overrides: Mapping[str, object] | None = None
) -> tuple[TrainingConfig, Path]:
    """Return configuration and folder of the run that ``resume`` belongs to.

    Args:
        resume: A run folder, or a checkpoint inside one.
        overrides: Values that replace those of the run's own configuration.

    Raises:
        CheckpointError: There is no run to resume at ``resume``.
    """
    path = latest_checkpoint(resume)
    own = dataclasses.asdict(config_of(path))
    return make_config({**own, **(overrides or {})}), path.parent.parent


def loop_state(content: Mapping[str, Any], config: TrainingConfig) -> Mapping[str, Any]:
    """Return the learner loop's state in a checkpoint, for a run resumed with ``config``.

    If the ``CONDITIONS`` differ, the best policy is forgotten and a new episode starts.
    """
    loop: Mapping[str, Any] = content["loop"]
    before = make_config(content["config"])
    if all(getattr(before, name) == getattr(config, name) for name in CONDITIONS):
        return loop
    unevaluated = {**loop["evaluations"], "best_snapshot": None, "best_report": None}
    engine = {**loop["engine"], "rollouts": None}
    return {**loop, "evaluations": unevaluated, "engine": engine}
