"""Decides when a snapshot is taken: a status becomes an error, or an attempt ends in a fault."""

from __future__ import annotations

from collections.abc import Iterable

from der_ros.control.status import Level

SETTLE_S = 0.3
"""Time after a fault that its snapshot still holds, s."""
GAP_S = 5.0
"""Least time between two snapshots that faults cause, s; an operator's call has no limit."""


class SnapshotRequests:
    """Gathers the reasons for a snapshot: what follows a fault at once is one with it."""

    def __init__(self) -> None:
        self._reasons: list[str] = []
        self._due_s = 0.0
        self._last_s = float("-inf")

    def ask(self, reason: str, now_s: float) -> None:
        """Ask for a snapshot because of a fault."""
        if not self._reasons:
            self._due_s = max(now_s + SETTLE_S, self._last_s + GAP_S)
        if reason not in self._reasons:
            self._reasons.append(reason)

    def due(self, now_s: float) -> str:
        """Return the reasons for a snapshot that is due now; an empty text if there is none."""
        if not self._reasons or now_s < self._due_s:
            return ""
        reasons, self._reasons, self._last_s = self._reasons, [], now_s
        return "; ".join(reasons)


class FaultWatch:
    """Finds the statuses that become errors.

    Args:
        own: name of the recorder's own node, whose faults no snapshot explains.
    """

    def __init__(self, own: str) -> None:
        self._own = own + ": "
        self._levels: dict[str, int] = {}

    def new_faults(self, statuses: Iterable[tuple[str, int, str]]) -> list[str]:
        """Return those that were no error before, in words.

        Args:
            statuses: name, level and message of each.
        """
        found = []
        for name, level, message in statuses:
            before = self._levels.get(name, Level.ERROR)
            self._levels[name] = level
            if level == Level.ERROR != before and not name.startswith(self._own):
                found.append(f"{name}: {message}")
        return found
