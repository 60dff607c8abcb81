"""The description of a bag as rosbag2 writes it: ``metadata.yaml``, version 9."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import distributions
from typing import Any, NamedTuple

import yaml

ROOT = "rosbag2_bagfile_information"
_FOREVER = {"sec": 9223372036, "nsec": 854775807}
_WHEEL = re.compile(r"ros[-_](\w+?)[-_]rclpy")


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
    def qos(self) -> list[dict[str, Any]]:
        """The QoS profile that is stored, so that a player offers the topic alike."""
        return [
            {
                "avoid_ros_namespace_conventions": False,
                "deadline": dict(_FOREVER),
                "depth": 1 if self.latched else 100,
                "durability": "transient_local" if self.latched else "volatile",
                "history": "keep_last",
                "lifespan": dict(_FOREVER),
                "liveliness": "automatic",
                "liveliness_lease_duration": dict(_FOREVER),
                "reliability": "reliable",
            }
        ]


@dataclass
class BagSummary:
    """The figures of a bag.

    Attributes:
        file: name of its one MCAP file.
        counts: messages by topic.
        start_ns: earliest bag time, ns since the epoch.
        end_ns: latest bag time, ns since the epoch.
        custom: texts by name, stored as ``custom_data``.
    """

    file: str
    counts: dict[str, int] = field(default_factory=dict)
    start_ns: int = 2**63 - 1
    end_ns: int = 0
    custom: dict[str, str] = field(default_factory=dict)

    def add(self, topic: str, stamp_ns: int) -> None:
        """Count one message of a topic."""
        self.counts[topic] = self.counts.get(topic, 0) + 1
        self.start_ns, self.end_ns = min(self.start_ns, stamp_ns), max(self.end_ns, stamp_ns)

    def to_information(
        self, topics: Sequence[RecordedTopic], hashes: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return the entry ``rosbag2_bagfile_information``.

        Args:
            topics: of the bag, in the order of their channels.
            hashes: RIHS01 hashes by message type.
        """
        count = sum(self.counts.values())
        span = {
            "starting_time": {"nanoseconds_since_epoch": self.start_ns},
            "duration": {"nanoseconds": max(0, self.end_ns - self.start_ns)},
            "message_count": count,
        }
        return {
            "version": 9,
            "storage_identifier": "mcap",
            "relative_file_paths": [self.file],
            **span,
            "topics_with_message_count": [
                {
                    "topic_metadata": {
                        "name": topic.name,
                        "type": topic.message_type,
                        "serialization_format": "cdr",
                        "offered_qos_profiles": topic.qos,
                        "type_description_hash": hashes[topic.message_type],
                    },
                    "message_count": self.counts.get(topic.name, 0),
                }
                for topic in topics
            ],
            "compression_format": "",
            "compression_mode": "",
            "files": [{"path": self.file, **span}],
            "custom_data": dict(self.custom) or None,
            "ros_distro": ros_distribution(),
        }


def to_yaml(document: object) -> str:
    """Return the document as YAML without anchors, which rosbag2's reader need not know."""
    return yaml.dump(document, Dumper=_Plain, sort_keys=False)


@cache
def ros_distribution() -> str:
    """Return the name of the running ROS 2 distribution; ``unknown`` where nothing tells it.

    It is ``ROS_DISTRO``, or what the installed wheel of rclpy is named after.
    """
    sourced = os.environ.get("ROS_DISTRO", "")
    if sourced:
        return sourced
    for distribution in distributions():
        match = _WHEEL.fullmatch(distribution.metadata["Name"] or "")
        if match is not None:
            return match[1]
    return "unknown"


class _Plain(yaml.SafeDumper):
    """Writes an object twice rather than an anchor and an alias."""

    def ignore_aliases(self, data: object) -> bool:
        """Return True: the file is written without YAML aliases."""
        return True
