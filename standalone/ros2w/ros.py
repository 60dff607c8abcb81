"""Detection of a sourced ROS 2 that has `ros2 launch`."""

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
    """ROS 2 installation that is sourced.

    Attributes:
        command: Path of its `ros2` command.
        python: Path of the Python that runs the command.
        numpy: Version of numpy that its messages were built with; None if unknown.
        distribution: Name of the distribution, such as ``jazzy``.
    """

    command: str
    python: str
    numpy: str | None
    distribution: str


def find(environment: Mapping[str, str], ours: Path, cache: Path) -> SourcedRos | None:
    """Return the sourced ROS 2; None if there is none.

    Args:
        environment: Environment variables.
        ours: Repository root; a `ros2` command below it is the stand-in.
        cache: File for the last answer; finding it takes about a second.
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
        with contextlib.suppress(OSError):  # without the cache the next call takes a second longer
            cache.write_text(json.dumps({"key": key, "ros": found._asdict()}))
    return found


def _examine(environment: Mapping[str, str], command: str) -> SourcedRos | None:
    python = _interpreter(command)
    try:
        answer = subprocess.run(
            [*python, "-c", PROBE], capture_output=True, text=True, timeout=60, check=True
        )
        facts = json.loads(answer.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None  # a `ros2` command without launch, or one that does not run
    distribution = environment.get("ROS_DISTRO", "unknown")
    return SourcedRos(command, python[-1], facts["numpy"], distribution)


def _interpreter(script: str) -> list[str]:
    """Return the command that starts a script's Python, from the script's first line."""
    with open(script, "rb") as file:
        first = file.readline().decode(errors="replace")
    words = shlex.split(first[2:]) if first.startswith("#!") else []
    if words and os.path.basename(words[0]) == "env":
        words = [shutil.which(words[-1]) or words[-1]]
    return words[:1] or [shutil.which("python3") or "python3"]
