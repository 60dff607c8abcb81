"""The `ros2` command: `launch`, `run` and `service call`."""

from __future__ import annotations

import signal
import sys

import launch

from der_ros_standalone.commands.launch_file import run_launch
from der_ros_standalone.commands.node_executable import run_executable
from der_ros_standalone.commands.service_call import run_service
from der_ros_standalone.errors import ADVICE, LaunchError

VERBS = {"launch": run_launch, "run": run_executable, "service": run_service}


def main(words: list[str] | None = None) -> int:
    """Run one `ros2` command, and return its exit status."""
    words = sys.argv[1:] if words is None else words
    if getattr(launch, "STAND_IN", False) is not True:
        return _refuse("a ROS 2 installation is sourced: use its `ros2` command, not this one")
    if not words or words[0] in {"-h", "--help"}:
        print(f"usage: ros2 {{{','.join(VERBS)}}} ...\n\nFor any other command, {ADVICE}.")
        return 0
    if words[0] not in VERBS:
        return _refuse(f"`ros2 {words[0]}` is not among {', '.join(VERBS)}: {ADVICE}")
    try:
        return VERBS[words[0]](words[1:])
    except LaunchError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _refuse(message: str) -> int:
    print(f"ros2: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
