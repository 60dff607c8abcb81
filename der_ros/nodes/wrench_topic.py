"""Wrenches of another driver, taken from its topic in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import WrenchStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.time import Time

from der_ros.geometry import Wrench
from der_ros.nodes.conversions import wrench_from_message
from der_ros.nodes.polling import PolledSubscription

_PERIOD_S = 0.001
_QOS = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)


class WrenchTopic:
    """Hands on every wrench that is not old by its own stamp and was not overtaken.

    A driver that does not stamp is judged by arrival alone. An executor would fall behind a fast
    driver on a busy computer; this thread takes all that has come each millisecond.

    Args:
        node: that subscribes.
        topic: WrenchStamped.
        max_age_s: by the stamp; also into the future.
        take: called in this thread with a wrench and its arrival, monotonic s.
    """

    def __init__(
        self, node: Node, topic: str, max_age_s: float, take: Callable[[Wrench, float], None]
    ) -> None:
        self._node, self._topic, self._max_age_s, self._take = node, topic, max_age_s, take
        self._subscription = PolledSubscription(node, WrenchStamped, topic, _QOS)
        self._newest_ns = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wrench-topic", daemon=True)
        self.old_stamps = 0
        self.problem = ""

    def start(self) -> None:
        """Begins to listen."""
        self._thread.start()

    def close(self) -> None:
        """Ends."""
        self._end.set()
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        while not self._end.wait(_PERIOD_S):
            for received in self._subscription.take():
                self._accept(received.message, time.monotonic() - received.age_s())

    def _accept(self, message: Any, arrived_s: float) -> None:
        stamp_ns = Time.from_msg(message.header.stamp).nanoseconds
        age_s = 1e-9 * (self._node.get_clock().now().nanoseconds - stamp_ns)
        if stamp_ns and abs(age_s) > self._max_age_s:
            self.old_stamps += 1
            self.problem = f"a stamp of {self._topic} is {age_s:.2f} s old"
            return
        if stamp_ns and stamp_ns < self._newest_ns:
            self.old_stamps += 1
            return
        self._newest_ns, self.problem = stamp_ns, ""
        self._take(wrench_from_message(message), arrived_s)
