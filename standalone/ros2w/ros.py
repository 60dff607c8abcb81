"""Finds out whether a ROS 2 with `ros2 launch` is sourced."""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

PROBE = """
import json, sys
import launch, launch_ros, ros2launch, rclpy
if getattr(launch, "STAND_IN", False):
    sys.exit("the stand-in")
facts = {"version": sys.version_info[:2], "base": sys._base_executable}
try:
    import numpy
    facts["numpy"] = numpy.__version__
except ImportError:
    facts["numpy"] = None
print(json.dumps(facts))
"""


class SourcedRos(NamedTuple):
    """A ROS 2 installation that is sourced.

    Attributes:
        command: path of its `ros2`.
        python: path of the Python that runs it.
        numpy: version of the numpy that its messages were built for, if known.
        distribution: its name, such as ``jazzy``.
    """

    command: str
    python: str
    numpy: str | None
    distribution: str


def find(environment: Mapping[str, str], ours: Path, cache: Path) -> SourcedRos | None:
    """Return the sourced ROS 2, or None.

    Args:
        environment: the environment variables.
        ours: the repository; a `ros2` below it is our own stand-in.
        cache: where the last answer is kept, for it takes a second to find.
    """
    if not environment.get("AMENT_PREFIX_PATH"):
        return None
    command = shutil.which("ros2", path=environment.get("PATH"))
    if command is None or ours in Path(command).resolve().parents:
        return None
    key = [command, os.stat(command).st_mtime_ns, environment["AMENT_PREFIX_PATH"]]
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(cache.read_text())
        if kept["key"] == key:
            return SourcedRos(**kept["ros"])
    found = _examine(environment, command)
    if found is not None and cache.parent.is_dir():
        cache.write_text(json.dumps({"key": key, "ros": found._asdict()}))
    return found


def _examine(environment: Mapping[str, str], command: str) -> SourcedRos | None:
    python = _interpreter(command)
    try:
        answer = subprocess.run(
            [*python, "-c", PROBE], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None  # a `ros2` without launch, or with nothing that runs: as good as none
    facts = json.loads(answer.stdout.splitlines()[-1])
    distribution = environment.get("ROS_DISTRO", "unknown")
    return SourcedRos(command, python[-1], facts["numpy"], distribution)


def _interpreter(script: str) -> list[str]:
    """Return the words that start the Python of a script, from its first line."""
    with open(script, "rb") as file:
        first = file.readline().decode(errors="replace")
    words = shlex.split(first[2:]) if first.startswith("#!") else []
    if words and os.path.basename(words[0]) == "env":
        words = [shutil.which(words[-1]) or words[-1]]
    return words[:1] or [shutil.which("python3") or "python3"]
