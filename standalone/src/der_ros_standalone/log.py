"""Lines on the screen, in the form that `ros2 launch` gives them."""

from __future__ import annotations

import sys


def say(level: str, who: str, message: str) -> None:
    """Print ``[LEVEL] [who]: message`` on standard output."""
    line(f"[{level}] [{who}]: {message}")


def line(text: str) -> None:
    """Print one line, at once; a terminal or a reader that is gone must not end the launch."""
    try:
        sys.stdout.write(_printable(text) + "\n")
        sys.stdout.flush()
    except (OSError, ValueError):  # EIO of a terminal, EPIPE of a pipe, a closed file
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115 - stays for the rest of the process


def _printable(text: str) -> str:
    """Return ``text`` with what the screen's encoding does not have as escapes."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
