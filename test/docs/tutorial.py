"""Runs a tutorial as written: creates its files, applies its changes, runs its commands."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = ROOT / "docs" / "tutorials"
_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', re.MULTILINE | re.DOTALL)
# The test environment needs no preparation, so this ros2w only runs the command. A game controller
# is simulated at the path JOYSTICK.
_ROS2W = """#!/bin/sh
verb=$1; shift
case "$*" in *device:=joy*) set -- "$@" joystick:="$JOYSTICK";; esac
case $verb in exec) exec "$@";; launch | run) exec ros2 "$verb" "$@";; *) exit 64;; esac
"""


def blocks(page):
    """Return language, title and text of each fenced block."""
    return _BLOCK.findall((TUTORIALS / page).read_text())


def checkout(folder, *parts):
    """Return a folder that stands for the repository, with links to some of its parts."""
    (folder / "ros2w").write_text(_ROS2W)
    (folder / "ros2w").chmod(0o755)
    for part in parts:
        (folder / part).symlink_to(ROOT / part)
    return folder


def follow(page, folder):
    """Follow a page in order; return the output of each ``sh`` block."""
    return [output for block in blocks(page) if (output := _do(block, folder)) is not None]


def _do(block, folder):
    language, title, text = block
    if title:
        (folder / title).write_text(text)
    elif language == "diff":
        command = ["git", "apply", "--unidiff-zero", "--unsafe-paths", "-"]
        subprocess.run(command, input=text, text=True, cwd=folder, check=True)
    elif language == "sh":
        variables = os.environ | {
            "PYTHONPATH": os.pathsep.join((str(folder), os.environ.get("PYTHONPATH", "")))
        }
        command = ["bash", "-euo", "pipefail", "-c", text]
        done = subprocess.run(
            command, cwd=folder, env=variables, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr
    return None
