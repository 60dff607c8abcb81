"""Plants of a simulated controller: the interface, and a plant without physics."""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from der_ros.drivers.kuka import kr60_kinematics
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose

UPRIGHT_RAD: Array = np.radians((0.0, -90.0, 90.0, 0.0, 90.0, 0.0))
"""A1 to A6 of a KR 60 in its home pose with the flange pointing down."""


Motion: TypeAlias = "tuple[Array, Array]"
"""Motion of the TCP in one cycle: displacement (3,) m and rotation vector (3,) rad, base axes."""


class PlantState(NamedTuple):
    """The robot after one cycle.

    Attributes:
        tcp_pose: measured TCP in the base.
        joint_positions_rad: (6,) A1 to A6, or None where the pose is out of the arm's reach (or
            the plant has no arm at all).
    """

    tcp_pose: Pose
    joint_positions_rad: Array | None


class RobotPlant(Protocol):
    """A robot that follows displacements; called from one thread, once each cycle."""

    def advance(self, displacement_m: Array, rotation_rad: Array, duration_s: float) -> PlantState:
        """Move the world on by one cycle.

        Args:
            displacement_m: (3,) by which the TCP's setpoint moves, base axes.
            rotation_rad: (3,) rotation vector by which it turns, base axes.
            duration_s: the cycle; the world's clock goes on by it whether or not the TCP moves.
        """
        ...


class KinematicPlant:
    """A KR 60-3 that follows exactly, without mass or contact."""

    def __init__(
        self,
        axes_rad: Array = UPRIGHT_RAD,
        flange_from_tcp: Pose | None = None,
        base_from_tcp: Pose | None = None,
    ) -> None:
        """Start at the pose of ``axes_rad``, or at ``base_from_tcp`` with the nearest axis angles.

        Raises:
            ConfigurationError: an axis is outside its limits, or the pose is out of reach.
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
        """Move the TCP at once; ``joint_positions_rad`` is None when the arm cannot reach."""
        del duration_s  # this plant has no clock
        if not (displacement_m.any() or rotation_rad.any()):
            return PlantState(self._tcp, self._axes)
        self._tcp = self._tcp.moved(displacement_m, rotation_rad)
        axes = kr60_kinematics.inverse(self._tcp @ self._tcp_from_flange, self._axes)
        if axes is not None:
            self._axes = axes
        return PlantState(self._tcp, axes)
