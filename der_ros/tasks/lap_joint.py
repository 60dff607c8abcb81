r"""Two square timbers that cross at 90 degrees in half-lap notches (paper, Sec. 4.1).

    held:    ======\____/======   notch on its lower face, timber along y
    ground:  ======/    \\======   notch on its upper face, timber along x

The pieces' frames are at the centre of the section at the crossing, so the joint is assembled,
with all faces flush, when the two frames coincide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from der_ros.geometry import Array, Pose, quaternion_from_rotation_vector
from der_ros.tasks.base import InitialState, Task, pose_above, require_range
from der_ros.tasks.pieces import Box, Piece

SECTION_M = 0.034925
_WOOD_DENSITY_KG_PER_M3 = 500.0
_HELD_COLOUR = (0.86, 0.62, 0.36, 1.0)
_GROUND_COLOUR = (0.55, 0.63, 0.70, 1.0)


@dataclass(frozen=True, kw_only=True)
class LapJoint(Task):
    """The lap joint.

    Attributes:
        clearance_m: total lateral play, half on each side; 0.2 to 5 mm. Corners are straight.
        ground_yaw_range_rad: the ground timber's yaw is uniform in this range.
        ground_offset_m: and its x and y are uniform within plus or minus this.
        timber_length_m: of both timbers.
        friction: Coulomb coefficient, wood on wood.
        start_height_m: of the held piece above its assembled pose; where the notches do not meet,
            the timbers' ends touch at 35 mm already.
    """

    name: ClassVar[str] = "lap_joint"

    clearance_m: float = 0.001
    ground_yaw_range_rad: tuple[float, float] = (math.radians(-2.0), 0.0)
    ground_offset_m: float = 0.002
    timber_length_m: float = 0.2
    friction: float = 0.5
    start_height_m: float = 0.04

    def __post_init__(self) -> None:
        """Checks the options.

        Raises:
            ConfigurationError: one of them is out of its range.
        """
        super().__post_init__()
        require_range(self.clearance_m, "clearance", low=0.0002, high=0.005)
        require_range(self.ground_offset_m, "ground_offset_m", low=0.0, high=0.01)
        require_range(self.timber_length_m, "timber_length_m", low=0.1, high=2.0)
        require_range(self.friction, "friction", low=0.0, high=2.0)
        require_range(self.start_height_m, "start_height_m", low=0.036, high=0.06)
        low, high = self.ground_yaw_range_rad
        require_range(low, "ground_yaw_range_rad[0]", low=-0.2, high=0.2)
        require_range(high, "ground_yaw_range_rad[1]", low=low, high=0.2)

    @cached_property
    def held(self) -> Piece:
        """A timber along y, notched from below."""
        parts = _notched_timber(self.timber_length_m, self.clearance_m, middle_above=True)
        turned = tuple(Box(_swap_xy(b.half_extents), _swap_xy(b.position)) for b in parts)
        return self._piece(turned, _HELD_COLOUR)

    @cached_property
    def ground(self) -> Piece:
        """A timber along x, notched from above."""
        parts = _notched_timber(self.timber_length_m, self.clearance_m, middle_above=False)
        return self._piece(parts, _GROUND_COLOUR)

    @cached_property
    def start_pose(self) -> Pose:
        """Straight above the nominal assembled pose."""
        return pose_above(self.start_height_m)

    @cached_property
    def retract_pose(self) -> Pose:
        """A little higher than the start."""
        return pose_above(self.start_height_m + 0.005)

    @cached_property
    def workspace(self) -> tuple[Array, Array]:
        """12 mm to each side, 5 mm below the assembled pose, 15 mm above the start."""
        top = self.start_height_m + 0.015
        return np.array((-0.012, -0.012, -0.005)), np.array((0.012, 0.012, top))

    @property
    def engagement_height_m(self) -> float:
        """A whole section: there the first notch begins to hold."""
        return SECTION_M

    def sample_initial_state(self, rng: np.random.Generator) -> InitialState:
        """The ground timber's yaw, x and y are uniform in their ranges, the start is fixed."""
        offset = self.ground_offset_m
        x, y = rng.uniform(-offset, offset, 2).tolist()
        yaw = rng.uniform(*self.ground_yaw_range_rad)
        turn = quaternion_from_rotation_vector((0.0, 0.0, yaw))
        return InitialState(self.start_pose, Pose(np.array((x, y, 0.0)), turn))

    def is_seated(self, pose: Pose) -> bool:
        """Deeper than 0.8 epsilon above flush, where nothing but the notch lets the piece go.

        A piece that lies on top is at least half a section (17 mm) too high. 0.8 leaves room in the
        distance for the play and the angle that the notch allows.
        """
        x, y, z = pose.position.tolist()
        reach = self.ground_offset_m + self.clearance_m
        seated = z <= 0.8 * self.epsilon_m and abs(x) <= reach and abs(y) <= reach
        return seated and self.angle(pose, Pose.identity()) <= 0.1

    def _piece(self, parts: tuple[Box, ...], rgba: tuple[float, float, float, float]) -> Piece:
        mass = _WOOD_DENSITY_KG_PER_M3 * sum(part.volume_m3 for part in parts)
        return Piece(parts, mass, self.friction, rgba)


def _notched_timber(length_m: float, clearance_m: float, *, middle_above: bool) -> tuple[Box, ...]:
    """Two full-section ends and a half-section middle; along x, origin at the crossing."""
    half = 0.5 * SECTION_M
    notch = 0.5 * (SECTION_M + clearance_m)
    end = 0.5 * (0.5 * length_m - notch)
    height = 0.5 * half if middle_above else -0.5 * half
    return (
        Box((end, half, half), (notch + end, 0.0, 0.0)),
        Box((end, half, half), (-notch - end, 0.0, 0.0)),
        Box((notch, half, 0.5 * half), (0.0, 0.0, height)),
    )


def _swap_xy(values: tuple[float, float, float]) -> tuple[float, float, float]:
    return (values[1], values[0], values[2])
