"""Load and stalls of the processors during a measurement."""

from __future__ import annotations

import contextlib
import os
import time
from array import array
from collections.abc import Iterator
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from support.device_process import become_realtime, device_process

WATCH_PRIORITY = 90
WATCH_PERIOD_S, STALL_S = 1e-3, 0.5e-3
Floats = NDArray[np.float64]


class Stalls:
    """Handle of the processes that detect stalls of each processor.

    On each processor, a process with the highest real-time priority sleeps for one millisecond at a
    time. If it wakes up late, the processor was stalled, by the host of a virtual machine or inside
    the kernel. A late answer during a stall is not caused by this package.
    """

    def __init__(self, pipes: list[Connection]) -> None:
        self._pipes = pipes

    def take(self) -> Floats:
        """Return start and end of each stall since the last call, (n, 2), ``time.monotonic``."""
        for pipe in self._pipes:
            pipe.send("take")
        parts = [np.frombuffer(pipe.recv_bytes()).reshape(-1, 2) for pipe in self._pipes]
        return np.concatenate(parts)


def _watch(cpu: int, pipe: Connection) -> None:
    os.sched_setaffinity(0, [cpu])
    become_realtime("stall watch", WATCH_PRIORITY)
    stalls, turns = array("d"), 0
    pipe.send("ready")
    with contextlib.suppress(EOFError):
        while True:
            due = time.monotonic() + WATCH_PERIOD_S
            time.sleep(WATCH_PERIOD_S)
            now = time.monotonic()
            if now - due > STALL_S:
                stalls.extend((due, now))
            turns += 1
            if turns % 100 == 0 and pipe.poll():
                pipe.recv()
                pipe.send_bytes(stalls.tobytes())
                stalls = array("d")


@contextlib.contextmanager
def stall_watch() -> Iterator[Stalls]:
    """Detect stalls of every processor during the block."""
    with contextlib.ExitStack() as stack:
        cpus = sorted(os.sched_getaffinity(0))
        yield Stalls([stack.enter_context(device_process(_watch, cpu)) for cpu in cpus])


@contextlib.contextmanager
def busy_core() -> Iterator[int]:
    """Keep the last processor busy with an ordinary process for the block; yield its number."""
    with device_process(_burn, None):
        yield _last_processor()


def _burn(_settings: None, pipe: Connection) -> None:
    os.sched_setaffinity(0, [_last_processor()])
    pipe.send("ready")
    while True:
        pass


def _last_processor() -> int:
    return max(os.sched_getaffinity(0))
