"""Real-time requests of a process to the operating system and to Python.

Nothing here raises: a refused request returns a text with the remedy, and the process continues
without it. docs/explanation/realtime.md gives the reason for each request.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import resource
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

logger = logging.getLogger(__name__)

_SWITCH_INTERVAL_S, _KEEP_S = 5e-5, 5e-3
_COLLECT_EVERY_S = 1.0
_LIMITS_FILE = "/etc/security/limits.conf"
# <sys/mman.h>
_MCL_CURRENT, _MCL_FUTURE = 1, 2
# <linux/capability.h>
_CAP_IPC_LOCK = 14
_TASKS = Path("/proc/self/task")


class Grant(NamedTuple):
    """Result of one real-time request.

    Attributes:
        granted: True if the request was granted.
        words: Description of the granted setting, or the reason for the refusal and the remedy.
    """

    granted: bool
    words: str


NOT_ASKED = Grant(True, "not asked for")


def request_scheduling(priority: int) -> Grant:
    """Request SCHED_FIFO for the calling thread.

    Args:
        priority: Priority, 1 to 99; 0 for no request.
    """
    if priority <= 0:
        return NOT_ASKED
    return _scheduled([0], priority)


def request_scheduling_of_all(priority: int) -> Grant:
    """Request SCHED_FIFO for all current threads of this process, including the calling one.

    A thread that holds Python's global lock blocks the answering thread. Under normal scheduling,
    any busy program can preempt the lock's holder.

    Args:
        priority: Priority, 1 to 99, below the answering thread's; 0 for no request.
    """
    if priority <= 0:
        return NOT_ASKED
    try:
        threads = [int(task.name) for task in _TASKS.iterdir()]
    except OSError as error:
        return Grant(False, f"the threads of this process cannot be listed: {error}")
    return _scheduled(threads, priority)


def _scheduled(threads: list[int], priority: int) -> Grant:
    try:
        for thread in threads:
            _schedule(thread, priority)
    except (OSError, AttributeError) as error:
        return Grant(
            False,
            f"real-time scheduling (SCHED_FIFO {priority}) was refused: {error}. Allow it by "
            f"'rtprio {priority}' for this user in {_LIMITS_FILE}, and log in again",
        )
    return Grant(True, f"SCHED_FIFO {priority}")


def _schedule(thread: int, priority: int) -> None:
    """Request SCHED_FIFO for one thread; ignore a thread that has ended."""
    try:
        os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(priority))
    except ProcessLookupError:
        logger.debug("thread %d has ended", thread)


def request_cpu(cpu: int) -> Grant:
    """Pin the calling thread to one processor.

    Args:
        cpu: Number of the processor; -1 for no request.
    """
    if cpu < 0:
        return NOT_ASKED
    try:
        os.sched_setaffinity(0, [cpu])
    except (OSError, AttributeError) as error:
        there = sorted(os.sched_getaffinity(0))
        return Grant(False, f"processor {cpu} was refused: {error}. Choose one of {there}")
    return Grant(True, f"processor {cpu}")


def request_memory_lock() -> Grant:
    """Lock all current and future pages of this process (such as thread stacks) in memory.

    A page fault can cost a thread milliseconds. If locked memory is limited, nothing is locked,
    because growing beyond the limit would end the process.
    """
    if not may_lock_memory():
        allowed = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] // 1024
        return Grant(
            False,
            f"locked memory was not requested: expected no limit on it, got {allowed} kB. Allow it "
            f"by 'memlock unlimited' for this user in {_LIMITS_FILE}, and log in again",
        )
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE) == 0:
            return Grant(True, "locked, also for later memory")
        reason = os.strerror(ctypes.get_errno())
    except (OSError, AttributeError) as error:
        reason = str(error)
    return Grant(False, f"locked memory (mlockall) was refused: {reason}")


def may_lock_memory() -> bool:
    """Return True if this process may lock all its memory; raise its soft limit if allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft != hard == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))
    return hard == resource.RLIM_INFINITY or _has_capability(_CAP_IPC_LOCK)


def _has_capability(number: int, status: Path = Path("/proc/self/status")) -> bool:
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return False
    effective = [line.split()[1] for line in lines if line.startswith("CapEff:")]
    return bool(effective) and bool(int(effective[0], 16) >> number & 1)


def shorten_switch_interval() -> Grant:
    """Shorten Python's switch interval, so that other threads release the global lock sooner.

    Call it before waiting for an event that has to be handled at once.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    return Grant(True, f"Python's global lock changes hands within {1e3 * _SWITCH_INTERVAL_S:g} ms")


def lengthen_switch_interval() -> None:
    """Lengthen Python's switch interval, so that this thread keeps the global lock.

    It lasts a few milliseconds, until ``shorten_switch_interval`` or until this thread releases the
    lock itself. (A waiting thread requests the lock after the interval in force when its wait
    began, and starts over whenever the lock has changed hands.)
    """
    sys.setswitchinterval(_KEEP_S)


def log_refusals(who: str, grants: Mapping[str, Grant]) -> None:
    """Log one line for each request that was refused."""
    for grant in grants.values():
        if not grant.granted:
            logger.warning("%s: %s. The process continues without it", who, grant.words)


def relax_collector() -> None:
    """Make garbage collection rarer and cheaper; call it once all long-lived objects exist."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class DeferredCollector:
    """Garbage collection on request, because a collection stops all threads.

    Attributes:
        longest_s: Duration of the longest collection, s.
        runs: Number of collections.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0
        self.runs = 0
        self._due_s = 0.0
        self._running = threading.Lock()

    def freeze(self) -> None:
        """Exclude all current objects, and collect only in ``collect_if_due`` from now on."""
        gc.collect()
        gc.freeze()
        gc.disable()
        self._due_s = time.monotonic() + _COLLECT_EVERY_S

    def unfreeze(self) -> None:
        """Undo ``freeze``: enable automatic collection again."""
        gc.unfreeze()
        gc.enable()

    def collect_if_due(self) -> None:
        """Collect now if the last collection is at least 1 s old. Thread-safe."""
        begin = time.monotonic()
        if begin < self._due_s or not self._running.acquire(blocking=False):
            return
        try:
            self._due_s = begin + _COLLECT_EVERY_S
            gc.collect()
            self.runs += 1
            self.longest_s = max(self.longest_s, time.monotonic() - begin)
        finally:
            self._running.release()
