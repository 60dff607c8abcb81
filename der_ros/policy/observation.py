"""The 13 numbers that a policy sees, built by one function in training and on the robot.

The task frame has its origin at the nominal assembled pose of the held piece, so the numbers are
the same whatever the arm and wherever the cell stands (paper, Sec. 3.1 and 4.1).
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
    """The sensor's reading as a wrench about the held piece's origin, in the task's axes.

    Args:
        sensor_wrench: in the sensor's axes about the sensor's origin, bias already removed.
        task_from_tcp: pose of the held piece (the TCP) in the task frame.
        tcp_from_sensor: where the sensor sits on the tool, fixed.
    """
    return sensor_wrench.seen_from(tcp_from_sensor).rotated(task_from_tcp.rotation)


def build_observation(task_from_tcp: Pose, wrench: Wrench) -> NDArray[np.float32]:
    """Return the observation, (13,) float32 in the order of ``OBSERVATION_NAMES``.

    Args:
        task_from_tcp: pose of the held piece in the task frame.
        wrench: from ``wrench_at_held_piece``.
    """
    return observation_of_numbers(task_from_tcp, wrench.force.tolist() + wrench.torque.tolist())


def observation_of_numbers(task_from_tcp: Pose, wrench: Sequence[float]) -> NDArray[np.float32]:
    """Run ``build_observation`` with a wrench of six plain numbers, for inner loops."""
    position, quaternion = task_from_tcp.position.tolist(), task_from_tcp.quaternion.tolist()
    return np.array((*position, *quaternion, *wrench), dtype=np.float32)
