"""Guard process that ends the processes of a launch that was killed.

The launch writes process groups to the guard's standard input: ``+GROUP`` when one starts, and
``-GROUP`` when it has ended. When the pipe closes, the launch is gone, and the guard ends the
remaining groups, so that a robot does not go on moving.

The guard is started without `site` and imports only the standard library.
"""

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
            if is_alive(group):
                os.killpg(group, number)
        deadline = time.monotonic() + GRACE_S
        while any(map(is_alive, groups)) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        if not any(map(is_alive, groups)):
            return


def main() -> int:
    """Read the groups from standard input until it closes, then end those that are left."""
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    end(groups)
    return 0


if __name__ == "__main__":
    sys.exit(main())
