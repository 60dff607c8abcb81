"""The description of a bag as rosbag2 writes it: ``metadata.yaml``, version 9."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import distributions
from typing import Any, NamedTuple

ROOT = "rosbag2_bagfile_information"
DESCRIPTION = "metadata.yaml"
"""Name of the file that describes a bag."""
COPY = "rosbag2"
"""Name of the metadata record of an MCAP file that holds the bag's description."""
COPY_KEY = "serialized_metadata"
REPAIRED = "repaired"
"""Name of the custom data of a repaired bag; its text says what could not be used."""
_FOREVER = {"sec": 9223372036, "nsec": 854775807}
_WHEEL = re.compile(r"ros[-_](\w+?)[-_]rclpy")


class RecordedTopic(NamedTuple):
    """One topic of a bag.

    Attributes:
        name: with its leading slash.
        message_type: as in ``geometry_msgs/msg/WrenchStamped``.
        latched: offered as transient-local, one message deep.
        profiles: the QoS profiles of another recorder's bag; by default they follow ``latched``.
    """

    name: str
    message_type: str
    latched: bool = False
    profiles: tuple[dict[str, Any], ...] | None = None

    @property
    def qos(self) -> list[dict[str, Any]]:
        """The QoS profile that is stored, so that a player offers the topic alike."""
        if self.profiles is not None:
            return list(self.profiles)
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
class FileSummary:
    """Figures of one file of a bag.

    Attributes:
        file: its name.
        counts: messages by topic.
        start_ns: earliest bag time, ns since the epoch.
        end_ns: latest bag time, ns since the epoch.
    """

    file: str
    counts: Counter[str] = field(default_factory=Counter)
    start_ns: int = 2**63 - 1
    end_ns: int = 0

    def add(self, topic: str, stamp_ns: int) -> None:
        """Count one message of a topic."""
        self.counts[topic] += 1
        self.start_ns, self.end_ns = min(self.start_ns, stamp_ns), max(self.end_ns, stamp_ns)

    @property
    def span(self) -> dict[str, Any]:
        """Begin, duration and number of messages, as rosbag2 describes a file or a bag."""
        return {
            "starting_time": {"nanoseconds_since_epoch": self.start_ns},
            "duration": {"nanoseconds": max(0, self.end_ns - self.start_ns)},
            "message_count": self.counts.total(),
        }


def joined(files: Sequence[FileSummary]) -> FileSummary:
    """Return the figures of all files of a bag together."""
    counts = sum((each.counts for each in files), Counter[str]())
    start_ns = min((each.start_ns for each in files), default=2**63 - 1)
    return FileSummary("", counts, start_ns, max((each.end_ns for each in files), default=0))


def describe_bag(
    files: Sequence[FileSummary],
    topics: Sequence[RecordedTopic],
    hashes: Mapping[str, str],
    custom: Mapping[str, str],
) -> dict[str, Any]:
    """Return a bag's entry ``rosbag2_bagfile_information``.

    Args:
        files: of the bag, in order.
        topics: of the bag, in the order of their channels.
        hashes: RIHS01 hashes by message type.
        custom: texts by name, stored as ``custom_data``.
    """
    whole = joined(files)
    return {
        "version": 9,
        "storage_identifier": "mcap",
        "relative_file_paths": [each.file for each in files],
        **whole.span,
        "topics_with_message_count": [
            {
                "topic_metadata": {
                    "name": topic.name,
                    "type": topic.message_type,
                    "serialization_format": "cdr",
                    "offered_qos_profiles": topic.qos,
                    "type_description_hash": hashes[topic.message_type],
                },
                "message_count": whole.counts[topic.name],
            }
            for topic in topics
        ],
        "compression_format": "",
        "compression_mode": "",
        "files": [{"path": each.file, **each.span} for each in files],
        "custom_data": dict(custom) or None,
        "ros_distro": ros_distribution(),
    }


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
