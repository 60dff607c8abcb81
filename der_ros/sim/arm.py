"""Description of a jointed arm: serial chain of axes, links, appearance and base pose.

With all axes at zero, every link frame is parallel to the base frame. An axis is therefore
described by an origin and a direction, and the figures can be compared with a drawing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from der_ros.geometry import Array, Pose
from der_ros.rotation import Triple

Colour: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class Rod:
    """Cylinder of a link, for display only.

    Attributes:
        start: Centre of one end, link frame, m.
        end: Centre of the other end, link frame, m.
        radius_m: Radius, m.
        rgba: Colour, each component in [0, 1].
    """

    start: Triple
    end: Triple
    radius_m: float
    rgba: Colour


@dataclass(frozen=True, kw_only=True)
class JointAxis:
    """Revolute joint and the link that it moves. The link frame is at the joint.

    Attributes:
        name: Name of the joint.
        origin: Position of the joint in the previous link's frame, m.
        direction: Unit vector of the joint axis, link frame.
        lower_rad: Lower position limit, rad.
        upper_rad: Upper position limit, rad.
        speed_limit_radps: Maximum speed, rad/s.
        mass_kg: Mass of the link, kg.
        center_of_mass: Centre of mass of the link, link frame, m.
        inertia_kgm2: Principal moments of inertia of the link about its centre of mass, along the
            link frame's axes, kg m^2.
        drive_inertia_kgm2: Motor inertia reflected through the gear, about the joint axis, kg m^2.
        damping_nms: Viscous friction of the joint, Nm per rad/s.
        visuals: Visible shapes of the link.
    """

    name: str
    origin: Triple
    direction: Triple
    lower_rad: float
    upper_rad: float
    speed_limit_radps: float
    mass_kg: float
    center_of_mass: Triple
    inertia_kgm2: Triple
    drive_inertia_kgm2: float
    damping_nms: float = 0.0
    visuals: tuple[Rod, ...] = ()

    @property
    def whole_inertia_kgm2(self) -> Triple:
        """Inertia of link and drive together, kg m^2, for an engine that models no drives."""
        x, y, z = (
            inertia + self.drive_inertia_kgm2 * direction * direction
            for inertia, direction in zip(self.inertia_kgm2, self.direction, strict=True)
        )
        return (x, y, z)


def data_sheet_axis(
    number: int, lower_deg: float, upper_deg: float, speed_deg_per_s: float, **rest: Any
) -> JointAxis:
    """Return an axis built from the angles in degrees that KUKA's data sheets give.

    Args:
        number: Number of the axis, counted from the base, starting at 1.
        lower_deg: Lower position limit, degrees.
        upper_deg: Upper position limit, degrees.
        speed_deg_per_s: Maximum speed, degrees/s.
        **rest: Remaining fields of ``JointAxis``.
    """
    return JointAxis(
        name=f"joint_a{number}",
        lower_rad=math.radians(lower_deg),
        upper_rad=math.radians(upper_deg),
        speed_limit_radps=math.radians(speed_deg_per_s),
        **rest,
    )


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Robot arm and its placement in the cell.

    Attributes:
        name: Name that ``robot=`` selects it by.
        axes: Axes from the base to the flange.
        last_from_flange: Pose of the flange in the last link's frame.
        flange_from_tcp: Pose of the held piece (the tcp) in the flange frame.
        base_from_task: Pose of the task frame in the robot's base frame.
        postures_rad: Joint angles, (axes,) rad each, that hold the piece near the task origin and
            parallel to the task frame. If several reach a pose, inverse kinematics uses the one
            whose last axis is furthest from its limits.
        base_visuals: Visible shapes of the base.
        spare_axis: Index of the redundant axis of a seven-axis arm; None for six axes.
    """

    name: str
    axes: tuple[JointAxis, ...]
    last_from_flange: Pose
    flange_from_tcp: Pose
    base_from_task: Pose
    postures_rad: tuple[tuple[float, ...], ...]
    base_visuals: tuple[Rod, ...] = ()
    spare_axis: int | None = None

    @cached_property
    def lower_limits_rad(self) -> Array:
        """Lower position limits of the axes, (axes,) rad."""
        return np.array([axis.lower_rad for axis in self.axes])

    @cached_property
    def upper_limits_rad(self) -> Array:
        """Upper position limits of the axes, (axes,) rad."""
        return np.array([axis.upper_rad for axis in self.axes])

    @cached_property
    def speed_limits_radps(self) -> Array:
        """Speed limits of the axes, (axes,) rad/s."""
        return np.array([axis.speed_limit_radps for axis in self.axes])

    @cached_property
    def last_from_tcp(self) -> Pose:
        """Pose of the held piece (the tcp) in the last link's frame."""
        return self.last_from_flange @ self.flange_from_tcp


def radians(*degrees: float) -> tuple[float, ...]:
    """Convert angles from degrees, as in data sheets, to rad."""
    return tuple(math.radians(angle) for angle in degrees)
