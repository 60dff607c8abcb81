"""Plants of a simulated controller: interface, and a plant without physics."""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from der_ros.drivers.kuka import kr60_kinematics
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose

UPRIGHT_RAD: Array = np.radians((0.0, -90.0, 90.0, 0.0, 90.0, 0.0))
"""A1 to A6 of a KR 60 in its home pose with the flange pointing down."""


Displacement: TypeAlias = "tuple[Array, Array]"
"""Motion of the TCP in one cycle: displacement (3,) m and rotation vector (3,) rad, base axes."""


class PlantState(NamedTuple):
    """State of the robot after one cycle.

    Attributes:
        tcp_pose: Measured pose of the TCP in the base frame.
        joint_positions_rad: Axis angles A1 to A6, (6,) rad; None if the pose is out of reach or
            the plant has no arm.
    """

    tcp_pose: Pose
    joint_positions_rad: Array | None


class RobotPlant(Protocol):
    """Robot that follows displacements; called once per cycle, from one thread."""

    def advance(self, displacement_m: Array, rotation_rad: Array, duration_s: float) -> PlantState:
        """Advance the plant by one cycle and return its state.

        Args:
            displacement_m: Displacement of the TCP's setpoint, (3,) m, base axes.
            rotation_rad: Rotation vector of the TCP's setpoint, (3,) rad, base axes.
            duration_s: Duration of the cycle, s.
        """
        ...


class KinematicPlant:
    """KR 60-3 that follows exactly, without mass or contact."""

    def __init__(
        self,
        axes_rad: Array = UPRIGHT_RAD,
        flange_from_tcp: Pose | None = None,
        base_from_tcp: Pose | None = None,
    ) -> None:
        """Start at the axis angles ``axes_rad``, or at ``base_from_tcp`` with the nearest angles.

        Raises:
            ConfigurationError: An axis is outside its limits, or the pose is out of reach.
        """
        self._tcp_from_flange = (flange_from_tcp or Pose.identity()).inverse()
        axes = kr60_kinematics.check_axes(axes_rad)
        self._tcp = kr60_kinematics.forward(axes) @ self._tcp_from_flange.inverse()
        if base_from_tcp is not None:
            self._tcp = base_from_tcp
            reached = kr60_kinematics.inverse(base_from_tcp @ self._tcp_from_flange, axes)
            if reached is None:
                raise ConfigurationError(
                    f"base_from_tcp: expected a pose within the KR 60's reach, got {base_from_tcp}"
                )
            axes = reached
        self._axes = axes

    def advance(self, displacement_m: Array, rotation_rad: Array, duration_s: float) -> PlantState:
        """Move the TCP and return the state, without joint positions if out of reach."""
        del duration_s  # this plant has no clock
        if not (displacement_m.any() or rotation_rad.any()):
            return PlantState(self._tcp, self._axes)
        self._tcp = self._tcp.moved(displacement_m, rotation_rad)
        axes = kr60_kinematics.inverse(self._tcp @ self._tcp_from_flange, self._axes)
        if axes is not None:
            self._axes = axes
        return PlantState(self._tcp, axes)
