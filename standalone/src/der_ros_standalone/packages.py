"""Paths of installed ROS packages, their executables and their launch files."""

from __future__ import annotations

import os
from pathlib import Path

from der_ros_standalone.errors import LaunchError

INDEX = Path("share/ament_index/resource_index/packages")


def _prefixes() -> list[Path]:
    return [Path(entry) for entry in os.environ.get("AMENT_PREFIX_PATH", "").split(":") if entry]


def package_prefix(package: str) -> Path:
    """Return the installation folder of ``package``.

    Raises:
        LaunchError: The package is not installed; the message lists the installed ones.
    """
    for prefix in _prefixes():
        if package and (prefix / INDEX / package).is_file():
            return prefix
    found = sorted({path.name for prefix in _prefixes() for path in (prefix / INDEX).glob("*")})
    raise LaunchError(
        f"Package '{package}' not found: AMENT_PREFIX_PATH has "
        f"{', '.join(found) if found else 'no package; build the workspace and source it'}"
    )


def package_share(package: str) -> Path:
    """Return the folder with the data files of ``package``."""
    return package_prefix(package) / "share" / package


def executables(package: str) -> list[Path]:
    """Return the executables of ``package``, sorted by name."""
    folder = package_prefix(package) / "lib" / package
    return sorted(path for path in folder.glob("*") if path.is_file() and os.access(path, os.X_OK))


def executable(package: str, name: str) -> Path:
    """Return the path of one executable.

    Raises:
        LaunchError: The executable does not exist; the message lists the existing ones.
    """
    found = executables(package)
    for path in found:
        if path.name == name:
            return path
    names = ", ".join(path.name for path in found) or "none"
    raise LaunchError(f"No executable '{name}' in package '{package}': it has {names}")


def launch_file(package: str, name: str) -> Path:
    """Return the path of a launch file of ``package``.

    Raises:
        LaunchError: No or several files have that name; the message lists the launch files.
    """
    share = package_share(package)
    found = sorted(share.rglob(name)) if name else []
    if len(found) == 1:
        return found[0]
    if found:
        raise LaunchError(f"file '{name}' exists more than once below {share}")
    names = ", ".join(path.name for path in sorted(share.rglob("*.launch.py"))) or "none"
    raise LaunchError(f"file '{name}' was not found in package '{package}': it has {names}")
