"""Synchronised point-to-point motion (PTP) of a controller program."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from der_ros.drivers.kuka import kr60_kinematics
from der_ros.drivers.kuka.plant import Displacement
from der_ros.geometry import (
    Array,
    Pose,
    quaternion_conjugate,
    quaternion_multiply,
    rotation_vector_from_quaternion,
)

SPEED_RADPS = 1.5
"""Maximum speed of the fastest axis, rad/s."""
SHORTEST_S = 0.3
"""Minimum duration, s: stopping and restarting RSI takes time even without motion."""


def point_to_point(
    start_rad: Array, end_rad: Array, flange_from_tcp: Pose, cycle_s: float
) -> Iterator[Displacement]:
    """Yield the TCP's motion of each cycle, at rest at both ends.

    Args:
        start_rad: Axis angles A1 to A6 at the start, (6,) rad.
        end_rad: Axis angles A1 to A6 at the end, (6,) rad.
        flange_from_tcp: Pose of the TCP in the flange frame.
        cycle_s: Cycle of the controller, s.
    """
    # The smoothstep profile peaks at 1.5 times its mean speed.
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
