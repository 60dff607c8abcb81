r"""Flat key without chamfer and its slot, like plug and socket; the task with the smallest pieces.

    held:       |==|       grip
                 ||        key along z, wide along x, thin along y
    ground:  ===    ===    plate with the slot
             ==========    the board that it lies on

The held piece's frame is at the centre of the key's end, the ground piece's at the bottom of the
slot. The key is assembled when the two frames coincide, up to a half turn about z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from der_ros.tasks.pieces import Box, Pair
from der_ros.tasks.symmetric import SymmetricTask

KEY_WIDTH_M, KEY_THICKNESS_M, KEY_LENGTH_M = 0.012, 0.0045, 0.02
SLOT_DEPTH_M = 0.012
_GRIP = (0.009, 0.006, 0.015)
_PLATE_HALF_M = 0.03
_BOARD_M = 0.01


@dataclass(frozen=True, kw_only=True)
class KeySlot(SymmetricTask):
    """Task of a flat key and its slot.

    The slot has a small random displacement and yaw, unknown to the policy; the key starts with a
    larger yaw. The key fits in both orientations.

    Attributes:
        max_angular_speed_radps: Speed about each axis for an action of 1, rad/s; the largest
            initial yaw of 15 degrees takes a sixth of the time limit.
        soft_torque_nm: Contact torque above which the motion governor yields, Nm; above the error
            of the sensor's bias, as for the peg.
    """

    name: ClassVar[str] = "key_slot"
    clearance_range_m: ClassVar[Pair] = (0.0002, 0.002)
    start_height_range_m: ClassVar[Pair] = (0.013, 0.06)
    density_kg_per_m3: ClassVar[float] = 1200.0

    clearance_m: float = 0.0005
    friction: float = 0.3
    start_height_m: float = 0.02
    start_yaw_range_rad: Pair = (math.radians(-15.0), math.radians(15.0))
    ground_offset_m: float | None = 0.002
    ground_yaw_range_rad: Pair = (math.radians(-2.0), math.radians(2.0))
    max_angular_speed_radps: float = 0.1
    soft_torque_nm: float = 1.0

    @property
    def symmetry(self) -> int:
        """Order of the rotational symmetry about z: two half turns."""
        return 2

    @cached_property
    def held_parts(self) -> tuple[Box, ...]:
        """Boxes of the key and its grip, in the frame of the held piece."""
        half_x, half_y, half_z = 0.5 * KEY_WIDTH_M, 0.5 * KEY_THICKNESS_M, 0.5 * KEY_LENGTH_M
        return (
            Box((half_x, half_y, half_z), (0.0, 0.0, half_z)),
            Box(_GRIP, (0.0, 0.0, KEY_LENGTH_M + _GRIP[2])),
        )

    @cached_property
    def ground_parts(self) -> tuple[Box, ...]:
        """Plate of four boxes around the slot, on a board."""
        slot_x = 0.5 * (KEY_WIDTH_M + self.clearance_m)
        slot_y = 0.5 * (KEY_THICKNESS_M + self.clearance_m)
        beside, behind = 0.5 * (_PLATE_HALF_M - slot_x), 0.5 * (_PLATE_HALF_M - slot_y)
        half_z = 0.5 * SLOT_DEPTH_M
        return (
            Box((beside, _PLATE_HALF_M, half_z), (slot_x + beside, 0.0, half_z)),
            Box((beside, _PLATE_HALF_M, half_z), (-slot_x - beside, 0.0, half_z)),
            Box((slot_x, behind, half_z), (0.0, slot_y + behind, half_z)),
            Box((slot_x, behind, half_z), (0.0, -slot_y - behind, half_z)),
            Box((_PLATE_HALF_M, _PLATE_HALF_M, 0.5 * _BOARD_M), (0.0, 0.0, -0.5 * _BOARD_M)),
        )

    @property
    def engagement_height_m(self) -> float:
        """Height below which the key is in the slot, m."""
        return SLOT_DEPTH_M
