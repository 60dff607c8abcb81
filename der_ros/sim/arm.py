"""Description of a jointed arm: axes in a chain, their links, its looks and its place.

All frames of an arm whose axes are at zero are parallel to its base's. So an axis needs no more
than a place and a direction, and the numbers can be compared with a drawing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from der_ros.geometry import Array, Pose

Triple: TypeAlias = tuple[float, float, float]
Colour: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class Rod:
    """A round bar, for looks only.

    Attributes:
        start: centre of one end in the link's frame, m.
        end: of the other.
        radius_m: its radius.
        rgba: its colour.
    """

    start: Triple
    end: Triple
    radius_m: float
    rgba: Colour


@dataclass(frozen=True, kw_only=True)
class JointAxis:
    """A turning joint and the link that it moves. The link's frame is at the joint.

    Attributes:
        name: of the joint.
        origin: of the joint in the frame of the link before it, m.
        direction: unit vector that the joint turns about.
        lower_rad: end stop.
        upper_rad: end stop.
        speed_limit_radps: the drive's.
        mass_kg: of the link.
        center_of_mass: of the link, in its frame, m.
        inertia_kgm2: of the link about its centre of mass, about the frame's axes.
        drive_inertia_kgm2: the motor's, as felt behind its gear: about the joint's own axis.
        damping_nms: viscous friction of the joint, Nm for each rad/s.
        looks: what one sees of the link.
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
    looks: tuple[Rod, ...] = ()

    @property
    def whole_inertia_kgm2(self) -> Triple:
        """Inertia of the link with its drive's, which an engine without drives takes as one."""
        x, y, z = (
            inertia + self.drive_inertia_kgm2 * direction * direction
            for inertia, direction in zip(self.inertia_kgm2, self.direction, strict=True)
        )
        return (x, y, z)


def data_sheet_axis(
    number: int, lower_deg: float, upper_deg: float, speed_deg_per_s: float, **rest: Any
) -> JointAxis:
    """An axis from the degrees that KUKA's data sheets give.

    Args:
        number: from the base on, from 1.
        lower_deg: end stop.
        upper_deg: end stop.
        speed_deg_per_s: the drive's.
        **rest: the other fields of ``JointAxis``.
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
    """A robot arm as it stands in its cell.

    Attributes:
        name: what ``robot=`` calls it.
        axes: from the base to the flange.
        last_from_flange: the flange in the frame of the last link.
        flange_from_tcp: how the tool holds the piece.
        base_from_task: where the task is, seen from the robot.
        postures_rad: (axes,) each, ways to hold the piece near the task's origin and parallel to
            it; where several serve, the one furthest from the last axis' end stops is taken.
        base_looks: what one sees of the base.
        spare_axis: of an arm with seven, the one that the tool's pose leaves free.
    """

    name: str
    axes: tuple[JointAxis, ...]
    last_from_flange: Pose
    flange_from_tcp: Pose
    base_from_task: Pose
    postures_rad: tuple[tuple[float, ...], ...]
    base_looks: tuple[Rod, ...] = ()
    spare_axis: int | None = None

    @cached_property
    def lower_limits_rad(self) -> Array:
        """Lower limits of the axes, (axes,) rad."""
        return np.array([axis.lower_rad for axis in self.axes])

    @cached_property
    def upper_limits_rad(self) -> Array:
        """Upper limits of the axes, (axes,) rad."""
        return np.array([axis.upper_rad for axis in self.axes])

    @cached_property
    def speed_limits_radps(self) -> Array:
        """Speed limits, (axes,) rad/s."""
        return np.array([axis.speed_limit_radps for axis in self.axes])

    @cached_property
    def last_from_tcp(self) -> Pose:
        """The held piece in the frame of the last link."""
        return self.last_from_flange @ self.flange_from_tcp


def radians(*degrees: float) -> tuple[float, ...]:
    """Return degrees, as data sheets give them, in rad."""
    return tuple(math.radians(angle) for angle in degrees)
