"""Ends the processes of a launch that was killed itself; runs as a process of its own.

The launch holds the other end of our standard input and tells us the process groups that it
starts (``+GROUP``) and that have ended (``-GROUP``). When the pipe closes while groups are left,
the launch can no longer end them, and a robot must not go on moving: we do it.

It is started without `site` and imports nothing but the standard library.
"""

import os
import signal
import sys
import time

GRACE_S = 5.0
POLL_S = 0.05


def is_alive(group: int) -> bool:
    """Return whether a process group has members."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def end(groups: set[int]) -> None:
    """Ask the groups to end by SIGINT, then SIGTERM, then SIGKILL."""
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
    """Follow the launch until it is gone."""
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
