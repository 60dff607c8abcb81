"""Watch over an active policy: the robot moves only while another node watches it.

The node that activates a policy publishes ``policy_server/watched`` several times a second while it
checks pose, force, time and success. When these messages end (its process was killed, hangs, or
never learned that the policy became active), nothing may move.
"""

from __future__ import annotations

from enum import Enum

WATCHED_TOPIC = "policy_server/watched"


class Lease(Enum):
    """Permission to move the robot."""

    HELD = "held"
    AWAITED = "awaited"  # no message has come since the activation
    LAPSED = "lapsed"  # messages came, and have ended


class WatchLease:
    """Permission to move, from the arrivals of ``policy_server/watched``.

    Args:
        timeout_s: longest gap between two messages; 0 disables the check.
    """

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._heard_s: float | None = None

    def restart(self) -> None:
        """Forget the messages that belong to the previous activation."""
        self._heard_s = None

    def hear(self, arrived_s: float) -> None:
        """Take a message that arrived at ``arrived_s``, ``time.monotonic``."""
        self._heard_s = arrived_s

    def look(self, now_s: float) -> Lease:
        """Return the permission at ``now_s``, ``time.monotonic``."""
        if self.timeout_s == 0.0:
            return Lease.HELD
        if self._heard_s is None:
            return Lease.AWAITED
        return Lease.HELD if now_s - self._heard_s <= self.timeout_s else Lease.LAPSED
