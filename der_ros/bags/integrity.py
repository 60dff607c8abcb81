"""Verifies a bag's checksums, index and message counts."""

from __future__ import annotations

import zlib
from collections import Counter
from pathlib import Path
from typing import IO, Any

import yaml
from mcap.records import Channel, Chunk, Footer, Header, McapRecord, Metadata, Statistics
from mcap.stream_reader import StreamReader, get_chunk_data_stream

from der_ros.bags.bounded import Bounded
from der_ros.bags.metadata import COPY, COPY_KEY, DESCRIPTION, ROOT
from der_ros.bags.recorder import LIBRARY
from der_ros.bags.sqlite_check import SUFFIX, check_sqlite_file
from der_ros.documents import check_yaml_shape, read_bytes
from der_ros.errors import BagError

_FOOTER_SIZE, _MAGIC_SIZE = 29, 8
_MOST_CHARACTERS = 4 * 2**20
"""Largest accepted ``metadata.yaml``, characters; a bag of 1000 topics needs a tenth of it."""


def check_bag(folder: Path) -> dict[str, Any]:
    """Compare the files of a rosbag2 folder with their checksums, counts and ``metadata.yaml``.

    Absent checksums (0) are skipped. Of SQLite, which has none, the pages and counts are checked.

    Returns:
        The bag's ``rosbag2_bagfile_information``.

    Raises:
        BagError: The files do not match.
        Exception: Any type, raised by the parsers on damaged bytes.
    """
    text = read_bytes(folder / DESCRIPTION, _MOST_CHARACTERS).decode("utf-8")
    information = _information(load_description(text))
    counts: Counter[str] = Counter()
    for name in information["relative_file_paths"]:
        path = folder / Path(name).name
        check_regular(path)
        if path.suffix == ".mcap":
            counts += _check_file(path, information)
        elif path.suffix == SUFFIX:
            counts += check_sqlite_file(path)
    if information.get("compression_mode", "").lower() != "file":
        _compare(counts, information)
    return information


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
    return found


def _compare(counts: Counter[str], information: dict[str, Any]) -> None:
    """Compare the files' message counts with ``metadata.yaml``.

    Raises:
        BagError: The counts differ.
    """
    told: Counter[str] = Counter()
    for entry in information["topics_with_message_count"]:
        told[entry["topic_metadata"]["name"]] += entry["message_count"]
    if +told != counts or information["message_count"] != sum(counts.values()):
        raise BagError(
            f"expected {information['message_count']} messages as metadata.yaml counts them, "
            f"the files count {sum(counts.values())}"
        )


def _check_file(path: Path, information: dict[str, Any]) -> Counter[str]:
    """Check one file and return its message counts by topic, from its statistics record."""
    topics: dict[int, str] = {}
    counts: Counter[str] = Counter()
    ours = counted = False
    with path.open("rb") as file:
        for record in _records(file, path.stat().st_size):
            if isinstance(record, Header):
                ours = record.library == LIBRARY
            elif isinstance(record, Chunk):
                get_chunk_data_stream(record, validate_crc=True)
            elif isinstance(record, Channel):
                topics[record.id] = record.topic
            elif isinstance(record, Metadata) and ours:
                _compare_copy(record, information)
            elif isinstance(record, Statistics):
                counted = True
                for channel, count in record.channel_message_counts.items():
                    counts[topics[channel]] += count
            elif isinstance(record, Footer):
                _check_summary(file, record, path.stat().st_size)
    if not counted:
        raise BagError(f"expected statistics in {path.name}, got none")
    return +counts


def _records(file: IO[bytes], size: int) -> Any:
    """Yield the file's records, with chunks as single records."""
    bounded: Any = Bounded(file, size)
    reader = StreamReader(
        bounded,
        emit_chunks=True,
        validate_crcs=True,
        record_size_limit=size,
    )
    yield from reader.records
    if bounded.left:
        raise BagError(f"expected no bytes after the end record, got {bounded.left}")


def load_description(text: str) -> Any:
    """Parse the text of ``metadata.yaml``, with libyaml if available (ten times as fast)."""
    check_yaml_shape(text, "metadata.yaml", _MOST_CHARACTERS)
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _compare_copy(record: McapRecord, information: dict[str, Any]) -> None:
    """Compare ``metadata.yaml`` with its copy in the file, which has a checksum."""
    assert isinstance(record, Metadata)
    if record.name == COPY:
        copy = load_description(record.metadata[COPY_KEY])
        if copy != information:
            raise BagError("metadata.yaml differs from its copy in the file")


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
