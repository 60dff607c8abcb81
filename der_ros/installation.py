"""Finds folders of the installed package by ament's prefixes, as `ament_index_python` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "der_ros"


def prefixes() -> Iterator[Path]:
    """Yield the installation prefixes in ``AMENT_PREFIX_PATH``; earlier ones take precedence."""
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        if prefix:
            yield Path(prefix)


def package_version() -> str:
    """Return the version of this package; empty if it runs from sources without installation."""
    # Imported here, since it is slow and most nodes do not need it.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return ""


def is_installed(package: str) -> bool:
    """Return True if a ROS package is registered in one of the prefixes."""
    marker = Path("share/ament_index/resource_index/packages") / package
    return any((prefix / marker).exists() for prefix in prefixes())


def package_folders(name: str) -> Iterator[Path]:
    """Yield the possible paths of one of the package's data folders, such as ``models``.

    The order is: every ament prefix, Python's own prefix (pip installation), the source tree. The
    folders need not exist.
    """
    for prefix in (*prefixes(), Path(sys.prefix)):
        yield prefix / "share" / PACKAGE / name
    yield Path(__file__).resolve().parents[1] / name
