"""Subscriptions that are read when their reader wants to, not when a message comes.

rclpy's executor spends most of a millisecond on every message that wakes it. A reader that wants
only the newest of a 500 Hz topic, or that may collect messages in batches, takes them straight from
the middleware's queue instead, with the time at which they arrived there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile

from der_ros.nodes.arrivals import ArrivalClock
from der_ros.nodes.stamps import stamp_problem

logger = logging.getLogger(__name__)

_LOG_EVERY_S = 1.0


class Received(NamedTuple):
    """One message.

    Attributes:
        message: deserialized, or its CDR bytes if the subscription is raw.
        arrived_s: time of its arrival at this process's middleware, ``time.monotonic``.
        number: as its publisher counts its messages, from 1 on; 0 where that is not known.
    """

    message: Any
    arrived_s: float
    number: int = 0

    def age_s(self) -> float:
        """Return the seconds since it arrived; never negative, whatever the wall clock does."""
        return max(0.0, time.monotonic() - self.arrived_s)


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
    """A subscription without a callback; ``take`` empties its queue.

    A message whose ``header.stamp`` is no time of the epoch is refused, unless the subscription is
    raw.

    Attributes:
        refused_stamps: messages refused for their stamp.
        refusal: why the latest message was refused; empty where it was not.
    """

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
        self._clock = ArrivalClock()
        self._stamped = not raw and hasattr(message_class, "header")
        self.refused_stamps = 0
        self.refusal = ""
        self._logged_s = float("-inf")

    def publishers(self) -> int:
        """Return how many publishers there are."""
        with self._subscription.handle:
            return int(self._subscription.handle.get_publisher_count())

    def take(self) -> Iterator[Received]:
        """Yield what has come since the last call, oldest first, as far as the queue is deep."""
        subscription = self._subscription
        with subscription.handle:
            while True:
                taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
                if taken is None:
                    self._clock.emptied()
                    return
                message, info = taken
                if self._is_stamped_right(message):
                    arrived_s = self._clock.arrived_s(info["received_timestamp"])
                    number = info.get("publication_sequence_number") or 0
                    yield Received(message, arrived_s, number)

    def _is_stamped_right(self, message: Any) -> bool:
        """Count and log a message whose stamp is no time; it is never handed on."""
        problem = stamp_problem(message.header.stamp) if self._stamped else ""
        if not problem:
            self.refusal = ""
            return True
        self.refused_stamps += 1
        self.refusal = f"{self._subscription.topic_name} refused: {problem}"
        now_s = time.monotonic()
        if now_s - self._logged_s > _LOG_EVERY_S:
            self._logged_s = now_s
            logger.warning("%s", self.refusal)
        return False

    def newest(self) -> Received | None:
        """The last of ``take``; None when nothing has come since the last call."""
        newest = None
        for newest in self.take():  # noqa: B007
            pass
        return newest


def _unused(_message: object) -> None:
    """The callback that rclpy insists on."""
