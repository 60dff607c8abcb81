"""Writes rosbag2 bags (MCAP, metadata version 9) that appear under their name only when complete.

Messages come in serialized (CDR), as they were on the wire, and are stored unchanged. While a bag
is being written it lies in ``NAME.part/NAME``: what a crash leaves is recognisable by that. Up to
the last ``save`` it is whole; ``mcap recover`` gives it an end.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.errors import WriterError
from rosbags.rosbag2.storage_mcap import McapWriter
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from der_ros.errors import BagError

logger = logging.getLogger(__name__)

PART_SUFFIX = ".part"
_TYPESTORE: list[Typestore] = []
_FOREVER = QosTime(9223372036, 854775807)


class RecordedTopic(NamedTuple):
    """One topic of a bag.

    Attributes:
        name: with its leading slash.
        message_type: as in ``geometry_msgs/msg/WrenchStamped``.
        latched: offered as transient-local, one message deep.
    """

    name: str
    message_type: str
    latched: bool = False

    @property
    def qos(self) -> Qos:
        """The QoS profile that is stored, so that a player offers the topic alike."""
        durability = QosDurability.TRANSIENT_LOCAL if self.latched else QosDurability.VOLATILE
        return Qos(
            QosHistory.KEEP_LAST,
            1 if self.latched else 100,
            QosReliability.RELIABLE,
            durability,
            _FOREVER,
            _FOREVER,
            QosLiveliness.AUTOMATIC,
            _FOREVER,
            avoid_ros_namespace_conventions=False,
        )


def typestore() -> Typestore:
    """The message definitions of ROS 2 Jazzy, parsed once a process."""
    if not _TYPESTORE:
        _TYPESTORE.append(get_typestore(Stores.ROS2_JAZZY))
    return _TYPESTORE[0]


class BagWriter:
    """Context manager that writes one bag.

    Leaving it normally completes the bag at ``path``; leaving it by an exception keeps what was
    written in ``path`` + ``.part`` and no bag appears.

    Attributes:
        path: the bag's folder, once complete.
        messages: how many were written.
    """

    def __init__(self, path: Path | str, topics: Sequence[RecordedTopic]) -> None:
        self.path = Path(path)
        self.messages = 0
        self._topics = tuple(topics)
        self._part = self.path.with_name(self.path.name + PART_SUFFIX)
        self._writer: Writer | None = None
        self._unsaved = False
        self._connections: dict[str, Connection] = {}

    def open(self) -> None:
        """Makes the files.

        Raises:
            BagError: something of that name is there already, the folder cannot be written, or a
                message type is not one of ROS 2's common ones.
        """
        for path in (self.path, self._part):
            if path.exists():
                raise BagError(f"bag {self.path}: expected a new name, {path.name} is there")
        try:
            self._part.mkdir(parents=True)
            self._writer = Writer(
                self._part / self.path.name, version=9, storage_plugin=StoragePlugin.MCAP
            )
            self._writer.open()
        except (OSError, WriterError) as error:
            raise BagError(f"bag {self.path}: cannot be made ({error})") from error
        for topic in self._topics:
            self._connections[topic.name] = self._connect(self._writer, topic)

    def _connect(self, writer: Writer, topic: RecordedTopic) -> Connection:
        types = typestore()
        if topic.message_type not in types.fielddefs:
            self.abort()
            raise BagError(
                f"bag {self.path}: topic {topic.name}: expected a type of ROS 2's common "
                f"interfaces, like std_msgs/msg/String, got {topic.message_type}"
            )
        return writer.add_connection(
            topic.name, topic.message_type, typestore=types, offered_qos_profiles=[topic.qos]
        )

    def write(self, topic: str, data: bytes, stamp_ns: int) -> None:
        """Appends one serialized message.

        Args:
            topic: one of those given at construction.
            data: CDR with its four-byte header, as rclpy gives and takes it.
            stamp_ns: when it was received, ns since the epoch.

        Raises:
            BagError: the bag is not open, the topic is none of its own, or the disk is full.
        """
        writer, connection = self._writer, self._connections.get(topic)
        if writer is None or connection is None:
            raise BagError(f"bag {self.path}: not open, or {topic} is none of its topics")
        try:
            writer.write(connection, stamp_ns, data)
        except (OSError, WriterError) as error:
            self.abort()
            raise BagError(f"bag {self.path}: writing failed ({error})") from error
        self.messages += 1
        self._unsaved = True

    def save(self) -> None:
        """Brings what was written into the file: a process that is killed loses only what is later.

        Of its own accord the file grows by a megabyte at a time, which most attempts never reach.

        Raises:
            BagError: the disk is full.
        """
        storage = self._writer.storage if self._writer is not None else None
        if not self._unsaved or not isinstance(storage, McapWriter):
            return
        try:
            storage.close_chunk()
            storage.bio.flush()
        except OSError as error:
            self.abort()
            raise BagError(f"bag {self.path}: writing failed ({error})") from error
        self._unsaved = False

    def close(self) -> Path:
        """Completes the bag and gives it its name.

        Returns:
            The bag's folder.

        Raises:
            BagError: it was not open, or the disk is full; what was written stays in ``.part``.
        """
        writer, self._writer = self._writer, None
        if writer is None:
            raise BagError(f"bag {self.path}: is not open")
        try:
            writer.close()
            (self._part / self.path.name).rename(self.path)
            self._part.rmdir()
        except (OSError, WriterError) as error:
            writer.abort()
            raise BagError(
                f"bag {self.path}: could not be completed ({error}); "
                f"what was written is in {self._part}"
            ) from error
        return self.path

    def abort(self) -> None:
        """Lets go of the files and leaves them as they are, under ``.part``."""
        writer, self._writer = self._writer, None
        if writer is not None:
            logger.warning("bag %s is incomplete; see %s", self.path, self._part)
            writer.abort()

    def __enter__(self) -> BagWriter:
        """Opens the bag."""
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Completes the bag, or leaves it incomplete when an exception ends it."""
        if kind is None:
            self.close()
        else:
            self.abort()
