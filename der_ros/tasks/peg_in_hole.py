r"""Chamfered peg, square or round, and its hole (paper, Sec. 4.1).

    held:      |    |      peg along z
               \____/      chamfered tip
    ground:  ====  ====    plate with the hole
             ==========    the board that it lies on

The held piece's frame is at the centre of the tip's face, the ground piece's at the bottom of the
hole. The peg is assembled, with its tip on the board, when the two frames coincide, up to quarter
turns about z for a square peg and any turn for a round one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

from der_ros.errors import ConfigurationError
from der_ros.tasks.option_checks import require_range
from der_ros.tasks.pieces import Box, Frustum, Pair, Part, Turned, rectangle
from der_ros.tasks.symmetric import ROUND, SymmetricTask

PEG_WIDTH_M = 0.035
HOLE_DEPTH_M = 0.03
_BOARD_M = 0.01
_PLATE_HALF_M = 0.05
# The round hole is a polygon around its circle: its radius is exact at the middle of each side and
# larger by 1 / cos(pi / sides), or 2.2 %, at the corners.
HOLE_SIDES = 15


class Shape(NamedTuple):
    """Defaults for a shape of peg and hole.

    Attributes:
        symmetry: Order of the rotational symmetry about z; see ``SymmetricTask``.
        chamfer_m: Chamfer of the tip, m.
        ground_offset_m: Half range of the hole's x and y, m.
    """

    symmetry: int
    chamfer_m: float
    ground_offset_m: float


# The square peg is the paper's. A round peg needs no yaw, and with a wide chamfer a compliant arm
# would find the hole without a policy; so it has a small chamfer and a displaced hole.
SHAPES = {"square": Shape(4, 0.005, 0.0), "round": Shape(ROUND, 0.001, 0.005)}


@dataclass(frozen=True, kw_only=True)
class PegInHole(SymmetricTask):
    """Task of a chamfered peg and its hole.

    The peg starts vertically above the hole's nominal position with any yaw. Because of the peg's
    symmetry there are several goals, and distance, success and reward refer to the nearest one.

    Attributes:
        shape: Cross-section, ``square`` or ``round``, 35 mm wide.
        start_yaw_range_rad: Range of the initial yaw, rad, as in the paper.
        ground_offset_m: Half range of the hole's x and y, m; None for that of ``SHAPES``.
        chamfer_m: Height of the 45-degree chamfer and reduction of the tip's face on each side, m;
            None for that of ``SHAPES``.
        peg_length_m: Length of the peg from the tip's face to the other end, m.
        success_reward: Reward for success, as in the paper for this task.
        max_angular_speed_radps: Speed about each axis for an action of 1, rad/s. At the lap joint's
            0.05 rad/s, the 45 degrees to the nearest goal would take the whole time limit; at
            0.2 rad/s a stiff arm reaches the hard torque limit.
        soft_torque_nm: Contact torque above which the motion governor yields, Nm; above the error
            of the sensor's bias, so that the governor does not tilt a peg in free air.
    """

    name: ClassVar[str] = "peg_in_hole"
    default_robot: ClassVar[str] = "iiwa"
    start_height_range_m: ClassVar[Pair] = (0.031, 0.06)

    shape: str = "square"
    clearance_m: float = 0.0012
    start_yaw_range_rad: Pair = (0.0, 2.0 * math.pi)
    chamfer_m: float | None = None
    peg_length_m: float = 0.1
    success_reward: float = 1000.0
    max_angular_speed_radps: float = 0.15
    soft_torque_nm: float = 1.0

    def __post_init__(self) -> None:
        """Check the options of the task.

        Raises:
            ConfigurationError: An option is out of its range.
        """
        if self.shape not in SHAPES:
            raise ConfigurationError(
                f"shape: expected one of {', '.join(SHAPES)}, got {self.shape!r}"
            )
        super().__post_init__()
        require_range(self.tip_height_m, "chamfer_m", low=0.001, high=0.015)
        require_range(self.peg_length_m, "peg_length_m", low=0.04, high=0.5)

    @property
    def symmetry(self) -> int:
        """Order of the rotational symmetry about z: four quarter turns, or 0 for a round peg."""
        return SHAPES[self.shape].symmetry

    @property
    def usual_ground_offset_m(self) -> float:
        """Default of ``ground_offset_m`` for the shape, m."""
        return SHAPES[self.shape].ground_offset_m

    @property
    def tip_height_m(self) -> float:
        """Height of the chamfered tip, m."""
        return SHAPES[self.shape].chamfer_m if self.chamfer_m is None else self.chamfer_m

    @cached_property
    def held_parts(self) -> tuple[Part, ...]:
        """Shaft and tip of the peg, in the frame of the held piece."""
        half, chamfer = 0.5 * PEG_WIDTH_M, self.tip_height_m
        tip = half - chamfer
        if self.shape == "round":
            profile = ((0.0, tip), (chamfer, half), (self.peg_length_m, half))
            return (Turned(profile, (0.0, 0.0, 0.0)),)
        shaft = 0.5 * (self.peg_length_m - chamfer)
        return (
            Box((half, half, shaft), (0.0, 0.0, chamfer + shaft)),
            Frustum(rectangle(tip, tip), rectangle(half, half), chamfer, (0.0, 0.0, 0.0)),
        )

    @cached_property
    def ground_parts(self) -> tuple[Part, ...]:
        """Plate around the hole, on a board."""
        hole = 0.5 * (PEG_WIDTH_M + self.clearance_m)
        walls = _round_hole(hole) if self.shape == "round" else _square_hole(hole)
        board = (_PLATE_HALF_M, _PLATE_HALF_M, 0.5 * _BOARD_M)
        return (*walls, Box(board, (0.0, 0.0, -0.5 * _BOARD_M)))

    @property
    def engagement_height_m(self) -> float:
        """Height below which the shaft, not only the chamfered tip, is in the hole, m."""
        return HOLE_DEPTH_M - self.tip_height_m


def _square_hole(hole: float) -> tuple[Part, ...]:
    """Return four boxes around a square hole of half width ``hole``, m."""
    height = 0.5 * HOLE_DEPTH_M
    wall, centre = 0.5 * (_PLATE_HALF_M - hole), 0.5 * (_PLATE_HALF_M + hole)
    return (
        Box((wall, _PLATE_HALF_M, height), (centre, 0.0, height)),
        Box((wall, _PLATE_HALF_M, height), (-centre, 0.0, height)),
        Box((hole, wall, height), (0.0, centre, height)),
        Box((hole, wall, height), (0.0, -centre, height)),
    )


def _round_hole(radius: float) -> tuple[Part, ...]:
    """Return a ring of wedges whose inner faces are tangent to a circle of ``radius``, m."""
    half = math.pi / HOLE_SIDES
    width, wedges = math.tan(half), []
    for side in range(HOLE_SIDES):
        x, y = math.cos(2.0 * side * half), math.sin(2.0 * side * half)
        corners = tuple(
            (distance * (x - along * y), distance * (y + along * x))
            for distance, along in (
                (radius, width),
                (radius, -width),
                (_PLATE_HALF_M, -width),
                (_PLATE_HALF_M, width),
            )
        )
        wedges.append(Frustum(corners, corners, HOLE_DEPTH_M, (0.0, 0.0, 0.0)))
    return tuple(wedges)
