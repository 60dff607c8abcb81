"""Readings for ``identify_payload`` from a CSV file or a bag."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from der_ros.bags.reader import BagMessage, BagReader
from der_ros.documents import read_text
from der_ros.drivers.netft.identification import RestReading
from der_ros.drivers.netft.rests import TimedReading, find_rests
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Wrench, quaternion_canonical, quaternion_multiply

WRENCH_COLUMNS = ("fx", "fy", "fz", "tx", "ty", "tz")
ORIENTATION_COLUMNS = ("qx", "qy", "qz", "qw")
_MAX_TABLE_BYTES = 64 * 2**20
MAX_POSE_AGE_NS = 200_000_000


def from_table(path: Path, min_rest_s: float) -> list[RestReading]:
    """Read readings at rest from a CSV file.

    The columns are fx fy fz tx ty tz (N, Nm) and qx qy qz qw, the sensor's orientation in the
    world. With a column t (s) the file is a recording in which the rests are found. Without it,
    each row is one rest.

    Raises:
        ConfigurationError: The file cannot be read, a column is missing, or a value is no finite
            number.
    """
    try:
        rows = list(csv.DictReader(StringIO(read_text(path, _MAX_TABLE_BYTES), newline="")))
    except (ConfigurationError, csv.Error) as error:
        raise ConfigurationError(f"{path}: expected a CSV file: {error}") from error
    readings = [_from_row(path, number, row) for number, row in enumerate(rows, start=2)]
    if rows and "t" in rows[0]:
        return find_rests(readings, min_rest_s)
    return [RestReading(Wrench.from_array(r.wrench), r.world_from_sensor) for r in readings]


def _from_row(path: Path, number: int, row: dict[str, Any]) -> TimedReading:
    try:
        values = [float(row[name]) for name in (*WRENCH_COLUMNS, *ORIENTATION_COLUMNS)]
        stamp_s = float(row["t"]) if "t" in row else 0.0
    except KeyError as error:
        names = " ".join((*WRENCH_COLUMNS, *ORIENTATION_COLUMNS))
        raise ConfigurationError(f"{path}: expected the columns {names}, no {error}") from error
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{path}, line {number}: expected numbers: {error}") from error
    if not np.isfinite([*values, stamp_s]).all():
        raise ConfigurationError(f"{path}, line {number}: expected finite numbers")
    return TimedReading(stamp_s, np.array(values[:6]), quaternion_canonical(values[6:]))


def from_bag(
    path: Path, wrench_topic: str, pose_topic: str, tcp_from_sensor: Array, min_rest_s: float
) -> list[RestReading]:
    """Read readings at rest from a bag with wrenches and tool poses.

    Args:
        path: Folder of a rosbag2 bag.
        wrench_topic: WrenchStamped topic, in any namespace.
        pose_topic: PoseStamped topic of the tool in the world frame, in any namespace.
        tcp_from_sensor: Orientation of the sensor in the tool frame, quaternion (4,) xyzw.
        min_rest_s: Shortest duration of a rest, s.

    Raises:
        BagError: The bag cannot be read, or lacks a topic.
    """
    readings: list[TimedReading] = []
    pose: BagMessage | None = None
    with BagReader(path) as bag:
        wrenches = bag.find(wrench_topic, "geometry_msgs/msg/WrenchStamped")
        poses = bag.find(pose_topic, "geometry_msgs/msg/PoseStamped")
        for message in bag.messages(wrenches, poses):
            if message.topic == poses:
                pose = message
            elif pose is not None and message.stamp_ns - pose.stamp_ns <= MAX_POSE_AGE_NS:
                readings.append(
                    paired(message.message, pose.message, tcp_from_sensor, 1e-9 * message.stamp_ns)
                )
    return find_rests(readings, min_rest_s)


def paired(wrench: Any, pose: Any, tcp_from_sensor: Array, stamp_s: float) -> TimedReading:
    """Return the reading for a WrenchStamped and a PoseStamped, messages of rclpy or rosbags.

    Args:
        wrench: WrenchStamped message, sensor axes.
        pose: PoseStamped message of the tool in the world frame.
        tcp_from_sensor: Orientation of the sensor in the tool frame, quaternion (4,) xyzw.
        stamp_s: Time of the reading, s.

    Raises:
        ConfigurationError: The orientation of the pose is no rotation.
    """
    force, torque, q = wrench.wrench.force, wrench.wrench.torque, pose.pose.orientation
    values = np.array((force.x, force.y, force.z, torque.x, torque.y, torque.z))
    quaternion = quaternion_canonical((q.x, q.y, q.z, q.w))
    return TimedReading(stamp_s, values, quaternion_multiply(quaternion, tcp_from_sensor))
