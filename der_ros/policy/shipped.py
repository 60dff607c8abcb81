"""Policies, demonstrations and configuration files that the package ships."""

from __future__ import annotations

from pathlib import Path

from der_ros.errors import ConfigurationError
from der_ros.installation import PACKAGE, package_folders


def shipped_policies() -> dict[str, Path]:
    """Return the paths of the policies in the package's folder ``models``, by task name."""
    found: dict[str, Path] = {}
    for folder in package_folders("models"):
        for path in sorted(folder.glob("*.onnx")):
            found.setdefault(path.stem, path)
    return found


def shipped_policy(task: str) -> Path:
    """Return the path of the policy that the package ships for ``task``.

    Raises:
        ConfigurationError: The task has none; the message lists the tasks that have one.
    """
    policies = shipped_policies()
    if task not in policies:
        raise ConfigurationError(
            f"policy: expected models/{task}.onnx in the package {PACKAGE}, "
            f"it has {', '.join(sorted(policies)) or 'none'}; "
            "train one and give its path"
        )
    return policies[task]


def shipped_demonstrations(task: str) -> Path:
    """Return the folder of the scripted demonstrations that the package ships for ``task``.

    Raises:
        ConfigurationError: The task has none; the message lists the tasks that have some.
    """
    found: dict[str, Path] = {}
    for folder in package_folders("demonstrations"):
        for path in sorted(folder.glob("*/")):
            found.setdefault(path.name, path)
    if task not in found:
        raise ConfigurationError(
            f"demos: the package ships demonstrations of {', '.join(sorted(found)) or 'no task'}, "
            f"got the task {task}; record your own with record_demos.launch.py"
        )
    return found[task]


def shipped_config_file(*names: str) -> Path:
    """Return the path of a file below ``config/``, installed or in the source tree."""
    paths = [folder.joinpath(*names) for folder in package_folders("config")]
    return next((path for path in paths if path.is_file()), paths[-1])
