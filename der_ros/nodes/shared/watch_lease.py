"""Whether somebody still watches the robot that a policy moves.

Who activates a policy says on ``policy_server/watched``, several times a second, that it is
watching: fresh pose and force, time, success, and that it would stop. When that ends, because its
process was killed, hangs, or never learned that the policy became active, nothing may move.
"""

from __future__ import annotations

import time
from enum import Enum

from rclpy.node import Node
from std_msgs.msg import Empty

from der_ros.nodes.shared.parameters import declare
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.rightful import RightfulTopic

WATCHED_TOPIC = "policy_server/watched"


class Lease(Enum):
    """What may be done now."""

    HELD = "held"
    AWAITED = "awaited"  # nobody has begun to watch yet
    LAPSED = "lapsed"  # somebody did, and does no longer


class WatchLease:
    """Subscribes to ``policy_server/watched``.

    Args:
        node: that subscribes and declares the parameter.
        rightful: decides whose messages count.

    Raises:
        ConfigurationError: the parameter is out of its range.
    """

    def __init__(self, node: Node, rightful: RightfulTopic | None = None) -> None:
        self.timeout_s = declare(
            node, "watch_timeout_s", 0.0,
            "While active, somebody must say so often on policy_server/watched that the robot is "
            "watched, s: before that nothing moves, after that it is a fault; 0: nobody needs to",
            minimum=0.0, maximum=10.0,
        )  # fmt: skip
        self._messages = PolledSubscription(node, Empty, WATCHED_TOPIC, 1, rightful=rightful)
        self._heard_s: float | None = None

    def restart(self) -> None:
        """Another activation: who watched the one before does not count."""
        self._messages.newest()
        self._heard_s = None

    def look(self) -> Lease:
        """What holds now."""
        newest, now_s = self._messages.newest(), time.monotonic()
        if newest is not None:
            self._heard_s = newest.arrived_s
        if self.timeout_s == 0.0:
            return Lease.HELD
        if self._heard_s is None:
            return Lease.AWAITED
        return Lease.HELD if now_s - self._heard_s <= self.timeout_s else Lease.LAPSED
