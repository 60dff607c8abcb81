"""Finds the intact records of an MCAP file that was cut off or is damaged inside.

A chunk is used if its checksum matches. A last chunk cut off by the end of the file is used
without its checksum, up to the cut. After damage, the scan resumes at the next chunk.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any, NamedTuple, TypeAlias

import lz4.frame
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import (
    Attachment,
    Chunk,
    McapRecord,
    Message,
    MessageIndex,
)
from mcap.writer import MCAP0_MAGIC

from der_ros.bags.bounded import MAX_CONTENT_BYTES, Bounded, chunk_content
from der_ros.bags.mcap_index import HEAD, PARSERS
from der_ros.errors import BagError

_CHUNK_HEAD = struct.Struct("<QQQII")
_LENGTH = struct.Struct("<Q")
_MESSAGE_HEAD = 22
_PAGE = 4096
"""Block size, bytes: a power cut leaves whole blocks of zeros at the end of a file."""
_CHUNK_BEGIN = re.compile(b"\\x06.{5}\\x00{3}", re.DOTALL)
_NAMES = ("", "zstd", "lz4")
_READERS: Mapping[int, Any] = {**PARSERS, Opcode.MESSAGE_INDEX: MessageIndex}
# Index records, which the repaired file writes anew.
_PASSED = {
    Opcode.CHUNK_INDEX,
    Opcode.ATTACHMENT_INDEX,
    Opcode.STATISTICS,
    Opcode.METADATA_INDEX,
    Opcode.SUMMARY_OFFSET,
}
_BROKEN = (struct.error, ValueError, EOFError, MemoryError, RuntimeError, zstandard.ZstdError)


class Damage(NamedTuple):
    """A byte range of a file that cannot be used.

    Attributes:
        offset: Offset of the first byte.
        size: Number of bytes.
        reason: Description of the damage.
        lost: Lost messages by channel, if the file's message index still counts them.
    """

    offset: int
    size: int
    reason: str
    lost: Mapping[int, int]


Found: TypeAlias = McapRecord | Damage


class _Place(NamedTuple):
    """A record in the file: opcode, byte range of its content, and True if it is all there."""

    opcode: int
    begin: int
    end: int
    whole: bool


def scan(data: Any) -> Iterator[Found]:
    """Yield the intact records of a file in order, and each damaged range.

    Args:
        data: Content of the file, as bytes or a ``mmap``.

    Yields:
        Header, Schema, Channel, Chunk, Message, Metadata, Attachment, DataEnd and Footer
        records, and Damage; a chunk comes before its own records.
    """
    size = _written_size(data)
    position = len(MCAP0_MAGIC) if data[: len(MCAP0_MAGIC)] == MCAP0_MAGIC else 0
    while position < size:
        if data[position : position + len(MCAP0_MAGIC)] == MCAP0_MAGIC:
            position += len(MCAP0_MAGIC)
            continue
        place = _place(data, position, size)
        record = _read(data, place) if place and place.whole else None
        if place is None or (place.whole and record is None):
            found = _next_chunk(data, position + 1, size)
            yield Damage(position, found - position, "no record can be read here", {})
            position = found
            continue
        position = place.end
        if not place.whole:
            yield from _cut_chunk(bytes(data[place.begin : size]))
        elif isinstance(record, Chunk):
            yield from _chunk(record, data, place, size)
        elif record is not None and not isinstance(record, MessageIndex):
            yield record
    if size < len(data):
        yield Damage(size, len(data) - size, "the file ends in blocks of zeros", {})


def _written_size(data: Any) -> int:
    """Return the size without trailing blocks of zeros."""
    size = len(data)
    while size > 0:
        begin = (size - 1) // _PAGE * _PAGE
        if data[begin:size].strip(b"\0"):
            return size
        size = begin
    return 0


def _place(data: Any, position: int, size: int) -> _Place | None:
    """Return the record at ``position``; None if there is no valid one.

    A record cut off by the end of the file is accepted only if it is a chunk.
    """
    if position + HEAD.size > size:
        return None
    opcode, length = HEAD.unpack_from(data, position)
    begin = position + HEAD.size
    whole = begin + length <= size
    if opcode == Opcode.CHUNK:
        if not _is_chunk(data, begin, length, size):
            return None
    elif not whole or opcode not in (*_READERS, Opcode.MESSAGE):
        return None
    return _Place(opcode, begin, begin + length, whole)


def _is_chunk(data: Any, begin: int, length: int, size: int) -> bool:
    """Return True if the chunk's lengths agree and its compression is known."""
    if begin + _CHUNK_HEAD.size > size:
        return False
    name_length = _CHUNK_HEAD.unpack_from(data, begin)[4]
    name_begin = begin + _CHUNK_HEAD.size
    rest = name_begin + name_length
    if name_length > 8 or rest + _LENGTH.size > size:
        return False
    inner = _LENGTH.unpack_from(data, rest)[0]
    known = bytes(data[name_begin:rest]).decode("latin-1") in _NAMES
    return known and rest + _LENGTH.size + inner == begin + length


def _read(data: Any, place: _Place) -> McapRecord | None:
    """Parse a complete record; None if it cannot be parsed or its length does not match."""
    content = bytes(data[place.begin : place.end])
    if place.opcode in _PASSED:
        return MessageIndex(0, [])
    try:
        if place.opcode == Opcode.MESSAGE:
            return Message.read(ReadDataStream(BytesIO(content)), len(content))
        bounded: Any = Bounded(BytesIO(content), len(content))
        record: McapRecord = _READERS[place.opcode].read(ReadDataStream(bounded))
    except _BROKEN:
        return None
    if isinstance(record, Attachment):
        (checksum,) = struct.unpack("<I", content[-4:])
        if checksum and checksum != zlib.crc32(content[:-4]):
            return None
    return record if bounded.left == 0 else None


def _next_chunk(data: Any, position: int, size: int) -> int:
    """Return the offset of the next chunk; ``size`` if there is none."""
    for match in _CHUNK_BEGIN.finditer(data, position, size):
        place = _place(data, match.start(), size)
        if place is not None:
            return match.start()
    return size


def _chunk(chunk: Chunk, data: Any, place: _Place, size: int) -> Iterator[Found]:
    """Yield the records of a complete chunk, or Damage if its checksum does not match."""
    try:
        content = chunk_content(chunk)
    except (*_BROKEN, BagError):
        lost = _counts_behind(data, place.end, size)
        yield Damage(place.begin, place.end - place.begin, "a chunk's checksum is wrong", lost)
        return
    yield chunk
    used = 0
    for record, used in _records(content, chunk):  # noqa: B007
        yield record
    if used != len(content):
        yield Damage(place.begin, place.end - place.begin, "a chunk holds no records", {})


def _cut_chunk(content: bytes) -> Iterator[Found]:
    """Yield the records of a chunk that is cut off by the end of the file."""
    start, end, size, checksum, name_length = _CHUNK_HEAD.unpack_from(content)
    begin = _CHUNK_HEAD.size + name_length + _LENGTH.size
    name = content[_CHUNK_HEAD.size : begin - _LENGTH.size].decode()
    chunk = Chunk(name, b"", end, start, checksum, size)
    yield chunk
    for record, _ in _records(_decompress(name, content[begin:]), chunk):
        yield record


def _decompress(name: str, data: bytes) -> bytes:
    """Decompress as much as possible of truncated data."""
    if not name:
        return data
    try:
        if name == "lz4":
            most = {"max_length": MAX_CONTENT_BYTES}
            return bytes(lz4.frame.LZ4FrameDecompressor().decompress(data, **most))
        with zstandard.ZstdDecompressor().stream_reader(data) as stream:
            return bytes(stream.read(MAX_CONTENT_BYTES))
    except (zstandard.ZstdError, RuntimeError, EOFError):
        return b""


def _records(content: bytes, chunk: Chunk) -> Iterator[tuple[McapRecord, int]]:
    """Yield a chunk's records, each with its end offset, up to the first invalid one."""
    position = 0
    while True:
        place = _place(content, position, len(content))
        if place is None or place.opcode not in (Opcode.SCHEMA, Opcode.CHANNEL, Opcode.MESSAGE):
            return
        if place.opcode == Opcode.MESSAGE and place.end - place.begin < _MESSAGE_HEAD:
            return
        record = _read(content, place)
        if record is None:
            return
        if isinstance(record, Message) and not (
            chunk.message_start_time <= record.log_time <= chunk.message_end_time
        ):
            return
        yield record, place.end
        position = place.end


def _counts_behind(data: Any, position: int, size: int) -> Counter[int]:
    """Return the messages by channel, from the message index records after a chunk."""
    counts: Counter[int] = Counter()
    while (place := _place(data, position, size)) and place.opcode == Opcode.MESSAGE_INDEX:
        record = _read(data, place)
        if isinstance(record, MessageIndex):
            counts[record.channel_id] += len(record.records)
        position = place.end
    return counts
