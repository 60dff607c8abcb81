"""Resolution of command-line or launch options into a training run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from der_ros.errors import ConfigurationError
from der_ros.training.checkpoint.file import latest_checkpoint
from der_ros.training.config import TrainingConfig, load_config
from der_ros.training.run.folder import new_run_dir
from der_ros.training.run.resuming import CONDITIONS, resumed_config

# Settings that may change when a run resumes: budget, place of the work, conditions, what is
# evaluated, and what is written how often. Any other change requires a new run.
RESUMABLE = (
    "max_minutes",
    "max_env_steps",
    "workers",
    "target_success",
    "evaluation_episodes",
    "evaluation_steps",
    "evaluation_threshold",
    "average_share",
    "engine",
    "ray_address",
    "device",
    "report_interval_s",
    "checkpoint_interval_s",
    "checkpoints_kept",
    *CONDITIONS,
)


def resolve_run(
    preset: str, overrides: Mapping[str, object], run_dir: str = "", resume: str = ""
) -> tuple[TrainingConfig, Path, Path | None]:
    """Return configuration, run folder, and the checkpoint to resume from.

    Args:
        preset: Name or path; not used with ``resume``, which has its own configuration.
        overrides: Values of the given fields by name.
        run_dir: Run folder; empty for a new one below ``runs/``, or the resumed run's own.
        resume: Run folder or checkpoint to resume from; empty for a new run.

    Raises:
        ConfigurationError: A field is unknown or wrong, or cannot change with ``resume``.
        CheckpointError: There is no run to resume at ``resume``.
    """
    if resume:
        fixed = sorted(set(overrides) - set(RESUMABLE))
        if fixed:
            raise ConfigurationError(
                f"resume: {', '.join(fixed)} cannot change in a resumed run; "
                f"{', '.join(RESUMABLE)} can"
            )
        checkpoint = latest_checkpoint(Path(resume))
        config, own_dir = resumed_config(checkpoint, overrides)
        return config, Path(run_dir) if run_dir else own_dir, checkpoint
    config = load_config(preset, overrides)
    return config, Path(run_dir) if run_dir else new_run_dir(config), None
