"""File ``parameters.yaml`` of a run: versions, launch arguments and node parameters."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from der_ros.documents import to_yaml
from der_ros.errors import ConfigurationError, printable
from der_ros.installation import package_version
from der_ros.whole_files import write_whole

RUN_PARAMETERS = "parameters.yaml"
# Packages whose release decides how a policy's numbers are rounded.
_ROUNDING = ("numpy", "onnxruntime")


def write_run_parameters(
    run_dir: Path, values: Mapping[str, object], nodes: Mapping[str, Mapping[str, object]]
) -> Path:
    """Write ``parameters.yaml`` into a run folder and return its path.

    The file is a ROS 2 parameters file. Its comments list the versions and the launch arguments.
    Parameters that it does not list have their defaults.

    Args:
        run_dir: Run folder, created if missing; an existing file is replaced.
        values: Launch arguments by name.
        nodes: Parameters by node.

    Raises:
        ConfigurationError: The folder cannot be written.
    """
    # A line end in a value would end the comment.
    arguments = (printable(f"# {name}:={value}") for name, value in values.items())
    own = f"# der_ros {package_version() or 'of sources that are not built'}"
    head = [own, f"# {', '.join(_versions())}", *arguments]
    content = {f"/**/{name}": {"ros__parameters": dict(each)} for name, each in nodes.items()}
    path = run_dir / RUN_PARAMETERS
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        write_whole(path, "\n".join([*head, to_yaml(content)]))
    except OSError as error:
        raise ConfigurationError(
            f"run_dir: expected a folder that can be written, got {run_dir} ({error.strerror})"
        ) from error
    return path


def _versions() -> list[str]:
    """Return Python and the packages that round a policy's numbers, each with its version."""
    found = [f"Python {platform.python_version()}"]
    for name in _ROUNDING:
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return found
