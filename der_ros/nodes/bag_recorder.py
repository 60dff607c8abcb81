"""Records one bag per attempt: a service begins and ends it, messages are stored as they came.

The subscriptions are there all the time, so that a bag has its first messages; what is latched goes
into each bag anew. Messages are collected in batches and never deserialized; their time in the bag
is that of their arrival, counted by the steady clock from the wall clock at the bag's beginning.
"""

from __future__ import annotations

import importlib
import logging
import re
import sys
import time
from pathlib import Path
from typing import Any

from rclpy.qos import QoSProfile
from std_srvs.srv import SetBool

from der_ros.bags.recorder import PART_SUFFIX, BagWriter, RecordedTopic
from der_ros.errors import BagError, ConfigurationError
from der_ros.nodes.arrivals import TimeLine
from der_ros.nodes.common import (
    LATCHED,
    DiagnosticsPublisher,
    Level,
    ShellNode,
    Status,
    declare,
    run_node,
)
from der_ros.nodes.polling import PolledSubscription
from der_ros.nodes.steady import steady_timer

logger = logging.getLogger("bag_recorder")

DEFAULT_TOPICS = [
    "policy/observation std_msgs/msg/Float32MultiArray",
    "policy/action std_msgs/msg/Float32MultiArray",
    "policy/contract diagnostic_msgs/msg/DiagnosticStatus latched",
    "policy/info std_msgs/msg/String latched",
    "kuka/limits diagnostic_msgs/msg/DiagnosticStatus latched",
    "netft_data geometry_msgs/msg/WrenchStamped",
    "kuka/tcp_pose geometry_msgs/msg/PoseStamped",
    "kuka/joint_states sensor_msgs/msg/JointState",
    "kuka/twist_applied geometry_msgs/msg/TwistStamped",
    "kuka/delta_twist_cmds geometry_msgs/msg/TwistStamped",
    "sim_cell/goal_pose geometry_msgs/msg/PoseStamped latched",
    "assembly_supervisor/result diagnostic_msgs/msg/DiagnosticStatus",
    "assembly_supervisor/attempt std_msgs/msg/String",
    "/diagnostics diagnostic_msgs/msg/DiagnosticArray",
]
BATCH_S = 0.05
SAVE_S = 0.5
"""What a recorder that is killed loses at most."""
# Deep enough for a 7 kHz topic while the executor is busy for a tenth of a second.
_QUEUE = QoSProfile(depth=1000)
_TYPE = re.compile(r"(\w+)/msg/(\w+)")


class BagRecorder(ShellNode):
    """The node."""

    def __init__(self) -> None:
        super().__init__("bag_recorder")
        run_dir = declare(self, "run_dir", "", "Bags go into its folder bags/; made if missing")
        if not run_dir:
            raise ConfigurationError("parameter run_dir: expected a folder, got an empty text")
        self._folder = Path(run_dir) / "bags"
        entries = declare(
            self,
            "topics",
            list(DEFAULT_TOPICS),
            "What is recorded: 'topic type' each, 'latched' behind it where it is transient-local",
        )
        self._writer: BagWriter | None = None
        self._line = TimeLine()
        self._last_path = ""
        self._failure = ""
        self._latched: dict[str, bytes] = {}
        self._subscribed = [self._subscribe(entry) for entry in entries]
        steady_timer(self, BATCH_S, self._collect_batch)
        steady_timer(self, SAVE_S, self._save)
        self.create_service(SetBool, "bag_recorder/record", self._on_record)
        self._diagnostics = DiagnosticsPublisher(self, "bags", self._collect)

    def _subscribe(self, entry: str) -> tuple[RecordedTopic, PolledSubscription]:
        """Subscribes to one entry of the parameter ``topics``."""
        words = entry.split()
        if len(words) not in (2, 3) or words[2:] not in ([], ["latched"]):
            raise ConfigurationError(
                f"parameter topics: expected 'topic type' or 'topic type latched', got {entry!r}"
            )
        message_class = _message_class(words[1])
        name = self.resolve_topic_name(words[0])
        topic = RecordedTopic(name, words[1], latched=len(words) == 3)
        qos = LATCHED if topic.latched else _QUEUE
        return topic, PolledSubscription(self, message_class, words[0], qos, raw=True)

    def _collect_batch(self) -> None:
        """Takes all that has come, into the open bag if there is one, in the order of arrival."""
        batch = []
        for topic, subscription in self._subscribed:
            for received in subscription.take():
                batch.append((received.arrived_s, topic.name, received.message))
                if topic.latched:
                    self._latched[topic.name] = received.message
        batch.sort(key=lambda entry: entry[0])
        for arrived_s, name, data in batch:
            self._write(name, data, arrived_s)

    def _write(self, topic: str, data: bytes, arrived_s: float) -> None:
        writer = self._writer
        if writer is None:
            return
        try:
            writer.write(topic, data, self._line.at_ns(arrived_s))
        except BagError as error:
            self._fail(error)

    def _save(self) -> None:
        """Brings the open bag into its file."""
        if self._writer is None:
            return
        try:
            self._writer.save()
        except BagError as error:
            self._fail(error)

    def _on_record(self, request: Any, response: Any) -> Any:
        """True: begins a new bag; False: completes it. The message is its path, or what failed."""
        try:
            path = self._begin() if request.data else self._finish()
        except BagError as error:
            self._fail(error)
            response.success, response.message = False, str(error)
            return response
        response.success, response.message = True, path
        return response

    def _begin(self) -> str:
        """Begins a bag with what is latched; one that is open is completed first."""
        if self._writer is not None:
            self._finish()
        self._collect_batch()
        writer = BagWriter(self._next_path(), [topic for topic, _ in self._subscribed])
        writer.open()
        self._writer, self._failure = writer, ""
        # One time line a bag: a wall clock that is set meanwhile neither reorders nor stretches it.
        self._line = TimeLine()
        for name, data in self._latched.items():
            self._write(name, data, time.monotonic())
        logger.info("recording %s", writer.path)
        return str(writer.path)

    def _finish(self) -> str:
        """Completes the open bag; without one it answers with the last one's path."""
        self._collect_batch()
        writer, self._writer = self._writer, None
        if writer is None:
            if self._failure:
                raise BagError(self._failure)
            return self._last_path
        self._last_path = str(writer.close())
        logger.info("recorded %s, %d messages", writer.path, writer.messages)
        return self._last_path

    def _fail(self, error: BagError) -> None:
        self._writer, self._failure = None, str(error)
        logger.error("%s", error)

    def _next_path(self) -> Path:
        """The name after the last one there is, complete or not."""
        numbers = [0]
        for entry in self._folder.glob("attempt_*"):
            number = entry.name.removesuffix(PART_SUFFIX).removeprefix("attempt_")
            if number.isdecimal():
                numbers.append(int(number))
        return (self._folder / f"attempt_{max(numbers) + 1:04d}").resolve()

    def _collect(self) -> list[Status]:
        writer = self._writer
        values = {
            "bag": writer.path if writer else "",
            "messages": writer.messages if writer else 0,
            "last_bag": self._last_path,
        }
        if self._failure:
            return [Status("bags", Level.ERROR, self._failure, values)]
        return [Status("bags", Level.OK, "recording" if writer else "idle", values)]

    def close(self) -> None:
        """Completes an open bag."""
        if self._writer is None:
            return
        try:
            self._finish()
        except BagError as error:
            self._fail(error)
            self.exit_code = 1


def _message_class(name: str) -> Any:
    """The Python class of a message type such as ``std_msgs/msg/String``."""
    match = _TYPE.fullmatch(name)
    try:
        if match is not None:
            return getattr(importlib.import_module(f"{match[1]}.msg"), match[2])
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"parameter topics: the message type {name} is not installed"
        ) from error
    raise ConfigurationError(
        f"parameter topics: expected a type like std_msgs/msg/String, got {name!r}"
    )


def main(args: list[str] | None = None) -> int:
    """Entry point of ``ros2 run der_ros bag_recorder``."""
    return run_node(BagRecorder, args)


if __name__ == "__main__":
    sys.exit(main())
