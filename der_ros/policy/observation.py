"""Observation of a policy, 13 numbers, built by the same function in training and on the robot.

The origin of the task frame is the nominal assembled pose of the held piece, so the observation
does not depend on the arm or on the location of the cell (paper, Sec. 3.1 and 4.1).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from der_ros.geometry import Pose, Wrench

OBSERVATION_NAMES = (
    "x",
    "y",
    "z",
    "qx",
    "qy",
    "qz",
    "qw",
    "fx",
    "fy",
    "fz",
    "tx",
    "ty",
    "tz",
)
OBSERVATION_UNITS = ("m", "m", "m", "1", "1", "1", "1", "N", "N", "N", "Nm", "Nm", "Nm")
ACTION_NAMES = ("vx", "vy", "vz", "wx", "wy", "wz")
ACTION_UNITS = ("m/s", "m/s", "m/s", "rad/s", "rad/s", "rad/s")


def wrench_at_held_piece(
    sensor_wrench: Wrench, task_from_tcp: Pose, tcp_from_sensor: Pose
) -> Wrench:
    """Return the sensor's wrench about the held piece's origin, N and Nm, task axes.

    Args:
        sensor_wrench: Wrench about the sensor's origin, sensor axes, bias removed.
        task_from_tcp: Pose of the held piece (the TCP) in the task frame.
        tcp_from_sensor: Pose of the sensor in the TCP frame, fixed.
    """
    return sensor_wrench.seen_from(tcp_from_sensor).rotated(task_from_tcp.rotation)


def build_observation(task_from_tcp: Pose, wrench: Wrench) -> NDArray[np.float32]:
    """Return the observation, (13,) float32 in the order of ``OBSERVATION_NAMES``.

    Args:
        task_from_tcp: Pose of the held piece in the task frame.
        wrench: Wrench from ``wrench_at_held_piece``.
    """
    return observation_of_numbers(task_from_tcp, wrench.force.tolist() + wrench.torque.tolist())


def observation_of_numbers(task_from_tcp: Pose, wrench: Sequence[float]) -> NDArray[np.float32]:
    """Run ``build_observation`` with a wrench of six floats, N and Nm, for inner loops."""
    position, quaternion = task_from_tcp.position.tolist(), task_from_tcp.quaternion.tolist()
    return np.array((*position, *quaternion, *wrench), dtype=np.float32)
