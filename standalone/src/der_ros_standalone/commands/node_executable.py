"""`ros2 run`: runs an executable of a package."""

from __future__ import annotations

import argparse
import os
import sys
from typing import NoReturn

from der_ros_standalone.errors import LaunchError
from der_ros_standalone.packages import executable


def run_executable(words: list[str]) -> NoReturn:
    """Run `ros2 run`: replace this process by the executable.

    Args:
        words: Command line after `ros2 run`.

    Raises:
        LaunchError: There is no such package or executable, or it cannot be run.
    """
    parser = argparse.ArgumentParser("ros2 run", description="Run an executable of a package.")
    parser.add_argument("package_name", help="name of the package")
    parser.add_argument("executable_name", help="name of the executable")
    parser.add_argument("argv", nargs=argparse.REMAINDER, help="its arguments")
    options = parser.parse_args(words)
    path = executable(options.package_name, options.executable_name)
    sys.stdout.flush()
    try:
        os.execv(path, [str(path), *options.argv])
    except OSError as error:
        raise LaunchError(f"{path} cannot be run: {error.strerror}") from error
