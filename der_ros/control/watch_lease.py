"""Lease of an active policy: the robot moves only while another node monitors it.

The node that activates a policy publishes ``policy_server/watched`` several times a second while it
checks pose, force, time and success. If these messages stop (its process was killed, hangs, or does
not know that the policy is active), nothing may move.
"""

from __future__ import annotations

from enum import Enum

WATCHED_TOPIC = "policy_server/watched"

INACTIVE, NOT_CONFIGURED = "inactive", "not configured"
"""Diagnostics of ``policy_server`` while its policy is not active."""


class Lease(Enum):
    """Permission to move the robot."""

    HELD = "held"
    AWAITED = "awaited"  # no message since the activation
    LAPSED = "lapsed"  # messages have stopped


class WatchLease:
    """Permission to move, from the arrival times of ``policy_server/watched``.

    Args:
        timeout_s: Longest gap between two messages, s; 0 disables the check.
    """

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._heard_s: float | None = None

    def restart(self) -> None:
        """Discard the messages of the previous activation."""
        self._heard_s = None

    def hear(self, arrived_s: float) -> None:
        """Record a message that arrived at ``arrived_s``, ``time.monotonic``."""
        self._heard_s = arrived_s

    def check(self, now_s: float) -> Lease:
        """Return the permission at ``now_s``, ``time.monotonic``."""
        if self.timeout_s == 0.0:
            return Lease.HELD
        if self._heard_s is None:
            return Lease.AWAITED
        return Lease.HELD if now_s - self._heard_s <= self.timeout_s else Lease.LAPSED
