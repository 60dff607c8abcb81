"""Choice of the Python for the environment."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ros2w.report import SetupError

# Versions with ROS 2 wheels, in order of preference: PyBullet has wheels for the first two only.
SUPPORTED = ((3, 11), (3, 10), (3, 12), (3, 13))
PYBULLET_WHEELS = ((3, 10), (3, 11))
# Folder of the checkout for a Python that `ros2w` installs.
INSTALLED = ".python"
PROBE = """
import sys
def has(name):
    try:
        __import__(name)
        return 1
    except ImportError:
        return 0
print(sys.version_info[0], sys.version_info[1], has("venv") and has("ensurepip"),
      int(sys.implementation.name == "cpython"))
"""


class Python(NamedTuple):
    """Python interpreter that runs.

    Attributes:
        path: Path of the interpreter.
        version: Major and minor version, such as (3, 11).
        makes_venv: True if it has the modules that create a virtual environment.
    """

    path: str
    version: tuple[int, int]
    makes_venv: bool

    @property
    def name(self) -> str:
        """Version and path, for messages."""
        return f"Python {self.version[0]}.{self.version[1]} ({self.path})"


def probe(path: str) -> Python | None:
    """Return the interpreter at ``path``; None if no CPython runs there."""
    try:
        answer = subprocess.run(
            [path, "-I", "-c", PROBE], capture_output=True, text=True, timeout=20, check=True
        )
        major, minor, makes_venv, is_cpython = map(int, answer.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Python(path, (major, minor), bool(makes_venv)) if is_cpython else None


def _candidates(environment: Mapping[str, str], root: Path) -> Iterator[str]:
    names = [f"python{major}.{minor}" for major, minor in SUPPORTED]
    folders = [folder for folder in environment.get("PATH", "").split(os.pathsep) if folder]
    for name in [*names, "python3"]:
        yield from (os.path.join(folder, name) for folder in folders)
    # A pyenv shim runs only the selected versions; the versions' own interpreters always run.
    if versions := environment.get("PYENV_ROOT"):
        for name in names:
            yield from map(str, sorted(Path(versions, "versions").glob(f"*/bin/{name}")))
    for name in names:
        yield from map(str, sorted((root / INSTALLED).glob(f"*/bin/{name}")))
    yield sys.executable


def find(environment: Mapping[str, str], root: Path) -> list[Python]:
    """Return the Pythons of this machine and of the checkout ``root``, or the forced one."""
    if forced := environment.get("ROS2W_PYTHON"):
        return [python for python in [probe(forced)] if python]
    return _all_of(environment, root)


def has_one_of(found: Sequence[Python], versions: Sequence[tuple[int, int]]) -> bool:
    """Return True if a Python of these versions can create an environment."""
    return any(python.makes_venv and python.version in versions for python in found)


def choose(found: Sequence[Python]) -> Python:
    """Return the best Python for an environment with ROS 2's wheels.

    Raises:
        SetupError: No Python is supported, or none can create a virtual environment.
    """
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


def _all_of(environment: Mapping[str, str], root: Path) -> list[Python]:
    found: dict[str, Python] = {}
    for path in _candidates(environment, root):
        if not os.access(path, os.X_OK):
            continue
        real = os.path.realpath(path)
        if real in found:
            continue
        python = probe(path)
        if python is not None:
            found.setdefault(real, python)
            # No later candidate can be better, and each probe takes time.
            if python.version == SUPPORTED[0] and python.makes_venv:
                break
    return list(found.values())
