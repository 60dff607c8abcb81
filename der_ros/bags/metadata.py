"""The description of a bag as rosbag2 writes it: ``metadata.yaml``, version 9."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import distributions
from types import MappingProxyType
from typing import Any, NamedTuple

ROOT = "rosbag2_bagfile_information"
DESCRIPTION = "metadata.yaml"
"""Name of the file that describes a bag."""
LIBRARY = "der_ros"
"""Name of the writing library in a file's header."""
PART_SUFFIX = ".part"
"""Ending of the folder of a bag that is not complete."""
COPY = "rosbag2"
"""Name of the MCAP metadata record that holds a copy of the bag's description."""
COPY_KEY = "serialized_metadata"
REPAIRED = "repaired"
"""Custom data key of a repaired bag; its text lists the unusable parts."""
MESSAGE_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "policy/contract": "diagnostic_msgs/msg/DiagnosticStatus",
        "policy/info": "std_msgs/msg/String",
        "kuka/limits": "diagnostic_msgs/msg/DiagnosticStatus",
        "netft_data": "geometry_msgs/msg/WrenchStamped",
        "kuka/tcp_pose": "geometry_msgs/msg/PoseStamped",
        "kuka/twist_applied": "geometry_msgs/msg/TwistStamped",
        "kuka/cycle_inputs": "std_msgs/msg/Float64MultiArray",
        "kuka/delta_twist_cmds": "geometry_msgs/msg/TwistStamped",
        "assembly_supervisor/result": "diagnostic_msgs/msg/DiagnosticStatus",
    }
)
"""Message type by topic name without namespace. Observations and actions are missing, since any
array of numbers is accepted."""
_FOREVER = {"sec": 9223372036, "nsec": 854775807}
_WHEEL = re.compile(r"ros[-_](\w+?)[-_]rclpy")


class RecordedTopic(NamedTuple):
    """Topic of a bag that is being written.

    Attributes:
        name: Full name of the topic.
        message_type: ROS type, such as ``geometry_msgs/msg/WrenchStamped``.
        latched: Offered as transient-local with depth 1.
        profiles: QoS profiles to store instead of the default ones, as read from another bag.
    """

    name: str
    message_type: str
    latched: bool = False
    profiles: tuple[dict[str, Any], ...] | None = None

    @property
    def qos(self) -> list[dict[str, Any]]:
        """QoS profiles to store, which a player uses to offer the topic in the same way."""
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
    """Message counts and time range of one file of a bag.

    Attributes:
        file: Name of the file.
        counts: Number of messages by topic.
        start_ns: Earliest bag time, ns since the epoch.
        end_ns: Latest bag time, ns since the epoch.
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
        """Start, duration and number of messages, in rosbag2's format."""
        return {
            "starting_time": {"nanoseconds_since_epoch": self.start_ns},
            "duration": {"nanoseconds": max(0, self.end_ns - self.start_ns)},
            "message_count": self.counts.total(),
        }


def joined(files: Sequence[FileSummary]) -> FileSummary:
    """Return the total message counts and time range of all files of a bag."""
    counts = sum((each.counts for each in files), Counter[str]())
    start_ns = min((each.start_ns for each in files), default=2**63 - 1)
    return FileSummary("", counts, start_ns, max((each.end_ns for each in files), default=0))


def describe_bag(
    files: Sequence[FileSummary],
    topics: Sequence[RecordedTopic],
    hashes: Mapping[str, str],
    custom: Mapping[str, str],
) -> dict[str, Any]:
    """Return the value of a bag's ``rosbag2_bagfile_information`` key.

    Args:
        files: Summaries of the bag's files, in order.
        topics: Topics of the bag, in the order of their channels.
        hashes: RIHS01 hashes by message type.
        custom: Texts by key, stored as ``custom_data``.
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
    """Return the name of the running ROS 2 distribution; ``unknown`` if it cannot be determined.

    The name is ``ROS_DISTRO``, or else part of the name of the installed rclpy wheel.
    """
    sourced = os.environ.get("ROS_DISTRO", "")
    if sourced:
        return sourced
    for distribution in distributions():
        match = _WHEEL.fullmatch(distribution.metadata["Name"] or "")
        if match is not None:
            return match[1]
    return "unknown"
