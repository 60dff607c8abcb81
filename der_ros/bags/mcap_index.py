"""Index of an MCAP file, and its messages in the order of their log times, chunk by chunk.

``rosbags`` makes several objects of each message, which takes five times as long.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import (
    Attachment,
    AttachmentIndex,
    Channel,
    Chunk,
    ChunkIndex,
    DataEnd,
    Footer,
    Header,
    McapRecord,
    Message,
    MessageIndex,
    Metadata,
    MetadataIndex,
    Schema,
    Statistics,
    SummaryOffset,
)
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from der_ros.bags.bounded import Bounded, chunk_content
from der_ros.errors import BagError

MAGIC = b"\x89MCAP0\r\n"
"""First and last bytes of a file."""
HEAD = struct.Struct("<BQ")
"""Head of a record: opcode and length of its content."""
_INDEX_HEAD = struct.Struct("<HI")
_MESSAGE = struct.Struct("<BQHIQQ")
_MESSAGE_CODE = int(Opcode.MESSAGE)
PARSERS: Mapping[int, Any] = {
    Opcode.HEADER: Header,
    Opcode.FOOTER: Footer,
    Opcode.SCHEMA: Schema,
    Opcode.CHANNEL: Channel,
    Opcode.CHUNK: Chunk,
    Opcode.CHUNK_INDEX: ChunkIndex,
    Opcode.ATTACHMENT: Attachment,
    Opcode.ATTACHMENT_INDEX: AttachmentIndex,
    Opcode.STATISTICS: Statistics,
    Opcode.METADATA: Metadata,
    Opcode.METADATA_INDEX: MetadataIndex,
    Opcode.SUMMARY_OFFSET: SummaryOffset,
    Opcode.DATA_END: DataEnd,
}
"""Parsers of all records but messages and message indexes, by opcode."""


class Topic(NamedTuple):
    """A topic's name and message type."""

    name: str
    message_type: str


class _ChunkPlace(NamedTuple):
    """A chunk in its file: log times in ns, byte range, and the channels with messages."""

    begin_ns: int
    end_ns: int
    offset: int
    size: int
    channels: set[int]


_Entry: TypeAlias = tuple[int, int, int, Topic, bytes]
"""Log time in ns, offsets of the chunk and of the message in it, topic, and CDR bytes."""


def read_record(opcode: int, content: bytes) -> McapRecord | None:
    """Return a record from its content; None if its kind is unknown.

    Of a message only the data are read, and of a message index only the channel.

    Raises:
        BagError: The content is shorter than it states.
        Exception: Any type, raised by the parsers on damaged bytes.
    """
    if opcode == Opcode.MESSAGE:
        return Message(0, 0, content[_MESSAGE.size - HEAD.size :], 0, 0)
    if opcode == Opcode.MESSAGE_INDEX:
        channel, length = _INDEX_HEAD.unpack_from(content)
        if _INDEX_HEAD.size + length > len(content):
            raise BagError(f"expected a message index of {length} bytes, got {len(content)}")
        return MessageIndex(channel, [])
    parser = PARSERS.get(opcode)
    if parser is None:
        return None
    bounded: Any = Bounded(BytesIO(content), len(content))
    record: McapRecord = parser.read(ReadDataStream(bounded))
    return record


class McapIndex:
    """Chunks and channels of a file.

    Args:
        path: Path of the file.

    Attributes:
        topics: Name of the topic by channel.
        is_chunked: True if all messages are in chunks.
        definitions: Message definition (``.msg``) by message type.
        is_plain: True if all channels and schemas are those of ROS 2 messages in CDR.
        has_copy: True if the file holds a copy of the bag's description, which was compared.
    """

    def __init__(self, path: Path) -> None:
        self.topics: dict[int, str] = {}
        self.is_chunked = self.is_plain = True
        self.has_copy = False
        self.definitions: dict[str, str] = {}
        self._path = path
        self._types: dict[int, str] = {}
        self._channels: dict[int, Topic] = {}
        self._chunks: list[_ChunkPlace] = []

    def add(self, record: McapRecord, offset: int, size: int) -> None:
        """Add the next record of the file, and the place of its content in the file, bytes."""
        if isinstance(record, Chunk):
            span_ns = record.message_start_time, record.message_end_time
            self._chunks.append(_ChunkPlace(*span_ns, offset, size, set()))
        elif isinstance(record, MessageIndex) and self._chunks:
            self._chunks[-1].channels.add(record.channel_id)
        elif isinstance(record, Schema):
            self._types[record.id] = record.name
            if record.encoding == "ros2msg":
                self.definitions[record.name] = record.data.decode()
            else:
                self.is_plain = False
        elif isinstance(record, Channel):
            self.topics[record.id] = record.topic
            self.is_plain = self.is_plain and record.message_encoding == "cdr"
            if record.message_encoding == "cdr":
                kind = self._types.get(record.schema_id, "")
                self._channels[record.id] = Topic(record.topic, kind)
        elif isinstance(record, Message):
            self.is_chunked = False

    @property
    def channels(self) -> frozenset[Topic]:
        """Topics with messages in CDR."""
        return frozenset(self._channels.values())

    def messages(self, wanted: set[Topic]) -> Iterator[tuple[Topic, int, bytes]]:
        """Yield topic, log time (ns) and CDR bytes of the messages of the ``wanted`` topics.

        Messages of the same time come in the order of the file.

        Raises:
            BagError: A chunk does not consist of records.
            Exception: Any type, raised by the parsers on damaged bytes.
        """
        channels = {key: topic for key, topic in self._channels.items() if topic in wanted}
        chunks = [each for each in self._chunks if not each.channels.isdisjoint(channels)]
        chunks.sort(key=lambda each: (each.begin_ns, each.offset))
        waiting: list[_Entry] = []
        with self._path.open("rb") as file:
            for number, place in enumerate(chunks, 1):
                waiting += _entries(_content(file, place), place, channels)
                waiting.sort()
                ready = len(waiting)
                if number < len(chunks):  # a later chunk may have earlier messages
                    next_ns = chunks[number].begin_ns
                    while ready and waiting[ready - 1][0] >= next_ns:
                        ready -= 1
                for log_ns, _, _, topic, data in waiting[:ready]:
                    yield topic, log_ns, data
                del waiting[:ready]


class OwnTypes:
    """Decodes messages by their definitions, each of which is read when first needed.

    Args:
        definitions: Message definition (``.msg``, with those that it contains) by message type.
        hashes: RIHS01 hash by message type, which the definition must have.
    """

    def __init__(self, definitions: Mapping[str, str], hashes: Mapping[str, str]) -> None:
        self._definitions, self._hashes = definitions, hashes
        self._store = get_typestore(Stores.EMPTY)
        self._known: set[str] = set()

    def decode(self, data: bytes, kind: str) -> object:
        """Return a message with the fields of its type.

        Raises:
            BagError: The definition has another hash.
            Exception: Any type, raised by the parsers on damaged bytes or definitions.
        """
        if kind not in self._known:
            self._store.register(get_types_from_msg(self._definitions[kind], kind))
            if (found := self._store.hash_rihs01(kind)) != self._hashes[kind]:
                raise BagError(f"{kind}: expected the hash {self._hashes[kind]}, got {found}")
            self._known.add(kind)
        return self._store.deserialize_cdr(data, kind)


def _content(file: IO[bytes], place: _ChunkPlace) -> bytes:
    """Return the records of a chunk."""
    file.seek(place.offset)
    chunk = read_record(Opcode.CHUNK, file.read(place.size))
    assert isinstance(chunk, Chunk)
    return chunk_content(chunk)


def _entries(content: bytes, place: _ChunkPlace, channels: Mapping[int, Topic]) -> list[_Entry]:
    """Return the messages of some channels in a chunk's records."""
    begin_ns, end_ns, offset, _, _ = place
    found: list[_Entry] = []
    position, size = 0, len(content)
    while position < size:
        at = position
        if content[at] != _MESSAGE_CODE:
            position += HEAD.size + HEAD.unpack_from(content, at)[1]
            continue
        _, length, channel, _, log_ns, _ = _MESSAGE.unpack_from(content, at)
        position += HEAD.size + length
        if channel in channels and begin_ns <= log_ns <= end_ns:
            data = content[at + _MESSAGE.size : position]
            found.append((log_ns, offset, at, channels[channel], data))
    if position != size:
        raise BagError(f"expected a chunk of {size} bytes, its records have {position}")
    return found
