"""Copies the intact records of one MCAP file into a new, complete one."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import IO, Any, NamedTuple

import yaml
from mcap.records import (
    Attachment,
    Channel,
    Chunk,
    DataEnd,
    Footer,
    Header,
    Message,
    Metadata,
    Schema,
)
from mcap.writer import CompressionType, Writer

from der_ros.bags.mcap_scan import Damage, scan
from der_ros.bags.metadata import COPY, COPY_KEY, FileSummary, RecordedTopic
from der_ros.bags.recorder import LIBRARY, typestore
from der_ros.documents import check_yaml_shape
from der_ros.errors import ConfigurationError

_PROFILES = "offered_qos_profiles"
_HASH = "topic_type_hash"
_MOST_CHARACTERS = 2**20
_COMPRESSIONS = {
    "": CompressionType.NONE,
    "zstd": CompressionType.ZSTD,
    "lz4": CompressionType.LZ4,
}


class RepairedFile(NamedTuple):
    """Summary of a rewritten file.

    Attributes:
        name: Name of the file.
        messages: Number of messages in it.
        topics: Topics, in the order of their channels.
        hashes: RIHS01 hashes by message type; empty text if unknown.
        summary: Counts and times for the bag's description.
        custom: Custom data from the old file's copy of the bag description.
        damage: One sentence per part of the old file that could not be used.
        lost: Number of lost messages by topic, as far as the old file still counts them.
    """

    name: str
    messages: int
    topics: tuple[RecordedTopic, ...]
    hashes: dict[str, str]
    summary: FileSummary
    custom: dict[str, str]
    damage: tuple[str, ...]
    lost: Counter[str]


class _Content(NamedTuple):
    """Everything but messages; schemas and channels may survive only in the index."""

    library: str
    compression: str
    schemas: dict[int, Schema]
    channels: dict[int, Channel]
    damage: list[Damage]
    complete: bool


def write_repaired(data: Any, path: Path) -> RepairedFile:
    """Write all intact records of ``data`` to a new MCAP file.

    Args:
        data: Content of the old file, as bytes or a ``mmap``.
        path: New file.

    Raises:
        OSError: The disk is full or failing, or the file exists.
    """
    content = _survey(data)
    with path.open("xb") as file:
        result = _Copy(file, content, path.name).run(data)
        file.flush()
        os.fsync(file.fileno())
    return result


def _survey(data: Any) -> _Content:
    """Read all records except messages."""
    content = _Content("", "", {}, {}, [], False)
    for record in scan(data):
        if isinstance(record, Header):
            content = content._replace(library=record.library)
        elif isinstance(record, Chunk):
            content = content._replace(compression=record.compression)
        elif isinstance(record, Schema):
            content.schemas.setdefault(record.id, record)
        elif isinstance(record, Channel):
            content.channels.setdefault(record.id, record)
        elif isinstance(record, Damage):
            content.damage.append(record)
        elif isinstance(record, Footer):
            content = content._replace(complete=True)
    return content


class _Copy:
    """Copies messages, metadata and attachments of one file."""

    def __init__(self, file: IO[bytes], content: _Content, name: str) -> None:
        self._content = content
        self._summary = FileSummary(name)
        self._custom: dict[str, str] = {}
        self._hashes: dict[str, str] = {}
        self._topics: dict[int, RecordedTopic] = {}
        self._new: dict[int, int] = {}
        self._unknown = 0
        compression = _COMPRESSIONS[content.compression]
        self._writer = Writer(
            file, compression=compression, enable_crcs=True, enable_data_crcs=True
        )

    def run(self, data: Any) -> RepairedFile:
        self._writer.start("ros2", self._content.library or LIBRARY)
        self._register()
        for record in scan(data):
            if isinstance(record, Message):
                self._message(record)
            elif isinstance(record, Attachment):
                self._writer.add_attachment(
                    record.create_time, record.log_time, record.name, record.media_type, record.data
                )
            elif isinstance(record, Metadata):
                self._metadata(record)
            elif isinstance(record, DataEnd):
                break
        self._writer.finish()
        return RepairedFile(
            self._summary.file,
            self._summary.counts.total(),
            tuple({topic.name: topic for topic in self._topics.values()}.values()),
            self._hashes,
            self._summary,
            self._custom,
            tuple(self._damage()),
            self._lost(),
        )

    def _register(self) -> None:
        """Register each channel whose schema is known; channels of the same topic are merged."""
        schemas: dict[tuple[str, str, bytes], int] = {}
        channels: dict[tuple[str, str], int] = {}
        for number, channel in sorted(self._content.channels.items()):
            schema = self._content.schemas.get(channel.schema_id)
            if schema is None:
                continue
            text = (schema.name, schema.encoding, schema.data)
            if text not in schemas:
                schemas[text] = self._writer.register_schema(*text)
            key = (channel.topic, schema.name)
            if key not in channels:
                channels[key] = self._writer.register_channel(
                    channel.topic, channel.message_encoding, schemas[text], channel.metadata
                )
            self._new[number] = channels[key]
            self._topics[number] = _topic(channel, schema)
            self._hashes[schema.name] = _hash(channel, schema)

    def _message(self, record: Message) -> None:
        channel = self._new.get(record.channel_id)
        if channel is None:
            self._unknown += 1
            return
        self._writer.add_message(
            channel, record.log_time, record.data, record.publish_time, record.sequence
        )
        self._summary.add(self._topics[record.channel_id].name, record.log_time)

    def _metadata(self, record: Metadata) -> None:
        """Copy a metadata record; of the bag's description keep only the custom data."""
        if record.name != COPY:
            self._writer.add_metadata(record.name, record.metadata)
            return
        text = record.metadata.get(COPY_KEY, "")
        description = _yaml(text)
        custom = description.get("custom_data") if isinstance(description, dict) else None
        if isinstance(custom, dict):
            self._custom |= {str(key): str(value) for key, value in custom.items()}

    def _damage(self) -> list[str]:
        found = [
            f"{each.size} bytes at {each.offset} are left out: {each.reason}"
            for each in self._content.damage
        ]
        if self._unknown:
            found.append(f"{self._unknown} messages are of topics that the file does not describe")
        if not self._content.complete:
            found.append("the file had no end" if self._content.library else "it is empty")
        return found

    def _lost(self) -> Counter[str]:
        lost: Counter[str] = Counter()
        for each in self._content.damage:
            for channel, count in each.lost.items():
                if channel in self._topics:
                    lost[self._topics[channel].name] += count
        return lost


def _topic(channel: Channel, schema: Schema) -> RecordedTopic:
    """Return a channel's topic with exactly its stored QoS profiles.

    rosbags skips the messages of a topic whose profiles in the bag's description differ.
    """
    profiles = _yaml(channel.metadata.get(_PROFILES, ""))
    known = isinstance(profiles, list) and all(isinstance(each, dict) for each in profiles)
    return RecordedTopic(channel.topic, schema.name, profiles=tuple(profiles) if known else ())


def _hash(channel: Channel, schema: Schema) -> str:
    types = typestore()
    if schema.name in types.fielddefs:
        return types.hash_rihs01(schema.name)
    return str(channel.metadata.get(_HASH, ""))


def _yaml(text: str) -> Any:
    """Parse YAML text; None if it is not valid."""
    try:
        check_yaml_shape(text, "metadata", _MOST_CHARACTERS)
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (ConfigurationError, yaml.YAMLError, ValueError):
        return None
