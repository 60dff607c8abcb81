"""A subscription that is looked at when its reader wants to know, instead of waking the executor.

A fast topic of which only the newest message counts costs a wake-up of Python's executor for each
message. Whoever has a cycle of its own can look once a cycle, at the moment at which it decides.
"""

from __future__ import annotations

import time
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile


class NeverGroup(CallbackGroup):
    """A callback group for which no executor waits."""

    def can_execute(self, entity: Any) -> bool:
        """No."""
        return False

    def beginning_execution(self, entity: Any) -> bool:
        """No."""
        return False

    def ending_execution(self, entity: Any) -> None:
        """Nothing was begun."""


class PolledSubscription:
    """The newest message of a topic; one thread takes, at its own times.

    Args:
        node: that subscribes.
        kind: the message's class.
        topic: its name.
        qos: with depth 1, so that only the newest message waits.
    """

    def __init__(self, node: Node, kind: type[Any], topic: str, qos: QoSProfile) -> None:
        self._kind = kind
        self._subscription = node.create_subscription(
            kind, topic, lambda _message: None, qos, callback_group=NeverGroup()
        )

    def take(self) -> tuple[Any, float] | None:
        """The message that came since the last call and its age, s; None when none came."""
        with self._subscription.handle:
            taken = self._subscription.handle.take_message(self._kind, False)
        if taken is None:
            return None
        message, info = taken
        received_ns = int(info["received_timestamp"])
        # A middleware that does not stamp gives zero; a step of the clock must not give an age < 0.
        age_s = max(0.0, (time.time_ns() - received_ns) * 1e-9) if received_ns > 0 else 0.0
        return message, age_s
