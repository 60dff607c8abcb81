"""Checks that the cell's frames are those of the simulated world."""

from __future__ import annotations

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, angle_between
from der_ros.sim.world import AssemblyWorld

_SAME = 1e-6
"""Largest distance, m, and angle, rad, between equal frames."""


def check_frame(name: str, whose: str, expected: Pose, got: Pose) -> None:
    """Check that a frame of the cell is the simulated one, up to rounding.

    Args:
        name: Parameter with the frame.
        whose: Owner of the simulated frame, for the error message.
        expected: Simulated frame.
        got: Value of the parameter.

    Raises:
        ConfigurationError: The frames differ.
    """
    away_m = float(np.abs(expected.position - got.position).max())
    away_rad = angle_between(expected.quaternion, got.quaternion)
    if max(away_m, away_rad) > _SAME:
        raise ConfigurationError(
            f"parameter {name}: expected that of the simulated {whose}, {expected}, got {got}"
        )


def check_arm_frames(world: AssemblyWorld, base_from_task: Pose, flange_from_tcp: Pose) -> None:
    """Check that the cell's parameters place the arm as in the simulated world.

    Raises:
        ConfigurationError: ``task_frame`` or ``flange_from_tcp`` differs.
    """
    arm = world.robot.arm
    if arm is not None:
        check_frame("task_frame", arm.name, arm.base_from_task, base_from_task)
        check_frame("flange_from_tcp", arm.name, arm.flange_from_tcp, flange_from_tcp)
