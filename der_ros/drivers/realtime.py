"""What a thread that must answer in time can ask of the operating system and of Python."""

from __future__ import annotations

import gc
import logging
import os
import sys

logger = logging.getLogger(__name__)

_SWITCH_INTERVAL_S = 0.0005


def ask_for_realtime(priority: int, who: str) -> bool:
    """Asks for SCHED_FIFO for the calling thread; says so once when it is refused.

    Also shortens the time for which another Python thread may keep the interpreter.

    Args:
        priority: 1 to 99; 0 asks for nothing.
        who: named in the log.

    Returns:
        Whether the thread now has real-time scheduling.
    """
    sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_INTERVAL_S))
    if priority <= 0:
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except (OSError, AttributeError) as error:
        logger.info(
            "%s: real-time scheduling (SCHED_FIFO %d) was refused: %s. It runs with ordinary "
            "scheduling; to allow it, set 'rtprio' in /etc/security/limits.conf",
            who, priority, error,
        )  # fmt: skip
        return False
    return True


def settle_collector() -> None:
    """Makes Python's cyclic collector rarer and cheaper, once everything long-lived exists."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
