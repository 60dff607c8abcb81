r"""A square peg with a chamfered tip and a square hole (paper, Sec. 4.1).

    held:      |    |      peg along z, four-fold symmetric about it
               \____/      chamfered tip
    ground:  ====  ====    plate with the hole
             ==========    the board that it lies on

The held piece's frame is at the centre of the tip's face, the ground piece's where the hole meets
the board: the peg is assembled, with its tip on the board, when the two frames coincide but for
quarter turns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.geometry import (
    Array,
    Pose,
    quaternion_conjugate,
    quaternion_from_rotation_vector,
    quaternion_multiply,
)
from der_ros.tasks.base import InitialState, Task, pose_above, require_range
from der_ros.tasks.pieces import Box, Frustum, Piece

PEG_WIDTH_M = 0.035
HOLE_DEPTH_M = 0.03
_BOARD_M = 0.01
_PLATE_HALF_M = 0.05
_WOOD_DENSITY_KG_PER_M3 = 500.0
_HELD_COLOUR = (0.86, 0.62, 0.36, 1.0)
_GROUND_COLOUR = (0.55, 0.63, 0.70, 1.0)
_QUARTER_TURNS = tuple(
    quaternion_from_rotation_vector((0.0, 0.0, 0.5 * math.pi * turns)) for turns in range(4)
)


@dataclass(frozen=True, kw_only=True)
class PegInHole(Task):
    """The chamfered peg in hole.

    The hole is where it nominally is, and the peg starts straight above it with any yaw. A quarter
    turn does not change the peg, so of four goals the nearest counts, in all that is judged.

    Attributes:
        clearance_m: total lateral play, half on each side; 0.2 to 5 mm.
        start_yaw_range_rad: the held peg's initial yaw is uniform in [low, high).
        chamfer_m: how far the tip is cut off, at 45 degrees: its height, and how much narrower
            the tip's face is on each side.
        peg_length_m: from the tip's face to the other end.
        friction: Coulomb coefficient, wood on wood.
        start_height_m: of the tip above its assembled pose; the plate is 30 mm thick.
        success_reward: the paper's for this task.
        max_angular_speed_radps: at the lap joint's 0.05 rad/s the 45 degrees to the nearest goal
            would take all the time there is; at 0.2 rad/s a stiff arm meets the hard torque limit.
        soft_torque_nm: above what a biased sensor reads of nothing, so that the governor does not
            tilt a peg in free air.
    """

    name: ClassVar[str] = "peg_in_hole"

    clearance_m: float = 0.0012
    start_yaw_range_rad: tuple[float, float] = (0.0, 2.0 * math.pi)
    chamfer_m: float = 0.005
    peg_length_m: float = 0.1
    friction: float = 0.5
    start_height_m: float = 0.04
    success_reward: float = 1000.0
    max_angular_speed_radps: float = 0.15
    soft_torque_nm: float = 1.0

    def __post_init__(self) -> None:
        """Checks the options.

        Raises:
            ConfigurationError: one of them is out of its range.
        """
        super().__post_init__()
        require_range(self.clearance_m, "clearance", low=0.0002, high=0.005)
        require_range(self.chamfer_m, "chamfer_m", low=0.001, high=0.015)
        require_range(self.peg_length_m, "peg_length_m", low=0.04, high=0.5)
        require_range(self.friction, "friction", low=0.0, high=2.0)
        require_range(self.start_height_m, "start_height_m", low=0.031, high=0.06)
        low, high = self.start_yaw_range_rad
        require_range(low, "start_yaw_range_rad[0]", low=-2.0 * math.pi, high=2.0 * math.pi)
        require_range(high, "start_yaw_range_rad[1]", low=low, high=2.0 * math.pi)
        if high - low > 2.0 * math.pi:
            raise ConfigurationError(
                f"start_yaw_range_rad: expected at most a full turn, got {low} to {high}"
            )

    @cached_property
    def held(self) -> Piece:
        """The peg: a shaft and its tip."""
        half, tip = 0.5 * PEG_WIDTH_M, 0.5 * PEG_WIDTH_M - self.chamfer_m
        shaft = 0.5 * (self.peg_length_m - self.chamfer_m)
        return self._piece(
            (
                Box((half, half, shaft), (0.0, 0.0, self.chamfer_m + shaft)),
                Frustum((tip, tip), (half, half), self.chamfer_m, (0.0, 0.0, 0.0)),
            ),
            _HELD_COLOUR,
        )

    @cached_property
    def ground(self) -> Piece:
        """A plate of four boxes around the hole, on a board."""
        hole, height = 0.5 * (PEG_WIDTH_M + self.clearance_m), 0.5 * HOLE_DEPTH_M
        wall, centre = 0.5 * (_PLATE_HALF_M - hole), 0.5 * (_PLATE_HALF_M + hole)
        return self._piece(
            (
                Box((wall, _PLATE_HALF_M, height), (centre, 0.0, height)),
                Box((wall, _PLATE_HALF_M, height), (-centre, 0.0, height)),
                Box((hole, wall, height), (0.0, centre, height)),
                Box((hole, wall, height), (0.0, -centre, height)),
                Box((_PLATE_HALF_M, _PLATE_HALF_M, 0.5 * _BOARD_M), (0.0, 0.0, -0.5 * _BOARD_M)),
            ),
            _GROUND_COLOUR,
        )

    @cached_property
    def start_pose(self) -> Pose:
        """Straight above the hole, with no yaw."""
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
        """Where the shaft, not only the chamfered tip, is in the hole."""
        return HOLE_DEPTH_M - self.chamfer_m

    def sample_initial_state(self, rng: np.random.Generator) -> InitialState:
        """The held peg's yaw is uniform in its range, all else is fixed."""
        yaw = rng.uniform(*self.start_yaw_range_rad)
        turn = quaternion_from_rotation_vector((0.0, 0.0, yaw))
        return InitialState(Pose(self.start_pose.position, turn), Pose.identity())

    def nearest_goal(self, pose: Pose, goal: Pose) -> Pose:
        """The goal turned about its z by the quarter turns that bring it closest to ``pose``."""
        _, _, z, w = _between(goal, pose)
        best = max(_QUARTER_TURNS, key=lambda turn: abs(w * float(turn[3]) + z * float(turn[2])))
        return Pose(goal.position, quaternion_multiply(goal.quaternion, best))

    def angle(self, pose: Pose, goal: Pose) -> float:
        """Angle, rad in [0, pi], to the nearest of the four goals."""
        x, y, z, w = _between(goal, pose)
        # Quarter turns about z mix z and w only; what is left of the turn has the largest |w|.
        z, w = abs(z), abs(w)
        if z > w:
            z, w = w, z
        turned = math.sqrt(0.5) * (w + z)
        if turned > w:
            z, w = math.sqrt(0.5) * (w - z), turned
        return 2.0 * math.atan2(math.sqrt(x * x + y * y + z * z), w)

    def tilt(self, pose: Pose) -> float:
        """Angle, rad in [0, pi], between the peg and the upright; yaw does not count."""
        x, y, z, w = pose.quaternion.tolist()
        return 2.0 * math.atan2(math.hypot(x, y), math.hypot(z, w))

    def is_seated(self, pose: Pose) -> bool:
        """Within epsilon of the nominal goal, where nothing but the hole lets the tip go.

        A peg that lies on the plate or is stuck by its yaw is 25 mm too high. The hole's place is
        fixed in this task, so the nominal goal is the goal.
        """
        return self.success(pose, Pose.identity())

    def _piece(
        self, parts: tuple[Box | Frustum, ...], rgba: tuple[float, float, float, float]
    ) -> Piece:
        mass = _WOOD_DENSITY_KG_PER_M3 * sum(part.volume_m3 for part in parts)
        return Piece(parts, mass, self.friction, rgba)


def _between(goal: Pose, pose: Pose) -> tuple[float, float, float, float]:
    """The turn from the goal to the pose in the goal's axes, xyzw."""
    between = quaternion_multiply(quaternion_conjugate(goal.quaternion), pose.quaternion)
    x, y, z, w = between.tolist()
    return x, y, z, w
