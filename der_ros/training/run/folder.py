"""The folder that a run writes to."""

from __future__ import annotations

import itertools
import tempfile
import time
from pathlib import Path

from der_ros.errors import ConfigurationError
from der_ros.training.config import TrainingConfig


def prepare_run_folder(folder: Path, checkpoint: Path | None) -> None:
    """Makes it where it is missing.

    Args:
        folder: of the run.
        checkpoint: that the run goes on from, in this folder or another's; None for a new run.

    Raises:
        ConfigurationError: it cannot be made or written to, or holds anything but the run that
            goes on.
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
    """Make ``runs/train_<task>_<time>`` below the current folder, or the next that is free.

    Raises:
        ConfigurationError: it cannot be made.
    """
    name = (config.env or config.task).replace("/", "_")
    stem = time.strftime(f"train_{name}_%Y%m%d-%H%M%S")
    for number in itertools.count(1):
        folder = Path("runs") / (stem if number == 1 else f"{stem}_{number}")
        try:
            folder.mkdir(parents=True)
            break
        except FileExistsError:  # another run began in the same second
            if not folder.is_dir():
                raise ConfigurationError(f"run_dir: expected a folder, {folder} is none") from None
        except OSError as error:
            raise ConfigurationError(
                f"run_dir: expected to make {folder} ({error.strerror}); give another run_dir"
            ) from error
    return folder
