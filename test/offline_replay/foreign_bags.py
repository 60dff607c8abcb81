"""Bags as other recorders write them: SQLite of Humble (version 5), MCAP of Jazzy (version 9)."""

import sqlite3
from contextlib import closing

from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from der_ros.bags.reader import BagReader
from der_ros.bags.recorder import typestore
from der_ros.documents import to_yaml

_TABLES = """
CREATE TABLE schema(schema_version INTEGER PRIMARY KEY, ros_distro TEXT NOT NULL);
CREATE TABLE metadata(
  id INTEGER PRIMARY KEY, metadata_version INTEGER NOT NULL, metadata TEXT NOT NULL);
CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL,
  serialization_format TEXT NOT NULL, offered_qos_profiles TEXT NOT NULL);
CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL,
  timestamp INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX timestamp_idx ON messages (timestamp ASC);
INSERT INTO schema(schema_version, ros_distro) VALUES (3, 'humble');
"""


def messages_of(source):
    """Type of each topic of a bag, its latched topics, and its (topic, stamp, data)."""
    with BagReader(source) as reader:
        kinds, latched = dict(reader.types), reader.latched
        return kinds, latched, [tuple(each) for each in reader.serialized(*kinds)]


def humble_bag(target, kinds, messages, latched=()):
    """Write a bag as ``ros2 bag record`` of Humble does."""
    target.mkdir(parents=True)
    numbers = {name: number for number, name in enumerate(kinds, 1)}
    qos = {name: _qos(name in latched) for name in kinds}
    with closing(sqlite3.connect(target / f"{target.name}_0.db3")) as database:
        database.executescript(_TABLES)
        database.executemany(
            "INSERT INTO topics VALUES(?, ?, ?, 'cdr', ?)",
            [(numbers[name], name, kinds[name], qos[name]) for name in kinds],
        )
        database.executemany(
            "INSERT INTO messages(topic_id, timestamp, data) VALUES(?, ?, ?)",
            [(numbers[topic], stamp_ns, data) for topic, stamp_ns, data in messages],
        )
        database.commit()
    described = _description(target.name, kinds, messages, qos)
    (target / "metadata.yaml").write_text(to_yaml({"rosbag2_bagfile_information": described}))
    return target


def jazzy_bag(
    target, kinds, messages, storage=StoragePlugin.MCAP, compression=CompressionMode.NONE
):
    """Write a bag of version 9 by the writer of ``rosbags``."""
    new = Writer(target, version=9, storage_plugin=storage)
    if compression != CompressionMode.NONE:
        new.set_compression(compression, CompressionFormat.ZSTD)
    with new as writer:
        topics = {
            name: writer.add_connection(name, kind, typestore=typestore())
            for name, kind in kinds.items()
        }
        for topic, stamp_ns, data in messages:
            writer.write(topics[topic], stamp_ns, data)
    return target


def _qos(latched):
    """QoS profiles as Humble writes them: a YAML text with numbers of an enumeration."""
    profile = {"history": 3, "depth": 0, "reliability": 1, "durability": 1 if latched else 2}
    forever = {"sec": 9223372036, "nsec": 854775807}
    times = {"deadline": forever, "lifespan": dict(forever), "liveliness": 1}
    rest = {"liveliness_lease_duration": dict(forever), "avoid_ros_namespace_conventions": False}
    return to_yaml([profile | times | rest])


def _description(name, kinds, messages, qos):
    stamps = [stamp_ns for _, stamp_ns, _ in messages] or [0]
    span = {
        "starting_time": {"nanoseconds_since_epoch": min(stamps)},
        "duration": {"nanoseconds": max(stamps) - min(stamps)},
        "message_count": len(messages),
    }
    topics = [
        {
            "topic_metadata": {
                "name": topic,
                "type": kind,
                "serialization_format": "cdr",
                "offered_qos_profiles": qos[topic],
            },
            "message_count": sum(each[0] == topic for each in messages),
        }
        for topic, kind in kinds.items()
    ]
    return {
        "version": 5,
        "storage_identifier": "sqlite3",
        **span,
        "topics_with_message_count": topics,
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [f"{name}_0.db3"],
        "files": [{"path": f"{name}_0.db3", **span}],
    }
