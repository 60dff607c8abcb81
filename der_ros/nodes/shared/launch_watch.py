"""Termination of a node when its launch process has ended for any reason.

A launch that is killed cannot stop its nodes, and a robot must not keep moving without it. The
launch files therefore pass each node the identity of the launch process, which the node watches.
A node that was started by hand has no launch and runs until its user stops it.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path

from der_ros.threads import Worker

logger = logging.getLogger(__name__)

LAUNCH_VARIABLE = "DER_ROS_LAUNCH"
"""Variable with PID and start time of the launch; the time rules out a reused PID."""

PATIENCE_S = 10.0
"""Time that a launch gives its nodes to exit, s: 5 after SIGINT and 5 after SIGTERM."""

_POLL_S = 0.25


def signals_to_end() -> tuple[signal.Signals, ...]:
    """Return the signals that stop a node: SIGINT, SIGTERM and, unless ignored, SIGHUP."""
    signals = (signal.SIGINT, signal.SIGTERM)
    left_alone = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return signals if left_alone else (*signals, signal.SIGHUP)


def this_launch() -> dict[str, str]:
    """Return the environment variable that names this process as the launch of a node."""
    return {LAUNCH_VARIABLE: f"{os.getpid()} {_start_time(os.getpid())}"}


def is_launched() -> bool:
    """Return True if a launch has started this process and still runs."""
    launch = _this_nodes_launch()
    return launch is not None and _start_time(launch[0]) == launch[1]


def has_lost_launch() -> bool:
    """Return True if a launch has started this process and has ended.

    All nodes of a launch notice its end at about the same time. A node that asks here after it has
    missed another one therefore knows whether the launch was the cause.
    """
    return _this_nodes_launch() is not None and not is_launched()


def end_with_launch(patience_s: float = PATIENCE_S) -> None:
    """Start a thread that sends this process SIGTERM when its launch has ended, if it has one.

    Args:
        patience_s: Time from SIGTERM to SIGKILL, s.
    """
    launch = _this_nodes_launch()
    if launch is None:
        return
    pid, started = launch

    def watch() -> None:
        wait_for_end(pid, started)
        logger.warning("the launch that started this node (process %d) has ended: ending", pid)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(patience_s)
        os.kill(os.getpid(), signal.SIGKILL)

    Worker("launch watch", watch).start()


def _this_nodes_launch() -> tuple[int, str] | None:
    """Return PID and start time of the launch; None without one."""
    fields = os.environ.get(LAUNCH_VARIABLE, "").split()
    if len(fields) != 2 or not fields[0].isdecimal():
        return None
    return int(fields[0]), fields[1]


def wait_for_end(pid: int, started: str) -> None:
    """Block until process ``pid`` has ended.

    Args:
        pid: Process identifier.
        started: Start time of the process, in clock ticks since boot, as text.
    """
    wait = _waiting(pid)
    # Compare after the pidfd is open: before that, the PID could be reused.
    while _start_time(pid) == started:
        wait()


def _waiting(pid: int) -> Callable[[], object]:
    """Return a function that blocks until ``pid`` has ended, or for a polling period."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:  # the process has ended, or a container's rules forbid the call
        return lambda: time.sleep(_POLL_S)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return poll.poll


def _start_time(pid: int) -> str:
    """Return the start time of a process, in clock ticks since boot; empty if it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]
