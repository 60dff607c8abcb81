"""Variation of one episode's world from the nominal one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from der_ros.errors import ConfigurationError
from der_ros.tasks.pieces import Piece


@dataclass(frozen=True, kw_only=True)
class Variation:
    """Changes that ``AssemblyWorld.reset`` makes for one episode; the defaults change nothing.

    Attributes:
        friction_scale: multiplies the coefficient of friction between the pieces.
        mass_scale: multiplies the held piece's mass and inertia; the controller knows its load.
        stiffness_scale: multiplies both stiffnesses of the servo; the damping ratio stays.
        compliance_stiffness_scale: multiplies the stiffnesses of the cell's compliance.
        ground: the ground piece of this episode, None for the task's own. A world keeps
            ``sim.ground.KEPT_PIECES`` of them ready: draw from no more than that many.
    """

    friction_scale: float = 1.0
    mass_scale: float = 1.0
    stiffness_scale: float = 1.0
    compliance_stiffness_scale: float = 1.0
    ground: Piece | None = None

    def __post_init__(self) -> None:
        """Refuse scales that no world could have.

        Raises:
            ConfigurationError: a scale is not finite, or negative, or zero where only friction
                may be.
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
