"""Compliance of a cell: what gives between the arm's mass and the floor, as springs in series.

Four springs follow one another: the contact of the two pieces, the gripper, the force/torque
sensor, and the arm's own structure and gears. Their compliances 1 / k add up. An impact of the
arm's mass m at the speed v then has the peak v * sqrt(m k) and lasts pi * sqrt(m / k).

The figures and their sources:

- contact: a rigid face of area A on a half-space, k = 2 a E / (1 - nu^2) with a = sqrt(A / pi)
  (K. L. Johnson, Contact Mechanics, section 3.8), and half of that for two pieces that are alike.
  With 3 cm^2 that touch: spruce across the grain, E = 0.37 GPa (EN 338, C24) and nu = 0.35, gives
  4 MN/m; steel, E = 210 GPa and nu = 0.3, gives 2 GN/m.
- sensor: ATI Delta SI-330-30, 36 MN/m across and 59 MN/m along its axis, 52 and 91 kNm/rad.
- gripper: parallel jaws with fingers of 100 mm, an estimate.
- arm: an articulated robot gives less than 1 N/um (Z. Pan, H. Zhang, Z. Zhu, J. Wang, "Chatter
  analysis of robotic machining process", 2006); of the iiwa, the joint stiffnesses of its elder
  brother, about 10 kNm/rad (C. Jubien et al., 2014), at the reach of the cell. Estimates, both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from der_ros.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Compliance:
    """A spring and damper along and about every axis.

    Attributes:
        stiffness_n_per_m: of the translation.
        stiffness_nm_per_rad: of the rotation about the task's origin.
        damping_time_s: damping over stiffness, of both. An impact that rings with omega has the
            damping ratio omega * damping_time_s / 2: the default is 2 to 3 %, as of bolted steel
            and wood.
    """

    stiffness_n_per_m: float
    stiffness_nm_per_rad: float
    damping_time_s: float = 0.0005

    def __post_init__(self) -> None:
        """Refuse numbers that are not physical.

        Raises:
            ConfigurationError: one of them is not finite and positive.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (is_number and 0.0 < value < math.inf):
                raise ConfigurationError(
                    f"Compliance.{field.name}: expected a finite number above 0, got {value!r}"
                )

    def scaled(self, factor: float) -> Compliance:
        """Return the same with both stiffnesses times a factor."""
        return replace(
            self,
            stiffness_n_per_m=self.stiffness_n_per_m * factor,
            stiffness_nm_per_rad=self.stiffness_nm_per_rad * factor,
        )

    def softened_to(self, stiffness_n_per_m: float) -> Compliance:
        """Return the same with this stiffness, and that of the rotation in proportion."""
        return self.scaled(stiffness_n_per_m / self.stiffness_n_per_m)


def in_series(parts: Iterable[Compliance]) -> Compliance:
    """Return the compliance of springs that follow one another, with the first one's damping.

    Args:
        parts: at least one.
    """
    first, *rest = parts
    linear = sum(1.0 / part.stiffness_n_per_m for part in (first, *rest))
    angular = sum(1.0 / part.stiffness_nm_per_rad for part in (first, *rest))
    return replace(first, stiffness_n_per_m=1.0 / linear, stiffness_nm_per_rad=1.0 / angular)


SENSOR = Compliance(stiffness_n_per_m=5e7, stiffness_nm_per_rad=5e4)
GRIPPER = Compliance(stiffness_n_per_m=1e6, stiffness_nm_per_rad=2e4)
# What touches turns about itself: a contact's points give its rotation by themselves.
_CONTACT_NM_PER_RAD = 1e6


def mounted(arm: Compliance, contact_n_per_m: float) -> Compliance:
    """Return an arm in series with gripper, sensor and the contact of two pieces.

    Args:
        arm: its structure and gears, at the tool.
        contact_n_per_m: stiffness of the pieces where they touch.
    """
    contact = Compliance(
        stiffness_n_per_m=contact_n_per_m, stiffness_nm_per_rad=_CONTACT_NM_PER_RAD
    )
    return in_series((arm, GRIPPER, SENSOR, contact))
