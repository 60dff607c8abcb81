"""Subscriptions that their reader polls, instead of a callback per message.

rclpy's executor spends most of a millisecond on every message that wakes it. A reader that needs
only the newest of a 500 Hz topic, or that collects messages in batches, takes them directly from
the middleware's queue, with the time at which they arrived there.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile

from der_ros.control.arrivals import ArrivalClock
from der_ros.control.stamps import stamp_problem
from der_ros.nodes.shared.rightful import RightfulTopic, SenderVerdict
from der_ros.nodes.shared.taking import TakenMessage, Taker

logger = logging.getLogger(__name__)

_LOG_EVERY_S = 1.0
# Messages that wait for their publisher's name, which comes within a second.
_HELD = 16


class Received(NamedTuple):
    """One message with its arrival and its publisher.

    Attributes:
        message: deserialized, or its CDR bytes if the subscription is raw.
        arrived_s: time of its arrival at this process's middleware, ``time.monotonic``.
        number: as its publisher counts its messages, from 1 on; 0 where that is not known.
        gid: its publisher's identifier; None where it is not known.
    """

    message: Any
    arrived_s: float
    number: int = 0
    gid: bytes | None = None

    def age_s(self) -> float:
        """Return the seconds since it arrived; never negative, whatever the wall clock does."""
        return max(0.0, time.monotonic() - self.arrived_s)


class _Waiting(NamedTuple):
    taken: TakenMessage
    arrived_s: float


class NeverExecuted(CallbackGroup):
    """Keeps an executor from waiting on the entities in it."""

    def can_execute(self, entity: object) -> bool:
        """Return False: no entity of this group is executed."""
        return False

    def beginning_execution(self, entity: object) -> bool:
        """Return False: no entity of this group is executed."""
        return False

    def ending_execution(self, entity: object) -> None:
        """Do nothing: no entity of this group is executed."""


class PolledSubscription:
    """A subscription without a callback; ``take`` empties its queue.

    A message with an invalid ``header.stamp`` is refused, unless the subscription is raw.

    Args:
        node: that subscribes.
        message_class: of the messages.
        topic: to subscribe to.
        qos: of the subscription.
        raw: messages stay CDR bytes.
        rightful: decides whose messages count; None: everybody's. A message whose publisher has no
            name yet waits for it.

    Attributes:
        refused_stamps: messages refused for their stamp.
        refusal: reason for which the latest message was refused; empty if it was not.
    """

    def __init__(
        self,
        node: Node,
        message_class: Any,
        topic: str,
        qos: QoSProfile | int,
        *,
        raw: bool = False,
        rightful: RightfulTopic | None = None,
    ) -> None:
        subscription = node.create_subscription(
            message_class, topic, _unused, qos, callback_group=NeverExecuted(), raw=raw
        )
        self._subscription = subscription
        self._taker, self._rightful = Taker(subscription), rightful
        self._topic = subscription.topic_name
        self._held: deque[_Waiting] = deque(maxlen=_HELD)
        self._clock = ArrivalClock()
        self._stamped = not raw and hasattr(message_class, "header")
        self.refused_stamps = 0
        self.refusal = ""
        self._logged_s = float("-inf")

    def publishers(self) -> int:
        """Return the number of publishers of the topic."""
        with self._subscription.handle:
            return int(self._subscription.handle.get_publisher_count())

    def take(self) -> Iterator[Received]:
        """Yield the messages since the last call, oldest first, up to the depth of the queue."""
        for waiting in self._believed():
            message = self._taker.read(waiting.taken)
            if self._is_stamped_right(message):
                taken = waiting.taken
                yield Received(message, waiting.arrived_s, taken.number, taken.gid)

    def _is_stamped_right(self, message: Any) -> bool:
        """Check the stamp of a message; count and log one that is invalid."""
        problem = stamp_problem(message.header.stamp) if self._stamped else ""
        if not problem:
            self.refusal = ""
            return True
        self.refused_stamps += 1
        self.refusal = f"{self._topic} refused: {problem}"
        now_s = time.monotonic()
        if now_s - self._logged_s > _LOG_EVERY_S:
            self._logged_s = now_s
            logger.warning("%s", self.refusal)
        return False

    def newest(self) -> Received | None:
        """Return the last of ``take``; None when nothing has come since the last call."""
        newest = None
        for newest in self.take():  # noqa: B007
            pass
        return newest

    def _believed(self) -> Iterator[_Waiting]:
        """Yield the messages of rightful publishers, first those that waited for its name."""
        for waiting in [self._held.popleft() for _ in range(len(self._held))]:
            if self._is_believed(waiting):
                yield waiting
        while (taken := self._taker.take()) is not None:
            waiting = _Waiting(taken, self._clock.arrived_s(taken.stamp_ns))
            if self._is_believed(waiting):
                yield waiting
        self._clock.emptied()

    def _is_believed(self, waiting: _Waiting) -> bool:
        if self._rightful is None:
            return True
        verdict = self._rightful.judge(waiting.taken.gid)
        if verdict is SenderVerdict.UNDECIDED:
            self._held.append(waiting)
        return verdict is SenderVerdict.BELIEVED


def _unused(_message: object) -> None:
    """Do nothing; rclpy requires a callback."""
