"""Lines on standard output, in the format of `ros2 launch`."""

from __future__ import annotations

import sys


def say(level: str, who: str, message: str) -> None:
    """Print ``[LEVEL] [who]: message`` on standard output."""
    line(f"[{level}] [{who}]: {message}")


def line(text: str) -> None:
    """Print one line and flush it; a closed terminal or pipe does not end the launch."""
    try:
        sys.stdout.write(_printable(text) + "\n")
        sys.stdout.flush()
    except (OSError, ValueError):  # EIO of a terminal, EPIPE of a pipe, a closed file
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115 - open until the process ends


def _printable(text: str) -> str:
    """Return ``text`` with escapes for the characters that the output cannot encode."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
