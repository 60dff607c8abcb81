"""Requests of a process to the operating system, so that one of its threads is in time."""

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
    """Locked memory, scheduling of all other threads, and the garbage collector.

    Create it when all topics exist and before the real-time thread starts: a thread inherits the
    scheduling of its creator, and the real-time thread then asks for more.

    Args:
        who: named in the log.
        priority: SCHED_FIFO priority of the real-time thread; 0 requests nothing.
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
        """Keep all present objects for good, and collect garbage only in ``rest`` from now on."""
        self._collector.settle()

    def close(self) -> None:
        """Let Python's garbage collector run by its own rules again."""
        self._collector.release()

    def rest(self) -> None:
        """Let the garbage collector run now, while the real-time thread has time."""
        self._collector.rest()

    def status(self, of_thread: Mapping[str, Grant]) -> Status:
        """Return the requests and their results; a refusal is a warning.

        Args:
            of_thread: requests of the real-time thread itself.
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
