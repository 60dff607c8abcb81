"""End of a node when its launch has ended, in whatever way.

A launch that is killed cannot end its nodes, and a robot must not go on moving without it. The
launch files therefore give each node the process that started it, and the node watches that
process. A node that was started by hand has no launch and runs until its user ends it.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

logger = logging.getLogger(__name__)

LAUNCH_VARIABLE = "DER_ROS_LAUNCH"
"""Process number and start time of the launch; the time excludes a later process of that number."""

PATIENCE_S = 10.0
"""Patience of a launch: five seconds after SIGINT, and five after SIGTERM."""

_POLL_S = 0.25


def signals_to_end() -> tuple[signal.Signals, ...]:
    """Return the signals that tell a node to end; not SIGHUP where ``nohup`` has it ignored."""
    signals = (signal.SIGINT, signal.SIGTERM)
    left_alone = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return signals if left_alone else (*signals, signal.SIGHUP)


def this_launch() -> dict[str, str]:
    """Return the variable that makes this process the launch of the nodes which get it."""
    return {LAUNCH_VARIABLE: f"{os.getpid()} {_start_time(os.getpid())}"}


def end_with_launch(
    patience_s: float = PATIENCE_S, environment: Mapping[str, str] = os.environ
) -> None:
    """Send this process SIGTERM when its launch has ended; return at once.

    Args:
        patience_s: time after which the process is killed if it has not ended.
        environment: with ``LAUNCH_VARIABLE``; without it nothing is done.
    """
    launch = environment.get(LAUNCH_VARIABLE, "").split()
    if len(launch) != 2 or not launch[0].isdecimal():
        return
    pid, started = int(launch[0]), launch[1]

    def watch() -> None:
        wait_for_end(pid, started)
        logger.warning("the launch that started this node (process %d) has ended: ending", pid)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(patience_s)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="launch watch", daemon=True).start()


def wait_for_end(pid: int, started: str) -> None:
    """Block until process ``pid``, which began at ``started``, has ended."""
    wait = _waiting(pid)
    # Compare after the process was opened: before that, its number could be reused.
    while _start_time(pid) == started:
        wait()


def _waiting(pid: int) -> Callable[[], object]:
    """Return a function that blocks until ``pid`` may have ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:  # the process has ended, or the system (a container's rules) forbids the call
        return lambda: time.sleep(_POLL_S)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return poll.poll


def _start_time(pid: int) -> str:
    """Return when a process began, in ticks since the boot; empty if it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]
