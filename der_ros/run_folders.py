"""Creates a folder per run, also for runs that start in the same second."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

from der_ros.errors import ConfigurationError


def new_run_folder(name: str) -> Path:
    """Create ``runs/<name>_<time>`` in the current folder, with a number if that name is taken.

    Raises:
        ConfigurationError: The folder cannot be created.
    """
    stem = time.strftime(f"{name}_%Y%m%d-%H%M%S")
    for number in itertools.count(1):
        folder = Path("runs") / (stem if number == 1 else f"{stem}_{number}")
        try:
            folder.mkdir(parents=True)
            break
        except FileExistsError:  # another run began in the same second
            if not folder.is_dir():
                raise ConfigurationError(
                    f"run_dir: expected a folder, got the file {folder}; give another run_dir"
                ) from None
        except OSError as error:
            raise ConfigurationError(
                f"run_dir: cannot make the folder {folder} ({error.strerror}); give another run_dir"
            ) from error
    return folder
