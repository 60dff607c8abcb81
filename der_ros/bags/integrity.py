"""Verifies a bag's checksums, index and message counts."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any, NamedTuple

import yaml
from mcap.opcode import Opcode
from mcap.records import (
    Chunk,
    ChunkIndex,
    DataEnd,
    Footer,
    Header,
    McapRecord,
    Message,
    Metadata,
    Statistics,
)

from der_ros.bags.bounded import Bounded, check_message, chunk_content, most_expanded
from der_ros.bags.mcap_index import HEAD, MAGIC, McapIndex, Topic, read_record
from der_ros.bags.metadata import COPY, COPY_KEY, DESCRIPTION, LIBRARY, ROOT
from der_ros.bags.sqlite_check import SUFFIX, check_sqlite_file
from der_ros.documents import check_yaml_shape, read_bytes, shortened
from der_ros.errors import BagError

_FOOTER_SIZE, _MAGIC_SIZE = 29, 8
_OWN = {
    "version": 9,
    "storage_identifier": "mcap",
    "compression_format": "",
    "compression_mode": "",
}
_MOST_CHARACTERS = 4 * 2**20
"""Largest accepted ``metadata.yaml``, characters; a bag of 1000 topics needs a tenth of it."""


def read_description(folder: Path) -> dict[str, Any]:
    """Return the ``rosbag2_bagfile_information`` of the bag in a folder.

    Raises:
        BagError: ``metadata.yaml`` does not name the bag's files, or one of them is not regular.
        Exception: Any type, raised by the parsers on damaged bytes.
    """
    text = read_bytes(folder / DESCRIPTION, _MOST_CHARACTERS).decode("utf-8")
    information = _information(load_description(text))
    for name in information["relative_file_paths"]:
        check_regular(folder / Path(name).name)
    return information


class CheckedBag(NamedTuple):
    """Description of a bag whose files are complete.

    Attributes:
        information: The bag's ``rosbag2_bagfile_information``.
        files: Indexes of its MCAP files, in order.
        by_message: True if each message is compressed.
    """

    information: dict[str, Any]
    files: tuple[McapIndex, ...] = ()
    by_message: bool = False

    @property
    def definitions(self) -> dict[str, str]:
        """Message definitions of the bag's MCAP files, by message type."""
        return {kind: text for each in self.files for kind, text in each.definitions.items()}

    @property
    def hashes(self) -> dict[str, str]:
        """RIHS01 hashes of a bag of this package, by message type."""
        topics = [
            entry["topic_metadata"] for entry in self.information["topics_with_message_count"]
        ]
        return {entry["type"]: entry["type_description_hash"] for entry in topics}

    @property
    def is_own(self) -> bool:
        """True if this package wrote the bag, so that its checked description is enough to read it.

        The description then has a copy with a checksum in each file.
        """
        described = self.information
        if not self.files or len(self.files) != len(described["relative_file_paths"]):
            return False
        if {**described, **_OWN} != described:
            return False
        entries = [entry["topic_metadata"] for entry in described["topics_with_message_count"]]
        topics = {Topic(entry["name"], entry["type"]) for entry in entries}
        return all(
            each.has_copy and each.is_chunked and each.is_plain and each.channels == topics
            for each in self.files
        ) and all(
            entry["serialization_format"] == "cdr"
            and isinstance(entry.get("type_description_hash"), str)
            and isinstance(entry["offered_qos_profiles"], list)
            for entry in entries
        )


def check_bag(folder: Path) -> CheckedBag:
    """Compare the files of a rosbag2 folder with their checksums, counts and ``metadata.yaml``.

    Absent checksums (0) are skipped. Of SQLite, which has none, the pages and counts are checked.

    Args:
        folder: Folder whose files are not compressed as a whole.

    Raises:
        BagError: The files do not match, or expand beyond their limits.
        Exception: Any type, raised by the parsers on damaged bytes.
    """
    information = read_description(folder)
    by_message = str(information.get("compression_mode") or "").lower() == "message"
    counts: Counter[str] = Counter()
    files: list[McapIndex] = []
    for name in information["relative_file_paths"]:
        path = folder / Path(name).name
        if path.suffix == ".mcap":
            files.append(_check_file(path, information, by_message, counts))
        elif path.suffix == SUFFIX:
            counts += check_sqlite_file(path, by_message)
    _compare(+counts, information)
    return CheckedBag(information, tuple(files), by_message)


def check_regular(path: Path) -> None:
    """Check that a bag's file is none that blocks or never ends, such as a pipe or a device.

    Raises:
        BagError: The path exists and is no regular file.
    """
    if path.exists() and not path.is_file():
        raise BagError(f"{path.name}: expected a regular file, got a folder, a pipe or a device")


def _information(description: Any) -> dict[str, Any]:
    """Return the ``rosbag2_bagfile_information`` of a ``metadata.yaml``."""
    information = description.get(ROOT) if isinstance(description, dict) else None
    found: dict[str, Any] = information if isinstance(information, dict) else {}
    names = found.get("relative_file_paths")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BagError(f"{DESCRIPTION}: expected {ROOT} with the names of the bag's files")
    stored = found.get("custom_data")
    if stored and not isinstance(stored, dict):
        raise BagError(
            f"{DESCRIPTION}: custom_data: expected texts by key, got {shortened(stored)}"
        )
    return found


def _compare(counts: Counter[str], information: dict[str, Any]) -> None:
    """Compare the files' message counts with ``metadata.yaml``.

    Raises:
        BagError: The counts differ.
    """
    described: Counter[str] = Counter()
    for entry in information["topics_with_message_count"]:
        topic = entry["topic_metadata"]
        name, kind = topic["name"], topic["type"]
        if not (isinstance(name, str) and isinstance(kind, str)):
            raise BagError(
                f"{DESCRIPTION}: expected name and type of each topic as texts, "
                f"got {shortened(name)} and {shortened(kind)}"
            )
        described[name] += entry["message_count"]
    if +described != counts or information["message_count"] != sum(counts.values()):
        raise BagError(
            f"expected {information['message_count']} messages as metadata.yaml counts them, "
            f"the files count {sum(counts.values())}"
        )


def _check_file(
    path: Path, information: dict[str, Any], by_message: bool, counts: Counter[str]
) -> McapIndex:
    """Check one file, add its messages by topic to ``counts``, and return its index."""
    ours = counted = False
    size = path.stat().st_size
    chunks, index = _Chunks(size), McapIndex(path)
    with path.open("rb") as file:
        for record, offset, length in _records(file, size):
            index.add(record, offset, length)
            if isinstance(record, Header):
                ours = record.library == LIBRARY
            elif isinstance(record, Chunk):
                content = chunks.content(record, offset - HEAD.size)
                if by_message:
                    _check_messages(content)
            elif isinstance(record, ChunkIndex):
                chunks.check_index(record)
            elif isinstance(record, Message) and by_message:
                check_message(record.data)
            elif isinstance(record, Metadata) and ours:
                index.has_copy = _compare_copy(record, information) or index.has_copy
            elif isinstance(record, Statistics):
                counted = True
                for channel, count in record.channel_message_counts.items():
                    counts[index.topics[channel]] += count
            elif isinstance(record, Footer):
                _check_summary(file, record, size)
    if not counted:
        raise BagError(f"expected statistics in {path.name}, got none")
    return index


class _Chunks:
    """Chunks of a file, with their total content and offsets.

    Args:
        file_size: Size of the file, bytes.
    """

    def __init__(self, file_size: int) -> None:
        self._left = most_expanded(file_size)
        self._seen: set[tuple[int, str, int, int]] = set()

    def content(self, chunk: Chunk, start: int) -> bytes:
        """Return the content of a chunk that begins at an offset.

        Raises:
            BagError: The chunk, or the file's chunks together, expand beyond their limit.
        """
        self._left -= chunk.uncompressed_size
        if self._left < 0:
            raise BagError("the chunks together expand more than a hundredfold")
        self._seen.add((start, chunk.compression, len(chunk.data), chunk.uncompressed_size))
        return chunk_content(chunk)

    def check_index(self, entry: ChunkIndex) -> None:
        """Check that an index entry names a chunk whose content was checked.

        Raises:
            BagError: There is no such chunk.
        """
        sizes = (entry.compressed_size, entry.uncompressed_size)
        if (entry.chunk_start_offset, entry.compression, *sizes) not in self._seen:
            raise BagError(f"the index names a chunk at {entry.chunk_start_offset}, there is none")


def _check_messages(content: bytes) -> None:
    """Check the compressed messages of a chunk."""
    bounded = Bounded(BytesIO(content), len(content))
    while bounded.left:
        opcode, length = HEAD.unpack(bounded.read(HEAD.size))
        record = read_record(opcode, bounded.read(length))
        if isinstance(record, Message):
            check_message(record.data)


def _records(file: IO[bytes], size: int) -> Iterator[tuple[McapRecord, int, int]]:
    """Yield the file's records, each with offset and length of its content; chunks as records.

    Raises:
        BagError: The file is cut off, continues after its end, or its checksum does not match.
    """
    bounded = Bounded(file, size)
    checksum = zlib.crc32(_magic(bounded))
    opcode = 0
    while opcode != Opcode.FOOTER:
        head = bounded.read(HEAD.size)
        opcode, length = HEAD.unpack(head)
        offset = size - bounded.left
        content = bounded.read(length)
        record = read_record(opcode, content)
        if isinstance(record, DataEnd) and record.data_section_crc not in (0, checksum):
            raise BagError("the checksum of the messages does not match their content")
        checksum = zlib.crc32(content, zlib.crc32(head, checksum))
        if record is not None:
            yield record, offset, length
    _magic(bounded)
    if bounded.left:
        raise BagError(f"expected no bytes after the end record, got {bounded.left}")


def _magic(bounded: Bounded) -> bytes:
    magic = bounded.read(_MAGIC_SIZE)
    if magic != MAGIC:
        raise BagError(f"expected the magic bytes of MCAP, got {magic!r}")
    return magic


def load_description(text: str) -> Any:
    """Parse the text of ``metadata.yaml``, with libyaml if available (ten times as fast)."""
    check_yaml_shape(text, "metadata.yaml", _MOST_CHARACTERS)
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _compare_copy(record: McapRecord, information: dict[str, Any]) -> bool:
    """Compare ``metadata.yaml`` with its copy in the file; return False for other records."""
    assert isinstance(record, Metadata)
    if record.name != COPY:
        return False
    copy = load_description(record.metadata[COPY_KEY])
    if copy != information:
        raise BagError("metadata.yaml differs from its copy in the file")
    return True


def _check_summary(file: IO[bytes], footer: Footer, size: int) -> None:
    """Verify the index checksum, which mcap's reader ignores."""
    if footer.summary_crc == 0 or footer.summary_start == 0:
        return
    begin, end = footer.summary_start, size - _MAGIC_SIZE - 4
    if not 0 < begin < size - _MAGIC_SIZE - _FOOTER_SIZE:
        raise BagError("expected an index within the file")
    position = file.tell()
    file.seek(begin)
    data = file.read(end - begin)
    file.seek(position)
    if zlib.crc32(data) != footer.summary_crc:
        raise BagError("the checksum of the index does not match its content")
