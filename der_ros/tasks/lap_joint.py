r"""Two square timbers that cross at 90 degrees in half-lap notches (paper, Sec. 4.1).

    held:    ======\____/======   notch on its lower face, timber along y
    ground:  ======/    \\======   notch on its upper face, timber along x

The pieces' frames are at the centre of the cross-section at the crossing. The joint is assembled,
with all faces flush, when the two frames coincide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from der_ros.tasks.base import Task
from der_ros.tasks.option_checks import require_range
from der_ros.tasks.pieces import Box, Pair, Triple

SECTION_M = 0.034925


@dataclass(frozen=True, kw_only=True)
class LapJoint(Task):
    """Task of a lap joint without chamfers.

    If the notches do not align, the timbers touch 35 mm above the assembled pose.

    Attributes:
        ground_yaw_range_rad: Range of the ground piece's yaw, rad, as in the paper.
        ground_offset_m: Half range of the ground piece's x and y, m, as in the paper.
        timber_length_m: Length of each timber, m.
    """

    name: ClassVar[str] = "lap_joint"
    start_height_range_m: ClassVar[Pair] = (0.036, 0.06)

    ground_yaw_range_rad: Pair = (math.radians(-2.0), 0.0)
    ground_offset_m: float | None = 0.002
    timber_length_m: float = 0.2

    def __post_init__(self) -> None:
        """Check the options of the task.

        Raises:
            ConfigurationError: An option is out of its range.
        """
        super().__post_init__()
        require_range(self.timber_length_m, "timber_length_m", low=0.1, high=2.0)

    @cached_property
    def held_parts(self) -> tuple[Box, ...]:
        """Timber along y, notched from below."""
        parts = _notched_timber(self.timber_length_m, self.clearance_m, middle_above=True)
        return tuple(Box(_swap_xy(b.half_extents), _swap_xy(b.position)) for b in parts)

    @cached_property
    def ground_parts(self) -> tuple[Box, ...]:
        """Timber along x, notched from above."""
        return _notched_timber(self.timber_length_m, self.clearance_m, middle_above=False)

    @property
    def engagement_height_m(self) -> float:
        """Half the section's height, m; above it at most one notch guides, in one direction."""
        return 0.5 * SECTION_M


def _notched_timber(length_m: float, clearance_m: float, *, middle_above: bool) -> tuple[Box, ...]:
    """Return two full-section ends and a half-section middle along x, origin at the crossing."""
    half = 0.5 * SECTION_M
    notch = 0.5 * (SECTION_M + clearance_m)
    end = 0.5 * (0.5 * length_m - notch)
    height = 0.5 * half if middle_above else -0.5 * half
    return (
        Box((end, half, half), (notch + end, 0.0, 0.0)),
        Box((end, half, half), (-notch - end, 0.0, 0.0)),
        Box((notch, half, 0.5 * half), (0.0, 0.0, height)),
    )


def _swap_xy(values: Triple) -> Triple:
    return (values[1], values[0], values[2])
