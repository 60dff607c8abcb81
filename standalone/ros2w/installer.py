"""Installation of a Python into the checkout, for machines whose Pythons lack wheels.

uv installs it: it downloads a build of CPython, and checks it against the hash that uv carries.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ros2w.children import run_logged
from ros2w.pythons import INSTALLED, PYBULLET_WHEELS, Python
from ros2w.report import SetupError, cause_of_failure, say, step

VERSION = "3.11"
# A blocked network is to be noticed within a minute or two; uv tries four times.
UV_SETTINGS = {"UV_HTTP_TIMEOUT": "20", "UV_NO_CONFIG": "1", "UV_PYTHON_INSTALL_BIN": "0"}


def install_python(root: Path, found: Sequence[Python], variables: Mapping[str, str]) -> bool:
    """Install Python into ``root/.python`` with uv; return False, and say why, if that fails.

    Args:
        root: Repository.
        found: Pythons of this machine; one of them runs pip for uv, where uv is missing.
        variables: Environment variables.
    """
    folder = root / INSTALLED
    have = ", ".join(python.name for python in found) or "no Python with venv"
    wheels = " and ".join(f"{major}.{minor}" for major, minor in PYBULLET_WHEELS)
    say(f"PyBullet has wheels for Python {wheels} only, and this machine has {have}")
    try:
        with step(f"installing Python {VERSION} into {folder.name} (some 30 MB)"):
            uv = shutil.which("uv", path=variables.get("PATH")) or _install_uv(
                root, found, variables
            )
            command = [uv, "python", "install", VERSION, "--install-dir", str(folder)]
            _run(command, folder / "uv.log", root, {**variables, **UV_SETTINGS})
    except SetupError as error:
        say(f"Python {VERSION} cannot be installed: {error}")
        return False
    return True


def _install_uv(root: Path, found: Sequence[Python], variables: Mapping[str, str]) -> str:
    """Install uv, checked by its hash, beside the Python to come; return its path."""
    folder = root / INSTALLED / "uv"
    python = next((python for python in found if python.makes_venv), None)
    if python is None:
        raise SetupError("no Python here has the venv module")
    log = root / INSTALLED / "pip.log"
    _run([python.path, "-m", "venv", "--clear", str(folder)], log, root, variables)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--require-hashes"]
    command += ["--no-input", "--disable-pip-version-check"]
    command += ["-r", str(root / "requirements" / "locks" / "uv.txt")]
    _run(command, log, root, variables)
    return str(folder / "bin" / "uv")


def _run(command: Sequence[str], log: Path, root: Path, variables: Mapping[str, str]) -> None:
    if not run_logged(command, log, cwd=root, environment=variables):
        raise SetupError(f"{cause_of_failure(log)} (output: {log})")
