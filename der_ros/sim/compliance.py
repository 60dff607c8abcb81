"""Compliance of a cell: springs in series between the arm's mass and the floor.

The four springs are the contact of the two pieces, the gripper, the force/torque sensor, and the
arm's structure and gears. Their compliances 1 / k add up. An impact of the arm's mass m at speed v
then peaks at v * sqrt(m k) and lasts pi * sqrt(m / k).

Values and sources:

- Contact: a rigid face of area A on a half-space, k = 2 a E / (1 - nu^2) with a = sqrt(A / pi)
  (K. L. Johnson, Contact Mechanics, section 3.8), halved for two pieces of the same material. With
  3 cm^2 in contact, spruce across the grain, E = 0.37 GPa (EN 338, C24) and nu = 0.35, gives
  4 MN/m; steel, E = 210 GPa and nu = 0.3, gives 2 GN/m.
- Sensor: ATI Delta SI-330-30, 36 MN/m across and 59 MN/m along its axis, 52 and 91 kNm/rad.
- Gripper: parallel jaws with 100 mm fingers (estimate).
- Arm: the stiffness of an articulated robot is below 1 N/um (Z. Pan, H. Zhang, Z. Zhu, J. Wang,
  "Chatter analysis of robotic machining process", 2006). For the iiwa: the joint stiffness of its
  predecessor, the LWR, about 10 kNm/rad (C. Jubien et al., 2014), at the reach used in the cell.
  Both are estimates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from der_ros.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Compliance:
    """Isotropic spring and damper, in translation and rotation.

    Attributes:
        stiffness_n_per_m: Translational stiffness, N/m.
        stiffness_nm_per_rad: Rotational stiffness about the task origin, Nm/rad.
        damping_time_s: Damping divided by stiffness, s, for translation and rotation. An impact
            that rings at omega rad/s has the damping ratio omega * damping_time_s / 2; the default
            gives 2 to 3 %, as for bolted steel and wood.
    """

    stiffness_n_per_m: float
    stiffness_nm_per_rad: float
    damping_time_s: float = 0.0005

    def __post_init__(self) -> None:
        """Check that all values are physical.

        Raises:
            ConfigurationError: A value is not finite and positive.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (is_number and 0.0 < value < math.inf):
                raise ConfigurationError(
                    f"Compliance.{field.name}: expected a finite number above 0, got {value!r}"
                )

    def scaled(self, factor: float) -> Compliance:
        """Return a copy with both stiffnesses multiplied by a factor."""
        return replace(
            self,
            stiffness_n_per_m=self.stiffness_n_per_m * factor,
            stiffness_nm_per_rad=self.stiffness_nm_per_rad * factor,
        )

    def softened_to(self, stiffness_n_per_m: float) -> Compliance:
        """Return a copy with this translational stiffness, the rotational one in proportion."""
        return self.scaled(stiffness_n_per_m / self.stiffness_n_per_m)


def in_series(parts: Iterable[Compliance]) -> Compliance:
    """Return the compliance of springs in series, with the first one's damping.

    Args:
        parts: Springs, at least one.
    """
    first, *rest = parts
    linear = sum(1.0 / part.stiffness_n_per_m for part in (first, *rest))
    angular = sum(1.0 / part.stiffness_nm_per_rad for part in (first, *rest))
    return replace(first, stiffness_n_per_m=1.0 / linear, stiffness_nm_per_rad=1.0 / angular)


SENSOR = Compliance(stiffness_n_per_m=5e7, stiffness_nm_per_rad=5e4)
GRIPPER = Compliance(stiffness_n_per_m=1e6, stiffness_nm_per_rad=2e4)
# Effectively rigid: the contact points already determine the rotational compliance.
_CONTACT_NM_PER_RAD = 1e6


def mounted(arm: Compliance, contact_n_per_m: float) -> Compliance:
    """Return the compliance of an arm in series with gripper, sensor and contact.

    Args:
        arm: Compliance of the arm's structure and gears, at the tool.
        contact_n_per_m: Contact stiffness of the two pieces, N/m.
    """
    contact = Compliance(
        stiffness_n_per_m=contact_n_per_m, stiffness_nm_per_rad=_CONTACT_NM_PER_RAD
    )
    return in_series((arm, GRIPPER, SENSOR, contact))
