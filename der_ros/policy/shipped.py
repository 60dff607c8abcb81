"""Where the files that the package ships are; the policies above all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from der_ros.errors import ConfigurationError

_PACKAGE = "der_ros"


def shipped_policies() -> dict[str, Path]:
    """The policies in the package's ``models`` folder by task name."""
    found: dict[str, Path] = {}
    for folder in package_folders("models"):
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


def shipped_config_file(*names: str) -> Path:
    """Return a file below ``config/`` of the installed package, else of the sources."""
    paths = [folder.joinpath(*names) for folder in package_folders("config")]
    return next((path for path in paths if path.is_file()), paths[-1])


def package_folders(name: str) -> Iterator[Path]:
    """Where the package's files in a folder such as ``models`` may be, the best place first.

    In the installed package, wherever ament's prefixes say it is, else beside the sources.
    """
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        if prefix:
            yield Path(prefix) / "share" / _PACKAGE / name
    yield Path(__file__).resolve().parents[2] / name
