"""Command line of the wrapper `ros2w`."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ros2w.environment import Environment
from ros2w.jobs import needed_level
from ros2w.project import EXAMPLE
from ros2w.report import SetupError, clear, say

HELP = """\
usage: ./ros2w COMMAND ...

  launch PACKAGE FILE [NAME:=VALUE ...]   as `ros2 launch`
  run PACKAGE EXECUTABLE [ARGUMENT ...]   as `ros2 run`
  service call NAME TYPE [REQUEST]        as `ros2 service call`
  test [PYTEST ARGUMENT ...]              run the tests
  exec COMMAND [ARGUMENT ...]             run any command in the environment
  setup [--robot-only]                    only prepare: everything, or only the robot side

The first call prepares an environment and builds the package, then runs the command. With a
sourced ROS 2 the environment adds the missing packages to it; without one it is a virtual
environment with ROS 2's wheels. Later calls only check that nothing has changed. Messages of ros2w
go to standard error.

  ROS2W_PYTHON   the Python of the environment (default: the best one found)
  ROS2W_DISTRO   the ROS 2 whose wheels are installed: jazzy (default) or kilted
"""


def main(root: str, words: Sequence[str]) -> int:
    """Run one command of the wrapper.

    `launch`, `run`, `service`, `test` and `exec` replace this process and do not return.

    Args:
        root: Repository.
        words: Command line without the program's name.

    Returns:
        The exit status.
    """
    signal.signal(signal.SIGTERM, _on_sigterm)
    if not words or words[0] in {"-h", "--help", "help"}:
        print(HELP, end="", file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    try:
        return _do(Path(root), words[0], words[1:])
    except SetupError as error:
        say(f"{error}.")
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        say(f"{error.strerror or error}{where}.")
    except KeyboardInterrupt:
        say("interrupted; the next call continues from here.")
        return 128 + signal.SIGINT
    return 1


def _on_sigterm(number: int, frame: FrameType | None) -> NoReturn:
    clear()
    raise SystemExit(128 + number)


def _do(root: Path, verb: str, words: Sequence[str]) -> int:
    if verb not in {"setup", "launch", "run", "service", "test", "exec"}:
        say(f"there is no command '{verb}': it is setup, launch, run, service, test or exec.")
        return 2
    if verb == "setup" and set(words) - {"--robot-only"}:
        say(f"setup takes --robot-only or nothing, not {' '.join(words)}.")
        return 2
    if verb == "exec" and not words:
        say("exec needs a command.")
        return 2
    if any(character in str(root) for character in " \t\n:"):
        raise SetupError(
            f"the path {str(root)!r} has a space or a colon, and ROS 2's tools fail with those: "
            "move the repository"
        )
    environment = Environment(root, os.environ)
    environment.ensure(needed_level(verb, words))
    if verb == "setup":
        say(f"ready. Try: {EXAMPLE}")
        return 0
    if verb == "test":
        os.chdir(root)
        become([str(environment.python), "-m", "pytest", *words], environment)
    if verb == "exec":
        become(list(words), environment)
    become(["ros2", verb, *words], environment)


def become(command: list[str], environment: Environment) -> NoReturn:
    """Replace this process by the command, which then gets its signals and sets its exit status.

    Raises:
        SetupError: There is no such command.
    """
    for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, environment.job_variables())
    except (FileNotFoundError, PermissionError) as error:
        raise SetupError(f"there is no command '{command[0]}' in the environment") from error
