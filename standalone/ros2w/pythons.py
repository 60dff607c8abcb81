"""The choice of a Python for the environment."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ros2w.report import SetupError

# ROS 2's wheels are for these; PyBullet's only for the first two, so those are preferred.
SUPPORTED = ((3, 11), (3, 10), (3, 12), (3, 13))
PYBULLET_WHEELS = ((3, 10), (3, 11))
PROBE = """
import sys
def has(name):
    try:
        __import__(name)
        return 1
    except ImportError:
        return 0
print(sys.version_info[0], sys.version_info[1], has("venv") and has("ensurepip"),
      int(sys.implementation.name == "cpython"), sys.prefix == sys.base_prefix and 1 or 0)
"""


class Python(NamedTuple):
    """A Python that runs.

    Attributes:
        path: where it is.
        version: such as (3, 11).
        makes_venv: whether it has the modules to make a virtual environment.
    """

    path: str
    version: tuple[int, int]
    makes_venv: bool

    @property
    def name(self) -> str:
        """How to name it in a sentence."""
        return f"Python {self.version[0]}.{self.version[1]} ({self.path})"


def probe(path: str) -> Python | None:
    """Return what there is at ``path``, or None if it is no CPython that runs."""
    try:
        answer = subprocess.run(
            [path, "-I", "-c", PROBE], capture_output=True, text=True, timeout=20, check=True
        )
        major, minor, makes_venv, is_cpython, _ = map(int, answer.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Python(path, (major, minor), bool(makes_venv)) if is_cpython else None


def _candidates(environment: Mapping[str, str]) -> Iterator[str]:
    names = [f"python{major}.{minor}" for major, minor in SUPPORTED]
    folders = [folder for folder in environment.get("PATH", "").split(os.pathsep) if folder]
    for name in [*names, "python3"]:
        yield from (os.path.join(folder, name) for folder in folders)
    # A shim of pyenv runs only versions that are switched on; the versions themselves always run.
    if root := environment.get("PYENV_ROOT"):
        for name in names:
            yield from map(str, sorted(Path(root, "versions").glob(f"*/bin/{name}")))
    yield sys.executable


def choose(environment: Mapping[str, str]) -> Python:
    """Return the best Python on this machine for an environment of wheels.

    Raises:
        SetupError: if there is none, or none that can make a virtual environment.
    """
    if forced := environment.get("ROS2W_PYTHON"):
        found = [python for python in [probe(forced)] if python]
    else:
        found = _all_of(environment)
    usable = [python for python in found if python.version in SUPPORTED]
    for python in sorted(usable, key=lambda python: SUPPORTED.index(python.version)):
        if python.makes_venv:
            return python
    if usable:
        version = "{}.{}".format(*usable[0].version)
        raise SetupError(f"{usable[0].name} has no venv module: `apt install python{version}-venv`")
    others = ", ".join(python.name for python in found) or "none"
    raise SetupError(
        "ROS 2's wheels need CPython 3.10, 3.11, 3.12 or 3.13, and this machine has "
        f"{others}: install one of those, or a ROS 2 and source it"
    )


def _all_of(environment: Mapping[str, str]) -> list[Python]:
    found: dict[str, Python] = {}
    for path in _candidates(environment):
        if not os.access(path, os.X_OK):
            continue
        real = os.path.realpath(path)
        if real in found:
            continue
        python = probe(path)
        if python is not None:
            found.setdefault(real, python)
            # The first of the best kind will do; probing the rest would only take time.
            if python.version == SUPPORTED[0] and python.makes_venv:
                break
    return list(found.values())
