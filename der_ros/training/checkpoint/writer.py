"""Writes checkpoints in the background while training goes on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from der_ros.errors import CheckpointError
from der_ros.training.checkpoint.file import checkpoint_path, drop_old_checkpoints, save_checkpoint

logger = logging.getLogger(__name__)


class CheckpointWriter:
    """At most one checkpoint at a time, each in a thread of its own.

    A checkpoint that cannot be written (a full disk) is logged and does not end training; the last
    one, that ``finish`` waits for, raises.
    """

    def __init__(self, run_dir: Path, keep: int) -> None:
        """For a run folder that keeps the newest ``keep``."""
        self._run_dir, self._keep = run_dir, keep
        self._thread: threading.Thread | None = None
        self._error: OSError | None = None

    @property
    def busy(self) -> bool:
        """Whether one is being written."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, env_steps: int, content: Mapping[str, Any]) -> None:
        """Begins to write ``content``, which must not change any more; waits for the one before."""
        if self._thread is not None:
            self._thread.join()
        self._error = None
        path = checkpoint_path(self._run_dir, env_steps)
        self._thread = threading.Thread(target=self._write, args=(path, content), name="checkpoint")
        self._thread.start()

    def finish(self) -> None:
        """Waits for the one that is being written.

        Raises:
            CheckpointError: it could not be written.
        """
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise CheckpointError(
                f"checkpoint: expected to write below {self._run_dir}, got: {self._error}; make "
                "room and resume from the checkpoint before"
            ) from self._error

    def _write(self, path: Path, content: Mapping[str, Any]) -> None:
        try:
            save_checkpoint(path, content)
            drop_old_checkpoints(self._run_dir, self._keep)
        except OSError as error:
            self._error = error
            logger.error("checkpoint %s could not be written: %s", path, error)
