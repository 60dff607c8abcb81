"""Pose in a controller's telegram."""

from __future__ import annotations

import math

from der_ros.drivers.kuka.rsi_telegrams import Six
from der_ros.geometry import Pose


def pose_of(tcp_mm_deg: Six) -> Pose:
    """Return the pose of six numbers of ``RIst``: X, Y, Z in mm, A, B, C in degrees."""
    x, y, z, *abc = tcp_mm_deg
    yaw, pitch, roll = (math.radians(angle) for angle in abc)
    return Pose.from_euler_zyx((0.001 * x, 0.001 * y, 0.001 * z), yaw, pitch, roll)
