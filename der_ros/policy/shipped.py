"""Where policy files are: those that the package ships, and the one that a bag was made with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from der_ros.errors import ConfigurationError

_PACKAGE = "der_ros"


def shipped_policies() -> dict[str, Path]:
    """The policies in the package's ``models`` folder by task name."""
    found: dict[str, Path] = {}
    for folder in _model_folders():
        for path in sorted(folder.glob("*.onnx")):
            found.setdefault(path.stem, path)
    return found


def shipped_policy(task: str) -> Path:
    """The policy that the package ships for ``task``.

    Raises:
        ConfigurationError: there is none; it names those that there are.
    """
    policies = shipped_policies()
    if task not in policies:
        raise ConfigurationError(
            f"policy: expected models/{task}.onnx in the package {_PACKAGE}, "
            f"it has {', '.join(sorted(policies)) or 'none'}; "
            "train one and give its path"
        )
    return policies[task]


def file_sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal; an empty text where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _model_folders() -> Iterator[Path]:
    """In the installed package, wherever ament's prefixes say it is, else beside the sources."""
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        if prefix:
            yield Path(prefix) / "share" / _PACKAGE / "models"
    yield Path(__file__).resolve().parents[2] / "models"
