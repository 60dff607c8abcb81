"""Checkpoints: one uncompressed ``.npz`` of plain arrays and a JSON text, written atomically."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from der_ros.errors import CheckpointError

FORMAT = "der_ros checkpoint 1"
_META = "meta.json"


class Checkpoint(NamedTuple):
    """Arrays by name, and what is no array: numbers, texts and lists that JSON can hold."""

    arrays: Mapping[str, NDArray[np.generic]]
    meta: Mapping[str, Any]

    def part(self, prefix: str) -> dict[str, NDArray[np.generic]]:
        """The arrays whose names start with ``prefix/``, without it."""
        start = prefix + "/"
        return {k[len(start) :]: v for k, v in self.arrays.items() if k.startswith(start)}


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes ``path`` so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"format": FORMAT, **checkpoint.meta}).encode()
    arrays = {**checkpoint.arrays, _META: np.frombuffer(text, np.uint8)}
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint in full; nothing in it is executed.

    Raises:
        CheckpointError: missing, truncated, damaged, or no checkpoint of this package.
    """
    try:
        # numpy would not close a file that it opened itself and finds damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        meta = json.loads(bytes(arrays.pop(_META)))
    except FileNotFoundError as error:
        raise CheckpointError(f"checkpoint: expected a file, there is none at {path}") from error
    except (OSError, ValueError, KeyError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"checkpoint {path}: expected a whole file that der_ros wrote, got a truncated, "
            f"damaged or foreign one ({error}); take an earlier checkpoint"
        ) from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise CheckpointError(f"checkpoint {path}: expected {FORMAT!r}, got another format")
    return Checkpoint(arrays, meta)


def checkpoint_path(run_dir: Path, env_steps: int) -> Path:
    """Where the checkpoint after ``env_steps`` steps goes."""
    return run_dir / "checkpoints" / f"step_{env_steps:010d}.npz"


def latest_checkpoint(source: Path) -> Path:
    """A checkpoint file itself, or the newest one of a run folder.

    Raises:
        CheckpointError: there is none.
    """
    if source.is_file():
        return source
    found = sorted((source / "checkpoints").glob("step_*.npz"))
    if not found:
        raise CheckpointError(
            f"resume: expected a checkpoint, or a run folder that holds one, at {source}"
        )
    return found[-1]


def drop_old_checkpoints(run_dir: Path, keep: int) -> None:
    """Deletes all but the ``keep`` newest."""
    for path in sorted((run_dir / "checkpoints").glob("step_*.npz"))[:-keep]:
        path.unlink(missing_ok=True)
