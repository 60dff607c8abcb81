"""Background writer of a run folder's checkpoints, and removal of old ones."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from der_ros.errors import CheckpointError
from der_ros.training.checkpoint.file import checkpoint_files, save_checkpoint

logger = logging.getLogger(__name__)


class CheckpointWriter:
    """Writer of checkpoints in a background thread, one at a time.

    A failed write, for example on a full disk, is logged and does not end training. ``finish``
    raises an error if the last write failed.
    """

    def __init__(self, run_dir: Path, keep: int) -> None:
        """Write below ``run_dir`` and keep the newest ``keep`` checkpoints."""
        self._run_dir, self._keep = run_dir, keep
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    @property
    def busy(self) -> bool:
        """True while a checkpoint is being written."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, env_steps: int, content: Mapping[str, Any]) -> None:
        """Wait for the previous write, then start writing ``content``, which must not change."""
        if self._thread is not None:
            self._thread.join()
        self._error = None
        path = checkpoint_path(self._run_dir, env_steps)
        self._thread = threading.Thread(target=self._write, args=(path, content), name="checkpoint")
        self._thread.start()

    def finish(self) -> None:
        """Wait until the current checkpoint is written.

        Raises:
            CheckpointError: The checkpoint could not be written.
        """
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise CheckpointError(
                f"checkpoint: expected to write below {self._run_dir}, got: {self._error!r}; make "
                "room if the disk is full, and resume from the checkpoint before"
            ) from self._error

    def _write(self, path: Path, content: Mapping[str, Any]) -> None:
        try:
            save_checkpoint(path, content)
            drop_old_checkpoints(self._run_dir, self._keep)
        except Exception as error:  # any other would end this thread, and finish() would not know
            self._error = error
            logger.error("checkpoint %s could not be written: %r", path, error)


def checkpoint_path(run_dir: Path, env_steps: int) -> Path:
    """Return the path of the checkpoint after ``env_steps`` environment steps."""
    return run_dir / "checkpoints" / f"step_{env_steps:010d}.ckpt"


def drop_old_checkpoints(run_dir: Path, keep: int) -> None:
    """Delete all but the ``keep`` newest checkpoints, and incomplete files of killed runs."""
    folder = run_dir / "checkpoints"
    for path in (*checkpoint_files(folder)[:-keep], *folder.glob("*step_*.part")):
        path.unlink(missing_ok=True)


def set_checkpoints_aside_after(run_dir: Path, env_steps: int) -> None:
    """Rename the checkpoints after ``env_steps``, so that a run resumed there ignores them."""
    for path in checkpoint_files(run_dir / "checkpoints"):
        if path.name > checkpoint_path(run_dir, env_steps).name:
            path.replace(path.with_name(f"{path.name}.aside"))
