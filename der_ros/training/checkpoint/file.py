"""Checkpoint files: an uncompressed zip of ``.npy`` arrays and a JSON text, written atomically."""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from der_ros.documents import open_regular, shortened
from der_ros.errors import CheckpointError, ConfigurationError, DerRosError
from der_ros.training.checkpoint.arrays import read_array
from der_ros.training.config import TrainingConfig, make_config
from der_ros.whole_files import sync, whole_file

logger = logging.getLogger(__name__)

FORMAT = "der_ros checkpoint 2"
_TREE = "tree.json"
_ARRAY, _TUPLE = "$array", "$tuple"

# None, bool, int, float, str, bytes, numpy arrays, and lists, tuples and dicts of them.
Plain = Any


def save_checkpoint(path: Path, content: Mapping[str, Plain | Callable[[], Plain]]) -> None:
    """Write ``path`` atomically: the file is complete or does not exist.

    Args:
        path: The file.
        content: Plain data, and functions that return plain data. A function is called when its
            part is written, so that not everything is in memory at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part, zipfile.ZipFile(part, "w") as archive:
        tree = _pack(archive, dict(content))
        archive.writestr(_TREE, json.dumps({"format": FORMAT, "content": tree}))
    sync(path.parent)


def load_checkpoint(path: Path, *names: str, optional: Sequence[str] = ()) -> dict[str, Plain]:
    """Read a checkpoint, or only some of its parts; nothing in it is executed.

    Args:
        path: The file.
        names: Parts to read, such as ``config`` or ``loop/learning``; none for all parts.
        optional: Parts that earlier releases did not write; returned as None if missing.

    Raises:
        CheckpointError: The file is missing, truncated, damaged or of another release.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ValueError("expected nothing compressed, got compressed content")
            tree = json.loads(archive.read(_TREE))
            if not isinstance(tree, dict) or tree.get("format") != FORMAT:
                raise ValueError(f"expected {FORMAT!r}, got another format")
            parts = tree["content"]
            chosen = {name: _part(parts, name) for name in names or parts}
            chosen |= {name: parts.get(name) for name in optional}
            content: dict[str, Plain] = _unpack(archive, chosen, set())
            return content
    except FileNotFoundError as error:
        raise CheckpointError(f"checkpoint: expected a file, there is none at {path}") from error
    except Exception as error:  # zipfile and numpy raise errors of many kinds for damaged files
        raise CheckpointError(
            f"checkpoint {path}: expected a whole file of this release of der_ros, got a "
            f"truncated, damaged or foreign one ({error}); {_what_else(path)}"
        ) from error


def latest_checkpoint(source: Path, option: str = "resume") -> Path:
    """Return ``source`` if it is a checkpoint file, else the newest readable one in a run folder.

    Unreadable checkpoints that are skipped are logged.

    Args:
        source: Checkpoint file or run folder.
        option: Name of the option or job that gave ``source``, for the error message.

    Raises:
        CheckpointError: There is no readable checkpoint.
    """
    if source.is_file():
        return source
    damaged: dict[Path, BaseException | None] = {}
    for path in reversed(checkpoint_files(source / "checkpoints")):
        try:
            load_checkpoint(path)
        except CheckpointError as error:
            damaged[path] = error.__cause__
            continue
        for other, cause in damaged.items():
            logger.warning(
                "checkpoint %s cannot be read (%s); %s is taken instead", other, cause, path
            )
        return path
    if damaged:
        raise CheckpointError(
            f"{option}: expected a whole checkpoint in {source}, got truncated, damaged or foreign "
            f"ones: {', '.join(f'{path.name} ({cause})' for path, cause in damaged.items())}; "
            "start a new run"
        )
    raise CheckpointError(
        f"{option}: expected a checkpoint, or a run folder that holds one, at {source}"
    )


@contextmanager
def restoring(source: str) -> Iterator[None]:
    """Turn every error that a damaged state causes in the ``with`` body into ``CheckpointError``.

    Args:
        source: Name of the checkpoint, or of the part that is restored, for the message.
    """
    try:
        yield
    except DerRosError as error:
        raise CheckpointError(f"{source}: {error}") from error
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CheckpointError(
            f"{source}: expected what this release writes for this configuration, got something "
            f"else ({error!r}); take an earlier checkpoint, or start a new run"
        ) from error


def config_of(path: Path) -> TrainingConfig:
    """Return the configuration of the run that wrote the checkpoint at ``path``.

    Raises:
        CheckpointError: ``path`` is not a checkpoint, or has fields that are unknown here.
    """
    values = load_checkpoint(path, "config")["config"]
    try:
        if not isinstance(values, dict):
            raise TypeError(f"expected names and values, got {shortened(values)}")
        return make_config(values)
    except (TypeError, ConfigurationError) as error:
        raise CheckpointError(
            f"checkpoint {path}: expected a configuration of this release ({error})"
        ) from error


def _part(tree: Plain, name: str) -> Plain:
    for key in name.split("/"):
        tree = tree[key]
    return tree


def checkpoint_files(folder: Path) -> list[Path]:
    """Return the checkpoints in ``folder``, oldest first."""
    return sorted(folder.glob("step_*.ckpt"))


def _what_else(path: Path) -> str:
    others = [other for other in checkpoint_files(path.parent) if other != path]
    return f"take {others[-1]}" if others else "start a new run"


def _pack(archive: zipfile.ZipFile, value: Plain, name: str = "") -> Plain:
    """Return ``value`` as JSON data; write its arrays to the archive."""
    if callable(value):
        return _pack(archive, value(), name)
    if isinstance(value, np.ndarray):
        member = f"{name}.npy"
        with archive.open(member, "w", force_zip64=True) as file:
            np.lib.format.write_array(file, value, allow_pickle=False)
        return {_ARRAY: member}
    if isinstance(value, bytes):
        return {"$bytes": _pack(archive, np.frombuffer(value, np.uint8), name)}
    if isinstance(value, Mapping):
        return {str(k): _pack(archive, v, f"{name}/{k}".lstrip("/")) for k, v in value.items()}
    if isinstance(value, tuple):
        return {_TUPLE: [_pack(archive, v, f"{name}/{k}") for k, v in enumerate(value)]}
    if isinstance(value, list):
        return [_pack(archive, v, f"{name}/{k}") for k, v in enumerate(value)]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"checkpoint: expected plain data at {name}, got {type(value).__name__}")


def _unpack(archive: zipfile.ZipFile, value: Plain, read: set[str]) -> Plain:
    """Return the original value of packed JSON data; read its arrays from the archive.

    Args:
        archive: Open zip file.
        value: Packed data.
        read: Members that are read already; a repeated one would multiply the file's size.
    """
    if isinstance(value, list):
        return [_unpack(archive, item, read) for item in value]
    if not isinstance(value, dict):
        return value
    if _ARRAY in value:
        member = value[_ARRAY]
        if member in read:
            raise ValueError(f"expected the member {shortened(member)} once, got it twice")
        read.add(member)
        # Members are not compressed, so none can be larger than the file itself.
        return read_array(archive, member, archive.getinfo(member).file_size)
    if "$bytes" in value:
        return _unpack(archive, value["$bytes"], read).tobytes()
    if _TUPLE in value:
        return tuple(_unpack(archive, item, read) for item in value[_TUPLE])
    return {key: _unpack(archive, item, read) for key, item in value.items()}
