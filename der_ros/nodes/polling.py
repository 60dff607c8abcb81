"""Subscriptions that are read when their reader wants to, not when a message comes.

rclpy's executor spends most of a millisecond on every message that wakes it. A reader that wants
only the newest of a 500 Hz topic, or that may collect messages in batches, takes them straight from
the middleware's queue instead, with the time at which they arrived there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile


class Received(NamedTuple):
    """One message.

    Attributes:
        message: deserialized, or its CDR bytes if the subscription is raw.
        stamp_ns: system time of its arrival at this process's middleware.
    """

    message: Any
    stamp_ns: int

    def age_s(self) -> float:
        """Seconds since it arrived; never negative."""
        return max(0.0, 1e-9 * (time.time_ns() - self.stamp_ns))


class NeverExecuted(CallbackGroup):
    """Keeps an executor from waiting on the entities in it."""

    def can_execute(self, entity: object) -> bool:
        """Never."""
        return False

    def beginning_execution(self, entity: object) -> bool:
        """Never."""
        return False

    def ending_execution(self, entity: object) -> None:
        """Nothing to do: nothing begins."""


class PolledSubscription:
    """A subscription without a callback; ``take`` empties its queue."""

    def __init__(
        self,
        node: Node,
        message_class: Any,
        topic: str,
        qos: QoSProfile | int,
        *,
        raw: bool = False,
    ) -> None:
        self._subscription = node.create_subscription(
            message_class, topic, _unused, qos, callback_group=NeverExecuted(), raw=raw
        )

    def take(self) -> Iterator[Received]:
        """What has come since the last call, oldest first, as far as the queue is deep."""
        subscription = self._subscription
        with subscription.handle:
            while True:
                taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
                if taken is None:
                    return
                message, info = taken
                # A middleware that knows no arrival time says 0: then it is now.
                yield Received(message, info["received_timestamp"] or time.time_ns())

    def newest(self) -> Received | None:
        """The last of ``take``; None when nothing has come since the last call."""
        newest = None
        for newest in self.take():  # noqa: B007
            pass
        return newest


def _unused(_message: object) -> None:
    """The callback that rclpy insists on."""
