"""Records one bag per attempt, started and finished by a service.

The node is always subscribed, so that no first message of a bag is missed. Latched messages go into
every bag. Messages are collected in batches and stored without deserialization. Their time in the
bag is their arrival, counted by the steady clock from the wall clock at the start of the bag. The
last seconds of all topics stay in memory and are written as a snapshot on a fault, a stop or a
service call. A bag can be paused and resumed; each bag begins without a pause.
"""

from __future__ import annotations

import importlib
import logging
import re
import sys
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Any, NamedTuple

from rclpy.qos import QoSProfile
from std_srvs.srv import SetBool, Trigger

from der_ros.bags.bag_folder import BagFolder, BagForm, Retention
from der_ros.bags.bag_recording import BagRecording, SequenceGaps
from der_ros.bags.black_box import Kept
from der_ros.bags.mcap_file import FileLimits
from der_ros.bags.metadata import RecordedTopic
from der_ros.bags.recorder import BagWriter
from der_ros.control.arrivals import TimeLine
from der_ros.control.status import Level, Status
from der_ros.documents import MAX_DOCUMENT_BYTES, read_bytes
from der_ros.errors import BagError, ConfigurationError
from der_ros.nodes.recording.snapshots import Snapshots, SnapshotSettings
from der_ros.nodes.shared.diagnostics import DiagnosticsPublisher, status_name
from der_ros.nodes.shared.node_process import ShellNode, run_node
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.qos import LATCHED_AMONG_OTHERS
from der_ros.nodes.shared.steady import steady_timer
from der_ros.parameters.bag_recorder import RecorderParameters
from der_ros.threads import JobThread

logger = logging.getLogger("bag_recorder")

BATCH_S = 0.05
BEGIN_PATIENCE_S, FINISH_PATIENCE_S = 5.0, 5.0
"""Longest time that the service waits for the disk, s."""
# Deep enough for a 7 kHz topic while the executor is busy for 0.1 s.
_QUEUE = QoSProfile(depth=1000)
_SWITCH_S = 0.0002
_TYPE = re.compile(r"(\w+)/msg/(\w+)")


class _Topic(NamedTuple):
    """Recorded topic with its subscription and its counter of lost messages."""

    topic: RecordedTopic
    subscription: PolledSubscription
    gaps: SequenceGaps


class _Closing(NamedTuple):
    """Bag that the disk completes."""

    recording: BagRecording
    future: Future[Path]

    @property
    def is_done(self) -> bool:
        """True if the bag is complete, or has failed."""
        return self.future.done()

    def wait(self) -> None:
        """Wait until the bag is complete.

        Raises:
            BagError: It has failed, or is not complete within ``FINISH_PATIENCE_S``.
        """
        try:
            self.future.result(FINISH_PATIENCE_S)
        except FutureTimeoutError as error:
            raise BagError(
                f"bag {self.recording.path}: incomplete so far, the disk has not taken it within "
                f"{FINISH_PATIENCE_S:g} s ({self.recording.waiting_bytes / 1e6:.1f} MB wait)"
            ) from error


class BagRecorder(ShellNode):
    """Node that records topics into bags and keeps the last seconds for snapshots."""

    def __init__(self) -> None:
        super().__init__("bag_recorder")
        given = declare_settings(self, RecorderParameters)
        if not given.run_dir:
            raise ConfigurationError("parameter run_dir: expected a folder, got an empty text")
        self._folder = BagFolder(Path(given.run_dir), _retention(given), _form(given))
        self._buffer_bytes = 1_000_000 * given.buffer_mb
        self._disk = JobThread("bags")
        self._recording: BagRecording | None = None
        self._closing: _Closing | None = None
        self._line = TimeLine()
        self._last_path = self._failure = self._warning = ""
        self._latched: dict[str, bytes] = {}
        self._subscribed = [self._subscribe(entry) for entry in given.topics]
        self._snapshots = Snapshots(
            [entry.topic for entry in self._subscribed],
            SnapshotSettings(given.snapshot_s, 1_000_000 * given.snapshot_mb),
            self._folder,
            status_name(self),
            lambda: self._disk.submit(self._folder.prune).add_done_callback(_log_failure),
        )
        steady_timer(self, BATCH_S, self._collect_batch)
        self.create_service(SetBool, "bag_recorder/record", self._on_record)
        self.create_service(SetBool, "bag_recorder/pause", self._on_pause)
        # The names of ros2 bag record; the wheels of ROS 2 lack its types, rosbag2_interfaces.
        self.create_service(Trigger, "bag_recorder/resume", self._on_resume)
        self.create_service(Trigger, "bag_recorder/toggle_paused", self._on_toggle)
        self.create_service(Trigger, "bag_recorder/is_paused", self._on_is_paused)
        self.create_service(Trigger, "bag_recorder/snapshot", self._on_snapshot)
        self._diagnostics = DiagnosticsPublisher(self, "bags", self._collect)

    def _subscribe(self, entry: str) -> _Topic:
        """Subscribe to one entry of the parameter ``topics``.

        Raises:
            ConfigurationError: The entry is invalid, or its message type is not installed.
        """
        words = entry.split()
        if len(words) not in (2, 3) or words[2:] not in ([], ["latched"]):
            raise ConfigurationError(
                f"parameter topics: expected 'topic type' or 'topic type latched', got {entry!r}"
            )
        message_class = _message_class(words[1])
        name = self.resolve_topic_name(words[0])
        topic = RecordedTopic(name, words[1], latched=len(words) == 3)
        qos = LATCHED_AMONG_OTHERS if topic.latched else _QUEUE
        subscription = PolledSubscription(self, message_class, words[0], qos, raw=True)
        return _Topic(topic, subscription, SequenceGaps(subscription.publishers))

    def _collect_batch(self) -> None:
        """Read all waiting messages; add them to snapshot memory and open bag in arrival order."""
        batch: list[Kept] = []
        recording = self._recording
        for topic, subscription, gaps in self._subscribed:
            for received in subscription.take():
                batch.append(Kept(received.arrived_s, topic.name, received.message))
                missed = gaps.missed(received.number)
                if recording is not None:
                    recording.lose(topic.name, missed)
                if topic.latched:
                    self._latched[topic.name] = received.message
        batch.sort(key=lambda entry: entry.arrived_s)
        self._snapshots.add(batch)
        if recording is None:
            return
        for arrived_s, name, data in batch:
            recording.offer(name, data, self._line.at_ns(arrived_s))
        recording.flush()
        if recording.failure and recording.failure != self._failure:
            self._fail(recording.failure)

    def _on_record(self, request: Any, response: Any) -> Any:
        """Start a new bag (True) or finish it (False).

        The message of the response is the bag's path, with lost messages on a second line, or the
        error.
        """
        try:
            message = self._begin() if request.data else self._finish()
        except BagError as error:
            if str(error) != self._failure:
                self._fail(str(error))
            response.success, response.message = False, str(error)
            return response
        response.success, response.message = True, message
        return response

    def _on_pause(self, request: Any, response: Any) -> Any:
        """Pause (True) or resume (False) the open bag; without one, refuse."""
        response.success, response.message = self._pause(bool(request.data))
        return response

    def _on_resume(self, _request: Any, response: Any) -> Any:
        """Resume the open bag; without one, refuse."""
        response.success, response.message = self._pause(False)
        return response

    def _on_toggle(self, _request: Any, response: Any) -> Any:
        """Pause the open bag, or resume it if it is paused; without one, refuse."""
        response.success, response.message = self._pause(not self._is_paused)
        return response

    def _on_is_paused(self, _request: Any, response: Any) -> Any:
        """Answer with success True if the open bag is paused."""
        recording = self._recording
        response.success = self._is_paused
        state = "paused" if self._is_paused else "recording"
        response.message = "no bag is open" if recording is None else f"{state} {recording.path}"
        return response

    @property
    def _is_paused(self) -> bool:
        return self._recording is not None and self._recording.paused_since_ns is not None

    def _pause(self, wanted: bool) -> tuple[bool, str]:
        """Pause or resume the open bag; return True, or False without one, and a text."""
        self._collect_batch()
        recording, now_ns = self._recording, self._line.at_ns(time.monotonic())
        if recording is None:
            message = "nothing to pause: expected an open bag, bag_recorder/record begins one"
        elif wanted:
            recording.pause(now_ns)
            message = f"paused {recording.path}"
        else:
            if recording.resume(now_ns):
                self._offer_latched(recording, now_ns)
            message = f"recording {recording.path}"
        logger.info("%s", message)
        return recording is not None, message

    def _on_snapshot(self, request: Any, response: Any) -> Any:
        """Write a snapshot; the message of the response is its path, or the error."""
        try:
            self._collect_batch()
            response.message = self._snapshots.call("an operator's call")
            response.success = True
        except BagError as error:
            response.success, response.message = False, str(error)
        return response

    def _begin(self) -> str:
        """Start a bag with the latched messages, after finishing an open one; return its path.

        Raises:
            BagError: The bag cannot be made, or the disk is still busy.
        """
        if self._recording is not None:
            self._finish()
        if self._closing is not None and not self._closing.is_done:
            raise BagError("no bag was started: the disk is still writing the last one")
        writer = self._open_writer()
        self._collect_batch()
        self._failure = self._warning = ""
        self._recording = BagRecording(writer, self._disk, self._buffer_bytes)
        # One time line per bag, so that setting the wall clock does not reorder messages.
        self._line = TimeLine()
        now_ns = self._line.at_ns(time.monotonic())
        self._offer_latched(self._recording, now_ns)
        logger.info("recording %s", writer.path)
        return str(writer.path)

    def _offer_latched(self, recording: BagRecording, now_ns: int) -> None:
        """Write the newest latched messages, so that what follows can be replayed by itself."""
        for name, data in self._latched.items():
            recording.offer(name, data, now_ns)

    def _open_writer(self) -> BagWriter:
        """Open the next bag in the disk's thread.

        Raises:
            BagError: The bag cannot be made, or the disk does not respond in time.
        """
        topics = [entry.topic for entry in self._subscribed]
        future = self._disk.submit(lambda: self._folder.begin(topics))
        try:
            return future.result(BEGIN_PATIENCE_S)
        except FutureTimeoutError as error:
            if not future.cancel():
                future.add_done_callback(_let_go)
            raise BagError(
                f"no bag was started: the disk has not answered for {BEGIN_PATIENCE_S:g} s"
            ) from error

    def _finish(self) -> str:
        """Finish the open bag and return its path; without one, return that of the last bag.

        Raises:
            BagError: The bag could not be completed in time, or the last one failed.
        """
        self._collect_batch()
        if self._recording is not None:
            # Set first: while the node closes this bag, a request to finish it must not get the
            # path of the bag before.
            self._last_path = str(self._recording.path)
        recording, self._recording = self._recording, None
        if recording is None:
            if self._failure:
                raise BagError(self._failure)
            return self._last_path
        recording.resume(self._line.at_ns(time.monotonic()))
        self._closing = _Closing(recording, recording.finish())
        self._disk.submit(self._folder.prune).add_done_callback(_log_failure)
        self._closing.wait()
        logger.info("recorded %s, %d messages", recording.path, recording.messages)
        return self._last_path + self._log_missing(recording)

    def _log_missing(self, recording: BagRecording) -> str:
        """Log lost messages and pauses; return them as a line for the response, or nothing."""
        self._warning = "; ".join(filter(None, (_lost_text(recording), _paused_text(recording))))
        if not self._warning:
            return ""
        logger.warning("%s: %s", recording.path, self._warning)
        return "\n" + self._warning

    def _fail(self, reason: str) -> None:
        self._failure = reason
        logger.error("%s", reason)

    def _collect(self) -> list[Status]:
        recording = self._recording
        values = {
            "bag": recording.path if recording else "",
            "messages": recording.messages if recording else 0,
            "last_bag": self._last_path,
            "last_snapshot": self._snapshots.last_path,
            "snapshot_mb": f"{self._snapshots.size_bytes / 1e6:.1f}",
            "paused": self._is_paused,
            "waiting_mb": f"{recording.waiting_bytes / 1e6:.1f}" if recording else 0,
            **{f"lost {name}": n for name, n in (recording.lost if recording else {}).items()},
        }
        failure = self._failure or self._snapshots.failure
        if failure:
            return [Status("bags", Level.ERROR, failure, values)]
        warning = _lost_text(recording) if recording else self._warning
        if recording is not None and recording.paused_since_ns is not None:
            paused_s = 1e-9 * (self._line.at_ns(time.monotonic()) - recording.paused_since_ns)
            message = f"paused for {paused_s:.0f} s: no message is written to {recording.path.name}"
            warning = "; ".join(filter(None, (message, warning)))
        if warning:
            return [Status("bags", Level.WARN, warning, values)]
        return [Status("bags", Level.OK, "recording" if recording else "idle", values)]

    def close(self) -> None:
        """Finish an open bag and a snapshot, and wait for a bag that the disk still takes."""
        self._snapshots.close()
        closing = self._closing
        try:
            if self._recording is not None:
                self._finish()
            elif closing is not None and not closing.is_done:
                closing.wait()
        except BagError as error:
            self._fail(str(error))
            self.exit_code = 1


def _retention(limits: RecorderParameters) -> Retention:
    return Retention(limits.keep_bags, int(1e9 * limits.keep_gb), 1_000_000 * limits.min_free_mb)


def _form(parameters: RecorderParameters) -> BagForm:
    """Return compression and attachments of new bags; the attached files are read now.

    Raises:
        ConfigurationError: A file cannot be read or is too large.
    """
    attachments: dict[str, bytes] = {}
    for path in map(Path, filter(None, parameters.attachments)):
        name = str(path) if path.name in attachments else path.name
        try:
            attachments[name] = read_bytes(path, MAX_DOCUMENT_BYTES)
        except OSError as error:
            raise ConfigurationError(
                f"parameter attachments: expected a readable file, got {path} "
                f"({error.strerror or error})"
            ) from error
    limits = FileLimits(parameters.split_s, 1_000_000 * parameters.split_mb)
    return BagForm(parameters.compression == "zstd", attachments, limits)


def _lost_text(recording: BagRecording) -> str:
    """Return a text with the number of lost messages by topic; empty if there are none."""
    lost = recording.lost
    topics = ", ".join(f"{name} {count}" for name, count in sorted(lost.items()))
    return f"{sum(lost.values())} messages were lost: {topics}" if lost else ""


def _paused_text(recording: BagRecording) -> str:
    """Return a text with the total length of the pauses; empty if there are none."""
    paused_s = sum(pause.duration_s for pause in recording.pauses)
    return f"the recording was paused for {paused_s:.1f} s in all" if recording.pauses else ""


def _let_go(future: Future[BagWriter]) -> None:
    """Abort a bag that was opened too late; its empty ``.part`` file remains."""
    if not future.cancelled() and future.exception() is None:
        future.result().abort()


def _log_failure(future: Future[None]) -> None:
    error = future.exception()
    if error is not None:
        logger.error("bags could not be removed: %s", error)


def _message_class(name: str) -> Any:
    """Return the Python class of a message type such as ``std_msgs/msg/String``.

    Raises:
        ConfigurationError: The name is no message type, or the type is not installed.
    """
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
    """Run the node and return its exit code."""
    # Taking a message releases the GIL. The writing thread must not hold it for the default 5 ms.
    sys.setswitchinterval(_SWITCH_S)
    return run_node(BagRecorder, args)


if __name__ == "__main__":
    sys.exit(main())
