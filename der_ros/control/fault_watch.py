"""Decides when a snapshot is taken: a status becomes an error, or an attempt ends in a fault."""

from __future__ import annotations

from collections.abc import Iterable

from der_ros.control.status import Level

SETTLE_S = 0.3
"""Time after a fault that its snapshot still holds, s."""
GAP_S = 5.0
"""Least time between two snapshots that faults cause, s; an operator's call has no limit."""

QUIET_S = 10.0
"""Time without an error after which a status that becomes one again is a new fault, s."""


class SnapshotRequests:
    """Gathers the reasons for a snapshot; faults that follow one at once belong to it."""

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
    """Finds the statuses of a stack that become errors.

    Args:
        own: name of the recorder's own node, such as ``cell_1/bag_recorder``. No snapshot explains
            its faults, nor those of nodes outside its namespace: all share ``/diagnostics``.
    """

    def __init__(self, own: str) -> None:
        self._own = own + ": "
        namespace, slash, _name = own.rpartition("/")
        self._stack = namespace + slash
        self._levels: dict[str, int] = {}
        self._last_error_s: dict[str, float] = {}

    def new_faults(self, statuses: Iterable[tuple[str, int, str]], now_s: float) -> list[str]:
        """Return those that were no error in the last ``QUIET_S``, in words.

        Args:
            statuses: name, level and message of each. A first one that is an error is none that
                has become one.
            now_s: ``time.monotonic``.
        """
        found = []
        for name, level, message in statuses:
            if not name.startswith(self._stack) or name.startswith(self._own):
                continue
            before = self._levels.get(name, Level.ERROR)
            self._levels[name] = level
            if level != Level.ERROR:
                continue
            quiet_s = now_s - self._last_error_s.get(name, float("-inf"))
            self._last_error_s[name] = now_s
            if before != Level.ERROR and quiet_s > QUIET_S:
                found.append(f"{name}: {message}")
        return found
