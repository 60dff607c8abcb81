"""One MCAP file of a bag that is being written."""

from __future__ import annotations

import mimetypes
import os
import time
from collections.abc import Mapping, Sequence
from typing import IO, NamedTuple

from mcap.writer import CompressionType, Writer
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from der_ros.bags.metadata import LIBRARY, FileSummary, RecordedTopic
from der_ros.documents import to_yaml
from der_ros.errors import BagError

# Size of a message's record and index entry beside its data, bytes.
_OVERHEAD_BYTES = 47
_TYPESTORE: list[Typestore] = []


def typestore() -> Typestore:
    """Return the message definitions of ROS 2 Jazzy, parsed once per process."""
    if not _TYPESTORE:
        _TYPESTORE.append(get_typestore(Stores.ROS2_JAZZY))
    return _TYPESTORE[0]


def is_recordable(message_type: str) -> bool:
    """Return True if messages of this type can be written: it is in ROS 2's common interfaces."""
    return message_type in typestore().fielddefs


class FileLimits(NamedTuple):
    """Limits beyond which a bag continues in a new file; 0: no limit.

    Attributes:
        span_s: Bag time from the first to the last message of a file, s.
        size_bytes: Size of the uncompressed messages of a file.
    """

    span_s: float = 0.0
    size_bytes: int = 0

    @property
    def any(self) -> bool:
        """True if a bag may have several files."""
        return bool(self.span_s or self.size_bytes)


class McapFile:
    """An MCAP file with its topics registered.

    Args:
        name: Name of the file.
        file: The file, empty and open for writing.
        topics: Topics to register.
        compression: Compression of each chunk.

    Attributes:
        summary: Figures for the bag's description.
        hashes: RIHS01 hashes by message type.

    Raises:
        BagError: A message type is not in ROS 2's common interfaces.
        OSError: The disk is full or failing.
    """

    def __init__(
        self,
        name: str,
        file: IO[bytes],
        topics: Sequence[RecordedTopic],
        compression: CompressionType,
    ) -> None:
        self.summary = FileSummary(name)
        self.hashes: dict[str, str] = {}
        self._file, self._channels, self._size = file, dict[str, int](), 0
        self._writer = Writer(
            file, compression=compression, enable_crcs=True, enable_data_crcs=True
        )
        self._writer.start("ros2", LIBRARY)
        schemas: dict[str, int] = {}
        for topic in topics:
            self._connect(topic, schemas)

    def _connect(self, topic: RecordedTopic, schemas: dict[str, int]) -> None:
        types, name = typestore(), topic.message_type
        if not is_recordable(name):
            raise BagError(
                f"topic {topic.name}: expected a type of ROS 2's common interfaces, like "
                f"std_msgs/msg/String, got {name}"
            )
        if name not in schemas:
            text, _ = types.generate_msgdef(name, ros_version=2)
            schemas[name] = self._writer.register_schema(name, "ros2msg", text.encode())
            self.hashes[name] = types.hash_rihs01(name)
        qos = {"offered_qos_profiles": to_yaml(topic.qos).strip()}
        self._channels[topic.name] = self._writer.register_channel(
            topic.name, "cdr", schemas[name], qos
        )

    def attach(self, attachments: Mapping[str, bytes]) -> None:
        """Store files, content by name."""
        now_ns = time.time_ns()
        for name, content in attachments.items():
            self._writer.add_attachment(now_ns, now_ns, name, _media_type(name), content)

    def has(self, topic: str) -> bool:
        """Return True if the topic is registered."""
        return topic in self._channels

    def is_full(self, stamp_ns: int, size: int, limits: FileLimits) -> bool:
        """Return True if a message of this time and size, bytes, belongs into a new file."""
        if not self.summary.counts:
            return False
        span_s = 1e-9 * (stamp_ns - self.summary.start_ns)
        is_long = 0 < limits.span_s <= span_s
        is_large = 0 < limits.size_bytes < self._size + size + _OVERHEAD_BYTES
        return is_long or is_large

    def write(self, topic: str, data: bytes, stamp_ns: int) -> None:
        """Append one serialized message."""
        self._writer.add_message(self._channels[topic], stamp_ns, data, stamp_ns)
        self.summary.add(topic, stamp_ns)
        self._size += len(data) + _OVERHEAD_BYTES

    def flush(self) -> None:
        """Write buffered messages to the file."""
        self._writer.flush()

    def finish(self, metadata: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """Write metadata and index, sync the file to disk and close it."""
        for name, values in (metadata or {}).items():
            self._writer.add_metadata(name, dict(values))
        self._writer.finish()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _media_type(name: str) -> str:
    if name.endswith((".yaml", ".yml")):
        return "application/yaml"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
