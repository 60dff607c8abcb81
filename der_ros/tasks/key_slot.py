r"""A flat key without chamfer and its slot, like a plug and a socket: the smallest of the tasks.

    held:       |==|       grip
                 ||        key along z, wide along x, thin along y
    ground:  ===    ===    plate with the slot
             ==========    the board that it lies on

The held piece's frame is at the centre of the key's end, the ground piece's where the slot meets
the board: the key is assembled when the two frames coincide but for a half turn about z.
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

    The slot is a little off and turned, which the policy is not told, and the key starts turned by
    more. Both ways round fit.

    Attributes:
        max_angular_speed_radps: the key's 15 degrees take a sixth of the time.
        soft_torque_nm: as the peg's, above what an error of the sensor's bias amounts to.
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
        """Number of turns that look alike: two half turns."""
        return 2

    @cached_property
    def held_parts(self) -> tuple[Box, ...]:
        """Parts of the key and its grip."""
        half_x, half_y, half_z = 0.5 * KEY_WIDTH_M, 0.5 * KEY_THICKNESS_M, 0.5 * KEY_LENGTH_M
        return (
            Box((half_x, half_y, half_z), (0.0, 0.0, half_z)),
            Box(_GRIP, (0.0, 0.0, KEY_LENGTH_M + _GRIP[2])),
        )

    @cached_property
    def ground_parts(self) -> tuple[Box, ...]:
        """A plate of four boxes around the slot, on a board."""
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
        """There the key is in the slot."""
        return SLOT_DEPTH_M
