"""Variation of an episode's world from the nominal one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from der_ros.errors import ConfigurationError
from der_ros.tasks.pieces import Piece


@dataclass(frozen=True, kw_only=True)
class Variation:
    """Changes that ``AssemblyWorld.reset`` makes for one episode; the defaults change nothing.

    Attributes:
        friction_scale: Factor of the friction coefficient between the pieces.
        mass_scale: Factor of the held piece's mass and inertia; the controller's load data follow.
        stiffness_scale: Factor of both stiffnesses of the servo; the damping ratio is kept.
        compliance_stiffness_scale: Factor of both stiffnesses of the cell's compliance.
        ground: Ground piece of this episode; None for the task's own. A world caches
            ``sim.ground_cache.KEPT_PIECES`` of them: draw from at most that many.
    """

    friction_scale: float = 1.0
    mass_scale: float = 1.0
    stiffness_scale: float = 1.0
    compliance_stiffness_scale: float = 1.0
    ground: Piece | None = None

    def __post_init__(self) -> None:
        """Check that all scales are physical.

        Raises:
            ConfigurationError: A scale is not finite or not positive; only friction may be zero.
        """
        for name in (
            "friction_scale",
            "mass_scale",
            "stiffness_scale",
            "compliance_stiffness_scale",
        ):
            value = getattr(self, name)
            above = value >= 0.0 if name == "friction_scale" else value > 0.0
            if not (above and value < math.inf):
                raise ConfigurationError(
                    f"Variation.{name}: expected a finite factor above 0, got {value!r}"
                )


NOMINAL = Variation()
