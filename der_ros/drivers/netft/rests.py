"""Detection of the sensor's rest phases in a recording."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from der_ros.drivers.netft.identification import RestReading
from der_ros.geometry import Array, Wrench, angle_between

SAME_ORIENTATION_RAD = np.radians(5.0)
STILL_RAD = 0.003


class TimedReading(NamedTuple):
    """Reading of a recording with its time and orientation.

    Attributes:
        stamp_s: Time on any clock, s.
        wrench: Wrench, (6,) N and Nm, sensor axes and origin.
        world_from_sensor: Orientation of the sensor, (4,) xyzw.
    """

    stamp_s: float
    wrench: Array
    world_from_sensor: Array


def find_rests(readings: list[TimedReading], min_duration_s: float = 0.5) -> list[RestReading]:
    """Return one reading for each rest: the mean over its last part, after oscillations.

    A rest is a stretch of at least ``min_duration_s`` in which the orientation stays within
    ``STILL_RAD`` of its start. Of several rests in nearly the same orientation, only the first
    counts, so that they do not outweigh the others.
    """
    rests: list[RestReading] = []
    begin = 0
    for end in range(1, len(readings) + 1):
        if end < len(readings) and _still(readings[begin], readings[end]):
            continue
        stretch = readings[begin:end]
        begin = end
        if stretch[-1].stamp_s - stretch[0].stamp_s >= min_duration_s:
            rest = _settled(stretch, min_duration_s)
            if not any(_alike(rest, other) for other in rests):
                rests.append(rest)
    return rests


def _still(a: TimedReading, b: TimedReading) -> bool:
    return bool(angle_between(a.world_from_sensor, b.world_from_sensor) <= STILL_RAD)


def _alike(a: RestReading, b: RestReading) -> bool:
    return bool(angle_between(a.world_from_sensor, b.world_from_sensor) < SAME_ORIENTATION_RAD)


def _settled(stretch: list[TimedReading], min_duration_s: float) -> RestReading:
    """Return the mean of the second half, or without the first ``min_duration_s`` / 2 if short."""
    from_s = max(
        0.5 * (stretch[0].stamp_s + stretch[-1].stamp_s), stretch[0].stamp_s + 0.5 * min_duration_s
    )
    late = [reading.wrench for reading in stretch if reading.stamp_s >= from_s]
    return RestReading(Wrench.from_array(np.mean(late, axis=0)), stretch[-1].world_from_sensor)
