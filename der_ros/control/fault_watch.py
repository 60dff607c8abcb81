"""Trigger of snapshots: a status becomes an error, or an attempt ends in a fault."""

from __future__ import annotations

from collections.abc import Iterable

from der_ros.control.status import Level

SETTLE_S = 0.3
"""Time after a fault that its snapshot includes, s."""
GAP_S = 5.0
"""Minimum time between two snapshots caused by faults, s; requests by operators are not limited."""

QUIET_S = 10.0
"""Time without an error after which a status that becomes an error again is a new fault, s."""

MOST_STATUSES = 1000
"""Largest number of status names that are watched at a time; any node can publish new ones."""


class SnapshotRequests:
    """Pending snapshot with its reasons; faults in quick succession share one snapshot."""

    def __init__(self) -> None:
        self._reasons: list[str] = []
        self._due_s = 0.0
        self._last_s = float("-inf")

    def ask(self, reason: str, now_s: float) -> None:
        """Request a snapshot because of a fault."""
        if not self._reasons:
            self._due_s = max(now_s + SETTLE_S, self._last_s + GAP_S)
        if reason not in self._reasons:
            self._reasons.append(reason)

    def due(self, now_s: float) -> str:
        """Return the reasons for a snapshot that is due now; empty if none is due."""
        if not self._reasons or now_s < self._due_s:
            return ""
        reasons, self._reasons, self._last_s = self._reasons, [], now_s
        return "; ".join(reasons)


class FaultWatch:
    """Detector of diagnostic statuses of a stack that become errors.

    Args:
        own: Name of the recorder's node, such as ``cell_1/bag_recorder``. Its own errors and those
            of nodes outside its namespace, which share ``/diagnostics``, are ignored.
    """

    def __init__(self, own: str) -> None:
        self._own = own + ": "
        namespace, slash, _name = own.rpartition("/")
        self._stack = namespace + slash
        self._levels: dict[str, int] = {}
        self._last_error_s: dict[str, float] = {}

    def new_faults(self, statuses: Iterable[tuple[str, int, str]], now_s: float) -> list[str]:
        """Return messages about errors that are new, with none in the last ``QUIET_S``.

        Args:
            statuses: Name, level and message of each status. An error in the first status of a
                name is not new.
            now_s: Current time, s, ``time.monotonic``.
        """
        faults = []
        for name, level, message in statuses:
            if not name.startswith(self._stack) or name.startswith(self._own):
                continue
            # Removed and inserted again: the first entry is the one not updated for longest.
            before = self._levels.pop(name, Level.ERROR)
            self._levels[name] = level
            self._forget_the_oldest()
            if level != Level.ERROR:
                continue
            quiet_s = now_s - self._last_error_s.get(name, float("-inf"))
            self._last_error_s[name] = now_s
            if before != Level.ERROR and quiet_s > QUIET_S:
                faults.append(f"{name}: {message}")
        return faults

    def _forget_the_oldest(self) -> None:
        while len(self._levels) > MOST_STATUSES:
            oldest = next(iter(self._levels))
            del self._levels[oldest]
            self._last_error_s.pop(oldest, None)
