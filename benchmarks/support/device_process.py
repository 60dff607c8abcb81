"""Child processes of a benchmark that simulate devices, with real-time scheduling."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

from der_ros.drivers.realtime import (
    DeferredCollector,
    log_refusals,
    request_memory_lock,
    request_scheduling_of_all,
    shorten_switch_interval,
)


def become_realtime(who: str, priority: int) -> None:
    """Request real-time scheduling and locked memory for this process; log what is refused."""
    DeferredCollector().freeze()
    grants = {
        "scheduling": request_scheduling_of_all(priority),
        "memory": request_memory_lock(),
        "switching": shorten_switch_interval(),
    }
    log_refusals(who, grants)


@contextlib.contextmanager
def device_process(target: Callable[..., None], settings: object) -> Iterator[Connection]:
    """Run ``target(settings, pipe)`` in a child process for the block.

    Args:
        target: Function to run; it sends one message through the pipe when it is ready.
        settings: First argument of ``target``.

    Yields:
        Parent's end of the pipe.
    """
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(
        target=target, args=(settings, there), daemon=True
    )
    child.start()
    there.close()
    try:
        here.recv()
        yield here
    finally:
        here.close()
        child.join(0.5)
        child.kill()
        child.join()
