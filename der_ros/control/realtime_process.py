"""Real-time settings of a process, so that one of its threads meets its deadlines."""

from __future__ import annotations

from collections.abc import Mapping

from der_ros.control.status import Level, Status
from der_ros.drivers.realtime import (
    DeferredCollector,
    Grant,
    log_refusals,
    request_memory_lock,
    request_scheduling_of_all,
)

_BELOW = 10


class RealtimeProcess:
    """Memory locking, scheduling of the other threads, and garbage collection.

    Create it after all topics and before the real-time thread: a thread inherits the scheduling of
    its creator, and the real-time thread then requests a higher priority.

    Args:
        who: Name of the process in the log.
        priority: SCHED_FIFO priority of the real-time thread; 0 for no request.
    """

    def __init__(self, who: str, priority: int) -> None:
        others = max(1, priority - _BELOW) if priority > 0 else 0
        self._asked = priority > 0
        self._grants: dict[str, Grant] = {}
        if self._asked:
            self._grants = {
                "memory": request_memory_lock(),
                "other_threads": request_scheduling_of_all(others),
            }
        log_refusals(who, self._grants)
        self._collector = DeferredCollector()

    def freeze_garbage(self) -> None:
        """Exclude current objects from garbage collection; only ``collect_if_due`` runs it now."""
        self._collector.freeze()

    def close(self) -> None:
        """Enable Python's automatic garbage collection again."""
        self._collector.unfreeze()

    def collect_if_due(self) -> None:
        """Run the garbage collector if it is due; call it while the real-time thread is idle."""
        self._collector.collect_if_due()

    def status(self, of_thread: Mapping[str, Grant]) -> Status:
        """Return the diagnostic status of all requests; a refusal is a warning.

        Args:
            of_thread: Results of the real-time thread's own requests, by name.
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
