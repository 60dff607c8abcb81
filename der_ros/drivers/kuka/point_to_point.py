"""The motion of a controller's own program from one place to another: PTP, all axes in step."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from der_ros.drivers.kuka import kr60_kinematics
from der_ros.drivers.kuka.plant import Motion
from der_ros.geometry import (
    Array,
    Pose,
    quaternion_conjugate,
    quaternion_multiply,
    rotation_vector_from_quaternion,
)

SPEED_RADPS = 1.5
"""Speed of the fastest axis: a quarter of what the slowest axis of the wrist can do."""
SHORTEST_S = 0.3
"""A program takes time to end RSI and to start it again, even where nothing has to move."""


def point_to_point(
    start_rad: Array, end_rad: Array, flange_from_tcp: Pose, cycle_s: float
) -> Iterator[Motion]:
    """Yield the TCP's motion in each cycle; at rest at both ends.

    Args:
        start_rad: (6,) A1 to A6, rad.
        end_rad: likewise.
        flange_from_tcp: the tool.
        cycle_s: of the controller.
    """
    # The smooth step is half again as fast in the middle as on average.
    duration_s = 1.5 * float(np.max(np.abs(end_rad - start_rad))) / SPEED_RADPS
    cycles = math.ceil(max(SHORTEST_S, duration_s) / cycle_s)
    last = kr60_kinematics.forward(start_rad) @ flange_from_tcp
    for cycle in range(1, cycles + 1):
        share = cycle / cycles
        share *= share * (3.0 - 2.0 * share)
        tcp = kr60_kinematics.forward(start_rad + share * (end_rad - start_rad)) @ flange_from_tcp
        turn = quaternion_multiply(tcp.quaternion, quaternion_conjugate(last.quaternion))
        yield tcp.position - last.position, rotation_vector_from_quaternion(turn)
        last = tcp
