"""Snapshots of a recorder: memory of the last seconds, triggers, and writing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import NamedTuple

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.serialization import deserialize_message

from der_ros.bags.bag_folder import SNAPSHOT, BagFolder
from der_ros.bags.black_box import REASON, BlackBox, Kept, write_snapshot
from der_ros.bags.metadata import RecordedTopic
from der_ros.bags.recorder import BagWriter
from der_ros.control.arrivals import TimeLine
from der_ros.control.fault_watch import FaultWatch, SnapshotRequests
from der_ros.drivers.repeated_errors import RepeatedErrors
from der_ros.errors import BagError
from der_ros.nodes.shared.key_values import from_status
from der_ros.threads import JobThread

logger = logging.getLogger("bag_recorder")

_OPEN_PATIENCE_S, _CLOSE_PATIENCE_S = 2.0, 5.0
_RESULT = "assembly_supervisor/result"
_EXPLAINED = ("fault", "aborted")
# Each waiting snapshot keeps its messages in memory, also while a disk hangs.
_MOST_WAITING = 2


class SnapshotSettings(NamedTuple):
    """Limits of the snapshot memory: time span, s, and size, bytes."""

    span_s: float
    most_bytes: int


class Snapshots:
    """Memory of the last seconds of all topics, written as snapshots in a separate thread.

    Args:
        topics: Recorded topics.
        settings: Limits of the snapshot memory.
        folder: Folder of the run's bags.
        own: Full name of the recorder node in the diagnostics.
        written: Function called in the writing thread after each snapshot.

    Attributes:
        failure: Reason why the last snapshot was not written; empty if it was.
        last_path: Path of the last complete snapshot; empty before the first.
    """

    def __init__(
        self,
        topics: Sequence[RecordedTopic],
        settings: SnapshotSettings,
        folder: BagFolder,
        own: str,
        written: Callable[[], None],
    ) -> None:
        self.failure = self.last_path = ""
        self._topics, self._folder, self._written = tuple(topics), folder, written
        latched = [topic.name for topic in topics if topic.latched]
        self._box = BlackBox(settings.span_s, settings.most_bytes, latched)
        self._enabled = settings.span_s > 0
        self._watch, self._requests = FaultWatch(own), SnapshotRequests()
        self._types = {topic.name: topic.message_type for topic in topics}
        self._disk = JobThread("snapshots")
        self._waiting: list[Future[Path]] = []
        self._unreadable = RepeatedErrors(logger, "a message was not read", traceback=False)

    @property
    def size_bytes(self) -> int:
        """Current size of the snapshot memory, bytes."""
        return self._box.size_bytes

    def add(self, batch: Sequence[Kept]) -> None:
        """Store a batch of messages in order of arrival; begin a snapshot on a fault."""
        if not self._enabled:
            return
        self._box.add(batch)
        now_s = time.monotonic()
        for each in batch:
            for reason in self._reasons(each, now_s):
                self._requests.ask(reason, now_s)
        reasons = self._requests.due(now_s)
        if reasons:
            logger.warning("snapshot: %s", reasons)
            try:
                self._begin(reasons)
            except BagError as error:
                self.failure = f"snapshot: {error}"
                logger.error("%s", self.failure)

    def _reasons(self, message: Kept, now_s: float) -> list[str]:
        """Return the faults that a message reports; none if it cannot be read."""
        try:
            return self._reported(message, now_s)
        except RuntimeError as error:  # of the middleware; any publisher can send any bytes
            self._unreadable.note(error)
            return []

    def _reported(self, message: Kept, now_s: float) -> list[str]:
        kind = self._types[message.topic]
        if kind == "diagnostic_msgs/msg/DiagnosticArray":
            array = deserialize_message(message.data, DiagnosticArray)
            statuses = [(each.name, each.level[0], each.message) for each in array.status]
            return self._watch.new_faults(statuses, now_s)
        if message.topic.endswith(_RESULT) and kind == "diagnostic_msgs/msg/DiagnosticStatus":
            return _ended(deserialize_message(message.data, DiagnosticStatus))
        return []

    def call(self, reason: str) -> str:
        """Begin a snapshot and return its path; the snapshot is complete about a second later.

        Raises:
            BagError: Snapshots are disabled, earlier ones are not written yet, or the disk refuses
                the file or does not respond.
        """
        if not self._enabled:
            raise BagError("no snapshot was taken: expected snapshot_s above 0")
        try:
            return str(self._begin(reason).result(_OPEN_PATIENCE_S))
        except FutureTimeoutError as error:
            raise BagError(
                f"no snapshot yet: the disk has not answered for {_OPEN_PATIENCE_S:g} s"
            ) from error

    def _begin(self, reason: str) -> Future[Path]:
        """Start writing a snapshot; return a future of its path, set when the file is open.

        Raises:
            BagError: The disk has not taken the last snapshots yet.
        """
        self._waiting = [each for each in self._waiting if not each.done()]
        if len(self._waiting) >= _MOST_WAITING:
            raise BagError(
                f"no snapshot was taken: the disk has not taken the last {_MOST_WAITING} yet"
            )
        contents, line, opened = self._box.contents(), TimeLine(), Future[Path]()

        def begin() -> BagWriter:
            writer = self._folder.begin(self._topics, SNAPSHOT)
            writer.custom[REASON] = reason
            opened.set_result(writer.path)
            return writer

        writing = self._disk.submit(lambda: write_snapshot(begin, contents, line.at_ns))
        self._waiting.append(writing)
        writing.add_done_callback(lambda future: self._end(future, opened))
        return opened

    def _end(self, future: Future[Path], opened: Future[Path]) -> None:
        """Store and log the result of a snapshot; runs in the writing thread."""
        error = future.exception()
        if error is None:
            self.failure, self.last_path = "", str(future.result())
            logger.warning("snapshot written: %s", self.last_path)
            self._written()
            return
        self.failure = f"snapshot: {error}"
        logger.error("%s", self.failure)
        if not opened.done():
            opened.set_exception(error)

    def close(self) -> None:
        """Disable snapshots and wait for those in progress.

        The other nodes end together with the recorder, so their reports are no faults then.
        """
        self._enabled = False
        wait(self._waiting, _CLOSE_PATIENCE_S)


def _ended(result: DiagnosticStatus) -> list[str]:
    """Return the reason of an attempt that ended by a fault or a stop, else an empty list."""
    outcome = from_status(result).get("outcome", "")
    return [f"attempt {outcome}: {result.message}"] if outcome in _EXPLAINED else []
