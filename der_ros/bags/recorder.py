"""Writes rosbag2 bags (MCAP, metadata version 9) that appear under their name when complete.

Messages are stored serialized (CDR), byte for byte as received, with checksums of each chunk, the
data and the index. During recording the bag is in ``NAME.part/NAME``, where it also stays after a
crash. It is intact up to the last ``save``; ``ros2 run der_ros bags repair`` completes it.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from mcap.writer import CompressionType

from der_ros.bags.mcap_file import FileLimits, McapFile, typestore
from der_ros.bags.metadata import (
    COPY,
    COPY_KEY,
    DESCRIPTION,
    LIBRARY,
    PART_SUFFIX,
    ROOT,
    FileSummary,
    RecordedTopic,
    describe_bag,
)
from der_ros.documents import to_yaml
from der_ros.errors import BagError

logger = logging.getLogger(__name__)

LOST_PREFIX = "lost_messages "
"""Prefix of custom data keys that count lost messages; the topic follows."""
_COUNT_DIGITS = 18
_LATEST_NS = 2**63 - 1
_NO_LIMITS = FileLimits()

__all__ = [
    "LIBRARY",
    "LOST_PREFIX",
    "PART_SUFFIX",
    "BagWriter",
    "RecordedTopic",
    "lost_count",
    "typestore",
]


def lost_count(text: str) -> int | None:
    """Return the number of lost messages in an entry of the custom data; None if it is none."""
    return int(text) if text.isdecimal() and len(text) <= _COUNT_DIGITS else None


def open_file(path: Path) -> IO[bytes]:
    """Create the file; tests replace this function to simulate a failing disk."""
    return path.open("xb")


class BagWriter:
    """Context manager that writes one bag.

    A normal exit completes the bag at ``path``. After an exception no bag appears; the messages
    written so far stay in ``path`` + ``.part``, or are removed if ``keeps_incomplete`` is false.

    Args:
        path: Folder of the bag.
        topics: Topics to record.
        compressed: Compress each chunk with zstd.
        attachments: Content of the files to attach to the first file, by name.
        limits: Limits beyond which the bag continues in a new file, which begins with the newest
            message of each latched topic.
        keeps_incomplete: Keep the files of an incomplete bag, which ``bags repair`` completes.

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
        limits: FileLimits = _NO_LIMITS,
        keeps_incomplete: bool = True,
    ) -> None:
        self.path = Path(path)
        self._keeps_incomplete, self._is_made = keeps_incomplete, False
        self._attachments = dict(attachments or {})
        self._compression = CompressionType.ZSTD if compressed else CompressionType.NONE
        self.messages = 0
        self.lost: Mapping[str, int] = {}
        self.custom: dict[str, str] = {}
        self._topics = tuple(topics)
        self._part = self.path.with_name(self.path.name + PART_SUFFIX)
        self._folder = self._part / self.path.name
        self._limits = limits
        self._complete_files: list[FileSummary] = []
        self._latched = {topic.name for topic in self._topics if topic.latched}
        self._newest: dict[str, bytes] = {}
        self._file: IO[bytes] | None = None
        self._mcap: McapFile | None = None
        self._unsaved = False

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
            self._is_made = True
            self._begin_file().attach(self._attachments)
        except (OSError, ValueError) as error:
            self.abort()
            if isinstance(error, BagError):
                raise
            raise BagError(f"bag {self.path}: cannot be made ({error})") from error

    def _begin_file(self) -> McapFile:
        """Create the next file of the bag."""
        number = f"_{len(self._complete_files)}" if self._limits.any else ""
        name = f"{self.path.name}{number}.mcap"
        self._file = open_file(self._folder / name)
        try:
            self._mcap = McapFile(name, self._file, self._topics, self._compression)
        except BagError as error:
            raise BagError(f"bag {self.path}: {error}") from error
        return self._mcap

    def _refuse_taken_names(self) -> None:
        for path in (self.path, self._part):
            if path.exists():
                raise BagError(f"bag {self.path}: expected a new name, {path.name} exists")

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
        if self._mcap is None or not self._mcap.has(topic):
            raise BagError(f"bag {self.path}: not open, or {topic} is none of its topics")
        if not 0 <= stamp_ns <= _LATEST_NS:
            raise BagError(
                f"bag {self.path}: {topic}: expected a time in ns since 1970, got {stamp_ns}"
            )
        self._on_disk(lambda: self._append(topic, data, stamp_ns))
        if topic in self._latched:
            self._newest[topic] = data
        self.messages += 1
        self._unsaved = True

    def _append(self, topic: str, data: bytes, stamp_ns: int) -> None:
        """Write a message into the open file, or into the next one if that is full."""
        file = self._opened()
        if file.is_full(stamp_ns, len(data), self._limits):
            file.finish()
            self._complete_files.append(file.summary)
            file = self._begin_file()
            for name, newest in self._newest.items():
                if name != topic:
                    file.write(name, newest, stamp_ns)
        file.write(topic, data, stamp_ns)

    def _opened(self) -> McapFile:
        if self._mcap is None:
            raise BagError(f"bag {self.path}: is not open")
        return self._mcap

    def save(self) -> None:
        """Flush all messages to the file, so that a killed process loses only later ones.

        Without it the file grows in steps of a megabyte, more than most attempts record.

        Raises:
            BagError: The disk is full or failing.
        """
        if self._mcap is not None and self._unsaved:
            self._on_disk(self._mcap.flush)
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
        file = self._opened()
        try:
            self._complete(file)
        except (OSError, ValueError) as error:
            self.abort()
            kept = f"; what was written is in {self._part}" if self._keeps_incomplete else ""
            raise BagError(f"bag {self.path}: could not be completed ({error}){kept}") from error
        self._mcap = self._file = None
        return self.path

    def _complete(self, file: McapFile) -> None:
        """Write index and metadata, sync them to disk, and rename the folder."""
        custom = self.custom | {LOST_PREFIX + name: str(count) for name, count in self.lost.items()}
        files = [*self._complete_files, file.summary]
        information = describe_bag(files, self._topics, file.hashes, custom)
        file.finish({COPY: {COPY_KEY: to_yaml(information)}})
        with (self._folder / DESCRIPTION).open("x", encoding="utf-8") as description:
            description.write(to_yaml({ROOT: information}))
            description.flush()
            os.fsync(description.fileno())
        self._folder.rename(self.path)
        self._part.rmdir()

    def abort(self) -> None:
        """Close the file without completing the bag; never raises.

        The messages stay under ``.part``, or are removed if ``keeps_incomplete`` is false.
        """
        file, self._file, self._mcap = self._file, None, None
        if file is not None:
            if self._keeps_incomplete:
                logger.warning("bag %s is incomplete; see %s", self.path, self._part)
            # Closing flushes the buffer, which fails again on a full disk.
            with suppress(OSError, ValueError):
                file.close()
        if self._is_made and not self._keeps_incomplete:
            shutil.rmtree(self._part, ignore_errors=True)

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
