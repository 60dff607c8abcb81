"""Reader of another driver's WrenchStamped topic, in its own thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from geometry_msgs.msg import WrenchStamped
from rclpy.node import Node

from der_ros.control.stamps import stamp_age_s, stamp_ns
from der_ros.geometry import Wrench
from der_ros.nodes.shared.conversions import wrench_from_message
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.qos import READINGS
from der_ros.nodes.shared.rightful import RightfulTopic
from der_ros.threads import Startable, Worker

_PERIOD_S = 0.001
WRONG_FRAME_S = 1.0
"""Time after a wrench in a wrong frame in which all wrenches are refused, s."""


class WrenchTopic(Startable):
    """Reader that passes on each wrench with a current stamp, in order of the stamps.

    Wrenches without a stamp are accepted by arrival alone. The thread reads all waiting wrenches
    every millisecond, because an executor would fall behind a fast driver on a busy computer.

    The clock of the stamps may be set back. A wrench is therefore refused as overtaken only within
    ``max_age_s`` of the newer one; after that, wrenches are accepted again.

    Args:
        node: Subscribing node.
        rightful: Watch over the topic; wrenches of only one publisher are accepted.
        max_age_s: Largest age of a stamp, and largest lead into the future, s.
        take: Function that receives a wrench and its arrival time (monotonic, s), in this thread.
        frames: Allowed names of the sensor's frame; the first that arrives is kept. After a wrench
            in another frame, all are refused for ``WRONG_FRAME_S``.

    Attributes:
        old_stamps: Number of wrenches refused as too old, in the future, or overtaken.
        wrong_frames: Number of wrenches refused for their frame.
        taken: Number of accepted wrenches.
    """

    def __init__(
        self,
        node: Node,
        rightful: RightfulTopic,
        max_age_s: float,
        take: Callable[[Wrench, float], object],
        frames: Sequence[str],
    ) -> None:
        self._frames = tuple(frames)
        self._wrong_s = float("-inf")
        self.wrong_frames = self.taken = 0
        self._node, self._topic = node, rightful.topic
        self._max_age_s, self._take, self._rightful = max_age_s, take, rightful
        self._subscription = PolledSubscription(
            node, WrenchStamped, rightful.topic, READINGS, rightful=rightful
        )
        self._newest_ns, self._newest_s = 0, float("-inf")
        self._worker = Worker("wrench-topic", self._run)
        self.old_stamps = 0
        self._problem = ""

    @property
    def failure(self) -> str:
        """Reason why the thread ended unexpectedly; empty while it runs."""
        return self._worker.failure

    @property
    def problem(self) -> str:
        """Reason why the newest wrench was refused; empty if it was accepted."""
        return self._subscription.refusal or self._problem

    @property
    def refused_stamps(self) -> int:
        """Number of wrenches refused for an invalid stamp."""
        return self._subscription.refused_stamps

    def start(self) -> None:
        """Start the thread that reads the topic."""
        self._worker.start()

    def stop(self) -> None:
        """Stop the thread that reads the topic."""
        self._worker.stop()

    def _run(self) -> None:
        while not self._worker.stopping.wait(_PERIOD_S):
            for received in self._subscription.take():
                self._accept(received.message, received.arrived_s)

    def _is_in_frame(self, frame_id: str, arrived_s: float) -> bool:
        """Return True for the sensor's frame, fixed by its first wrench; report any other frame."""
        if frame_id in self._frames:
            self._frames = (frame_id,)
            return arrived_s - self._wrong_s > WRONG_FRAME_S
        self._wrong_s = arrived_s
        self.wrong_frames += 1
        expected = " or ".join(repr(name) for name in self._frames)
        self._problem = (
            f"frame_id of {self._topic}: expected {expected}, got {frame_id!r}; set "
            "input_frame_id if that is the sensor's own frame"
        )
        return False

    def _accept(self, message: Any, arrived_s: float) -> None:
        if self._rightful.contested or not self._is_in_frame(message.header.frame_id, arrived_s):
            return
        stamp = message.header.stamp
        stamped_ns = stamp_ns(stamp)
        age_s = stamp_age_s(self._node.get_clock().now().nanoseconds, stamp)
        if stamped_ns and abs(age_s) > self._max_age_s:
            self.old_stamps += 1
            self._problem = f"a stamp of {self._topic} is {age_s:.2f} s old"
            return
        if stamped_ns and self._overtaken(stamped_ns, age_s, arrived_s):
            self.old_stamps += 1
            return
        self._newest_ns, self._newest_s, self._problem = stamped_ns, arrived_s, ""
        self.taken += 1
        self._take(wrench_from_message(message), arrived_s)

    def _overtaken(self, stamped_ns: int, age_s: float, arrived_s: float) -> bool:
        """Return True if a wrench with a newer stamp, not in the future, was accepted recently."""
        ahead_s = 1e-9 * (self._newest_ns - stamped_ns)
        possible = ahead_s - age_s <= self._max_age_s
        recent = arrived_s - self._newest_s <= self._max_age_s
        return ahead_s > 0.0 and possible and recent
