"""Lines on the screen, in the form that `ros2 launch` gives them."""

from __future__ import annotations

import sys


def say(level: str, who: str, message: str) -> None:
    """Print ``[LEVEL] [who]: message`` on standard output."""
    line(f"[{level}] [{who}]: {message}")


def line(text: str) -> None:
    """Print one line, at once; a closed pipe must not end the launch."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115 - stays for the rest of the process
