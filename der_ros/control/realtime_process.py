"""What a node's whole process asks for so that one of its threads is always in time."""

from __future__ import annotations

from collections.abc import Mapping

from der_ros.control.status import Level, Status
from der_ros.drivers.realtime import (
    Grant,
    RestingCollector,
    ask_for_memory,
    ask_for_scheduling_of_all,
    tell_refusals,
)

_BELOW = 10


class RealtimeProcess:
    """Locked memory, scheduling of the threads beside the one in a hurry, and the collector.

    Make it when all topics are there and before that thread starts: threads inherit what the one
    that makes them has, and the thread in a hurry then asks for more.

    Args:
        who: named in the log.
        priority: SCHED_FIFO priority of the thread in a hurry; 0 asks for nothing at all.
    """

    def __init__(self, who: str, priority: int) -> None:
        others = max(1, priority - _BELOW) if priority > 0 else 0
        self._asked = priority > 0
        self._grants: dict[str, Grant] = {}
        if self._asked:
            self._grants = {
                "memory": ask_for_memory(),
                "other_threads": ask_for_scheduling_of_all(others),
            }
        tell_refusals(who, self._grants)
        self._collector = RestingCollector()

    def settle(self) -> None:
        """Everything long-lived exists: from now on the collector runs in ``rest`` only."""
        self._collector.settle()

    def close(self) -> None:
        """The collector runs when it likes again."""
        self._collector.release()

    def rest(self) -> None:
        """The thread in a hurry has time now, or there is none that is in a hurry."""
        self._collector.rest()

    def status(self, of_thread: Mapping[str, Grant]) -> Status:
        """What was asked for and what came of it; refusals warn.

        Args:
            of_thread: what the thread in a hurry asked for itself.
        """
        grants = {**of_thread, **self._grants}
        refused = [grant.words for grant in grants.values() if not grant.granted]
        values: dict[str, object] = {name: grant.words for name, grant in grants.items()}
        values["collector_runs"] = self._collector.runs
        values["collector_max_ms"] = f"{1e3 * self._collector.longest_s:.3f}"
        if refused:
            return Status("real-time", Level.WARN, "; ".join(refused), values)
        message = "all is granted" if self._asked else "not asked for (realtime_priority 0)"
        return Status("real-time", Level.OK, message, values)
