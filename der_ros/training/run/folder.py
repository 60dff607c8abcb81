"""Output folder of a training run."""

from __future__ import annotations

import tempfile
from pathlib import Path

from der_ros.errors import ConfigurationError
from der_ros.run_folders import new_run_folder
from der_ros.training.config import TrainingConfig


def prepare_run_folder(folder: Path, checkpoint: Path | None) -> None:
    """Make the run folder if it is missing, and check that the run may write to it.

    Args:
        folder: The run folder.
        checkpoint: Checkpoint to resume from, in this or another folder; None for a new run.

    Raises:
        ConfigurationError: The folder cannot be made or written to, or is not empty and not that
            of the resumed run.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        own = (folder / "checkpoints").resolve()
        goes_on = checkpoint is not None and checkpoint.resolve().parent == own
        if any(folder.iterdir()) and not goes_on:
            raise ConfigurationError(
                f"run_dir: expected a new or empty folder, {folder} holds something; choose "
                "another, or resume that run"
            )
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"run_dir: expected a folder that can be made and written to, got {folder} "
            f"({error.strerror}); choose another"
        ) from error


def new_run_dir(config: TrainingConfig) -> Path:
    """Make a new folder ``runs/train_<task>_<time>`` below the current one, with a free name.

    Raises:
        ConfigurationError: The folder cannot be made.
    """
    name = (config.env or config.task).replace("/", "_")
    return new_run_folder(f"train_{name}")
