"""Guard process that ends the processes of a launch that was killed, and removes its files.

The launch writes process groups to the guard's standard input: ``+GROUP`` when one starts, and
``-GROUP`` when it has ended; and ``=PATH`` for each temporary file. When the pipe closes, the
launch is gone. The guard ends the remaining groups, so that a robot does not go on moving.

The guard is started without `site` and imports only the standard library.
"""

import contextlib
import os
import signal
import sys
import time

GRACE_S = 5.0
POLL_S = 0.05


def is_alive(group: int) -> bool:
    """Return True if a process group has members."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def end(groups: set[int]) -> None:
    """End the groups by SIGINT, then SIGTERM, then SIGKILL, each after `GRACE_S` seconds."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        for group in groups:
            # A group may end at any moment, or belong to another user: go on with the others.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
        deadline = time.monotonic() + GRACE_S
        while any(map(is_alive, groups)) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        if not any(map(is_alive, groups)):
            return


def remove(paths: list[str]) -> None:
    """Remove the files that are still there."""
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)


def main() -> int:
    """Read groups and files from standard input until it closes, then end and remove the rest."""
    groups: set[int] = set()
    paths: list[str] = []
    for line in sys.stdin:
        if line[0] == "=":
            paths.append(line[1:].rstrip("\n"))
        elif line[0] == "+":
            groups.add(int(line[1:]))
        else:
            groups.discard(int(line[1:]))
    end(groups)
    remove(paths)
    return 0


if __name__ == "__main__":
    sys.exit(main())
