"""Writes rosbag2 bags (MCAP, metadata version 9) that appear under their name when complete.

Messages are stored serialized (CDR), byte for byte as received, with checksums of each chunk, the
data and the index. During recording the bag is in ``NAME.part/NAME``, where it also stays after a
crash. It is intact up to the last ``save``; ``ros2 run der_ros bags repair`` completes it.
"""

from __future__ import annotations

import logging
import mimetypes
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from mcap.writer import CompressionType, Writer
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from der_ros.bags.metadata import (
    COPY,
    COPY_KEY,
    DESCRIPTION,
    ROOT,
    FileSummary,
    RecordedTopic,
    describe_bag,
)
from der_ros.documents import to_yaml
from der_ros.errors import BagError

logger = logging.getLogger(__name__)

PART_SUFFIX = ".part"
LIBRARY = "der_ros"
"""Name of the writing library in a file's header."""
LOST_PREFIX = "lost_messages "
"""Prefix of custom data keys that count lost messages; the topic follows."""
_LATEST_NS = 2**63 - 1
_TYPESTORE: list[Typestore] = []

__all__ = ["LIBRARY", "LOST_PREFIX", "PART_SUFFIX", "BagWriter", "RecordedTopic", "typestore"]


def typestore() -> Typestore:
    """Return the message definitions of ROS 2 Jazzy, parsed once per process."""
    if not _TYPESTORE:
        _TYPESTORE.append(get_typestore(Stores.ROS2_JAZZY))
    return _TYPESTORE[0]


def open_file(path: Path) -> IO[bytes]:
    """Create the file; tests replace this function to simulate a failing disk."""
    return path.open("xb")


class BagWriter:
    """Context manager that writes one bag.

    A normal exit completes the bag at ``path``. After an exception the messages written so far stay
    in ``path`` + ``.part``, and no bag appears.

    Args:
        path: Folder of the bag.
        topics: Topics to record.
        compressed: Compress each chunk with zstd.
        attachments: Content of the files to attach, by name.

    Attributes:
        path: Folder of the completed bag.
        messages: Number of messages written.
        lost: Number of lost messages by topic, stored with the bag.
        custom: Texts by key, stored with the bag as custom data.
    """

    def __init__(
        self,
        path: Path | str,
        topics: Sequence[RecordedTopic],
        *,
        compressed: bool = False,
        attachments: Mapping[str, bytes] | None = None,
    ) -> None:
        self.path = Path(path)
        self._attachments = dict(attachments or {})
        self._compression = CompressionType.ZSTD if compressed else CompressionType.NONE
        self.messages = 0
        self.lost: Mapping[str, int] = {}
        self.custom: dict[str, str] = {}
        self._topics = tuple(topics)
        self._part = self.path.with_name(self.path.name + PART_SUFFIX)
        self._folder = self._part / self.path.name
        self._summary = FileSummary(f"{self.path.name}.mcap")
        self._hashes: dict[str, str] = {}
        self._file: IO[bytes] | None = None
        self._writer: Writer | None = None
        self._unsaved = False
        self._channels: dict[str, int] = {}

    @property
    def part(self) -> Path:
        """Folder that holds the bag until it is complete."""
        return self._part

    def open(self) -> None:
        """Create the files.

        Raises:
            BagError: The name is in use, the folder cannot be written, or a message type is not in
                ROS 2's common interfaces.
        """
        try:
            self._refuse_taken_names()
            self._folder.mkdir(parents=True)
            self._file = open_file(self._folder / self._summary.file)
            self._start(self._file)
        except (OSError, ValueError) as error:
            self.abort()
            if isinstance(error, BagError):
                raise
            raise BagError(f"bag {self.path}: cannot be made ({error})") from error

    def _refuse_taken_names(self) -> None:
        for path in (self.path, self._part):
            if path.exists():
                raise BagError(f"bag {self.path}: expected a new name, {path.name} is there")

    def _start(self, file: IO[bytes]) -> None:
        """Write the header and register the topics."""
        self._writer = Writer(
            file, compression=self._compression, enable_crcs=True, enable_data_crcs=True
        )
        self._writer.start("ros2", LIBRARY)
        schemas: dict[str, int] = {}
        for topic in self._topics:
            self._connect(self._writer, topic, schemas)
        now_ns = time.time_ns()
        for name, content in self._attachments.items():
            self._writer.add_attachment(now_ns, now_ns, name, _media_type(name), content)

    def _connect(self, writer: Writer, topic: RecordedTopic, schemas: dict[str, int]) -> None:
        types, name = typestore(), topic.message_type
        if name not in types.fielddefs:
            raise BagError(
                f"bag {self.path}: topic {topic.name}: expected a type of ROS 2's common "
                f"interfaces, like std_msgs/msg/String, got {name}"
            )
        if name not in schemas:
            text, _ = types.generate_msgdef(name, ros_version=2)
            schemas[name] = writer.register_schema(name, "ros2msg", text.encode())
            self._hashes[name] = types.hash_rihs01(name)
        qos = {"offered_qos_profiles": to_yaml(topic.qos).strip()}
        self._channels[topic.name] = writer.register_channel(topic.name, "cdr", schemas[name], qos)

    def write(self, topic: str, data: bytes, stamp_ns: int) -> None:
        """Append one serialized message.

        Args:
            topic: Full name of one of the topics given at construction.
            data: CDR with its four-byte header, as rclpy gives and takes it.
            stamp_ns: Reception time, ns since the epoch, 0 to 2^63 - 1.

        Raises:
            BagError: The bag is not open, the topic is unknown, the time is out of range, or the
                disk is full or failing.
        """
        writer, channel = self._writer, self._channels.get(topic)
        if writer is None or channel is None:
            raise BagError(f"bag {self.path}: not open, or {topic} is none of its topics")
        if not 0 <= stamp_ns <= _LATEST_NS:
            raise BagError(
                f"bag {self.path}: {topic}: expected a time in ns since 1970, got {stamp_ns}"
            )
        self._on_disk(lambda: writer.add_message(channel, stamp_ns, data, stamp_ns))
        self._summary.add(topic, stamp_ns)
        self.messages += 1
        self._unsaved = True

    def save(self) -> None:
        """Flush all messages to the file, so that a killed process loses only later ones.

        Without it the file grows in steps of a megabyte, more than most attempts record.

        Raises:
            BagError: The disk is full or failing.
        """
        writer = self._writer
        if writer is not None and self._unsaved:
            self._on_disk(writer.flush)
            self._unsaved = False

    def _on_disk(self, action: Callable[[], None]) -> None:
        """Run a write; if it fails, abort the bag and raise a BagError."""
        try:
            action()
        except (OSError, ValueError) as error:
            self.abort()
            raise BagError(f"bag {self.path}: writing failed ({error})") from error

    def close(self) -> Path:
        """Complete the bag and rename it from ``.part`` to its name.

        Returns:
            Folder of the bag.

        Raises:
            BagError: The bag is not open, or the disk is full; the messages stay in ``.part``.
        """
        writer, file = self._writer, self._file
        if writer is None or file is None:
            raise BagError(f"bag {self.path}: is not open")
        try:
            self._complete(writer, file)
        except (OSError, ValueError) as error:
            self.abort()
            raise BagError(
                f"bag {self.path}: could not be completed ({error}); "
                f"what was written is in {self._part}"
            ) from error
        self._writer = self._file = None
        return self.path

    def _complete(self, writer: Writer, file: IO[bytes]) -> None:
        """Write index and metadata, sync them to disk, and rename the folder."""
        custom = self.custom | {LOST_PREFIX + name: str(count) for name, count in self.lost.items()}
        information = describe_bag([self._summary], self._topics, self._hashes, custom)
        writer.add_metadata(COPY, {COPY_KEY: to_yaml(information)})
        writer.finish()
        file.flush()
        os.fsync(file.fileno())
        file.close()
        with (self._folder / DESCRIPTION).open("x", encoding="utf-8") as description:
            description.write(to_yaml({ROOT: information}))
            description.flush()
            os.fsync(description.fileno())
        self._folder.rename(self.path)
        self._part.rmdir()

    def abort(self) -> None:
        """Close the file without completing the bag, which stays under ``.part``; never raises."""
        file, self._file, self._writer = self._file, None, None
        if file is not None:
            logger.warning("bag %s is incomplete; see %s", self.path, self._part)
            # Closing flushes the buffer, which fails again on a full disk.
            with suppress(OSError, ValueError):
                file.close()

    def __enter__(self) -> BagWriter:
        """Open the bag if necessary, and return this writer."""
        if self._file is None:
            self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the bag, or leave it incomplete after an exception."""
        if kind is None:
            self.close()
        else:
            self.abort()


def _media_type(name: str) -> str:
    if name.endswith((".yaml", ".yml")):
        return "application/yaml"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
