"""Subscriptions that are polled, instead of a callback per message.

rclpy's executor spends most of a millisecond on every message that wakes it. A node that needs
only the newest message of a 500 Hz topic, or that collects messages in batches, takes them directly
from the middleware's queue, with their arrival times.
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
# Largest number of messages that wait for their publisher's name, known within a second.
_HELD = 16


class Received(NamedTuple):
    """One message with its arrival and its publisher.

    Attributes:
        message: Deserialized message, or its CDR bytes if the subscription is raw.
        arrived_s: Arrival time at this process's middleware, s (``time.monotonic``).
        number: Sequence number of its publisher, from 1 on; 0 if unknown.
        gid: Identifier (GID) of its publisher; None if unknown.
    """

    message: Any
    arrived_s: float
    number: int = 0
    gid: bytes | None = None

    def age_s(self) -> float:
        """Return the time since its arrival, s; never negative."""
        return max(0.0, time.monotonic() - self.arrived_s)


class _Waiting(NamedTuple):
    taken: TakenMessage
    arrived_s: float


class NeverExecuted(CallbackGroup):
    """Callback group whose entities an executor never waits for."""

    def can_execute(self, entity: object) -> bool:
        """Return False: no entity of this group is executed."""
        return False

    def beginning_execution(self, entity: object) -> bool:
        """Return False: no entity of this group is executed."""
        return False

    def ending_execution(self, entity: object) -> None:
        """Do nothing: no entity of this group is executed."""


class PolledSubscription:
    """Subscription without a callback; ``take`` empties its queue.

    Unless the subscription is raw, a message is refused if it cannot be decoded or has an invalid
    ``header.stamp``.

    Args:
        node: Subscribing node.
        message_class: Message type.
        topic: Topic name.
        qos: Quality of service, or depth of the queue.
        raw: True to leave messages as CDR bytes.
        rightful: Watch that accepts or refuses messages by publisher; None accepts all. A message
            is held until the name of its publisher is known.

    Attributes:
        refused_stamps: Number of messages refused for their stamp.
        unreadable: Number of messages that could not be decoded.
        refusal: Reason why the latest message was refused; empty if it was accepted.
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
        self._topic, self._type = subscription.topic_name, message_class.__name__
        self._held: deque[_Waiting] = deque(maxlen=_HELD)
        self._clock = ArrivalClock()
        self._stamped = not raw and hasattr(message_class, "header")
        self.refused_stamps = self.unreadable = 0
        self.refusal = ""
        self._logged_s = float("-inf")

    def publishers(self) -> int:
        """Return the current number of publishers of the topic."""
        with self._subscription.handle:
            return int(self._subscription.handle.get_publisher_count())

    @property
    def refused(self) -> int:
        """Number of refused messages of rightful publishers."""
        return self.refused_stamps + self.unreadable

    def take(self) -> Iterator[Received]:
        """Yield the messages received since the last call, oldest first, up to the queue depth."""
        for waiting in self._believed():
            taken = waiting.taken
            try:
                message = self._taker.read(taken)
            except RuntimeError:  # of the middleware; any publisher can send any bytes
                self.unreadable += 1
                self._refuse(f"expected a {self._type}, got {len(taken.message)} other bytes")
                continue
            if self._is_stamped_right(message):
                yield Received(message, waiting.arrived_s, taken.number, taken.gid)

    def _is_stamped_right(self, message: Any) -> bool:
        """Return True if the stamp of a message is valid; otherwise count and log it."""
        problem = stamp_problem(message.header.stamp) if self._stamped else ""
        if not problem:
            self.refusal = ""
            return True
        self.refused_stamps += 1
        self._refuse(problem)
        return False

    def _refuse(self, problem: str) -> None:
        """Keep the reason for refusing a message, and log it at most once a second."""
        self.refusal = f"{self._topic} refused: {problem}"
        now_s = time.monotonic()
        if now_s - self._logged_s > _LOG_EVERY_S:
            self._logged_s = now_s
            logger.warning("%s", self.refusal)

    def newest(self) -> Received | None:
        """Return the newest message since the last call, or None; older ones are discarded."""
        newest = None
        for newest in self.take():  # noqa: B007
            pass
        return newest

    def _believed(self) -> Iterator[_Waiting]:
        """Yield the messages of rightful publishers, first those held for a publisher's name."""
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
    """Do nothing: rclpy requires a callback."""
