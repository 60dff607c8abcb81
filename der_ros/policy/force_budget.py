"""The force budget: how quick and how hard a governed tool may meet something.

Symbols: ``B`` budget, ``m`` mass of the arm as felt at the tool, ``k`` stiffness of what gives in
an impact (structure, gripper, sensor, pieces), ``K`` stiffness felt in slow pressing (the same in
series with the drives), ``t`` time from a force to the drives' answer to it, ``F`` measured force,
``n = F / |F|``, ``r`` lever of the farthest contact about the TCP.

A mass that meets a spring at the speed v stops at the force ``v sqrt(m k)``, since ``m v^2 / 2 =
F^2 / 2 k`` (K. L. Johnson, Contact Mechanics, 1985, section 11.1, with a linear spring). Until the
governor's answer arrives, the drives go on at v and add at most ``v K t``. Both are in proportion
to the speed, so the contact is described by one impedance, N for each m/s:

    Z = sqrt(m k) + K t

In this order, after the limits of speed and force of ``policy.governor`` and with ``P = 0.9 B``:

1. free        below ``touch_height_m`` the contact point's speed, ``|v| + r |w|``, is at most
               ``P / Z``; above it, at most ``sqrt((P / Z)^2 + 2 a d)`` with ``d`` the height left
               and ``a`` the acceleration limit, so it can still brake. Upwards is free;
2. in contact  the velocity against the force is at most ``(P - |F|) / Z``. Beyond P that is
               negative: the tool gives way. Across the force it is at most
               ``sqrt(P^2 - |F|^2) / Z``, so that the sum of both forces stays within P. Along the
               force is free.

Rotation is treated as the speed of the farthest contact point: ``Z r^2`` in place of ``Z``, and
``min(T, B r)`` in place of ``B``, with ``T`` the torque budget.

The law of step 2 is a discrete integrator with the loop gain ``K dt / Z``, which is below 1 since
``Z > K t`` and ``t`` holds the cycle: it never oscillates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from der_ros.errors import ConfigurationError
from der_ros.rotation import Triple, added, dot, scaled
from der_ros.settings import setting

NO_FORCE_BUDGET_N = 1e4
"""Force budget that limits nothing, N."""
NO_TORQUE_BUDGET_NM = 1e3
"""Torque budget that limits nothing, Nm."""
LEAST_SPEED_MPS = 0.002
"""Speed that a budget must leave, m/s: an assembly of 30 mm then takes 15 s."""
_PLANNED_SHARE = 0.9


@dataclass(frozen=True, kw_only=True)
class ContactLimits:
    """Budget of force and torque, and the contact that it is kept in."""

    force_budget_n: float = setting(
        NO_FORCE_BUDGET_N,
        "Largest force that a contact may reach; 10000: no budget",
        "N",
        0.0,
        NO_FORCE_BUDGET_N,
        tunable=True,
    )
    torque_budget_nm: float = setting(
        NO_TORQUE_BUDGET_NM,
        "Largest torque about the TCP that a contact may reach; 1000: no budget",
        "Nm",
        0.0,
        NO_TORQUE_BUDGET_NM,
        tunable=True,
    )
    contact_mass_kg: float = setting(
        80.0, "Mass of the arm as felt at the tool in an impact", "kg", 0.0, 1e4
    )
    contact_stiffness_n_per_m: float = setting(
        2.6e5,
        "Stiffness of what gives in an impact: arm, gripper, sensor and pieces in series",
        unit="N/m",
        minimum=1.0,
        maximum=1e9,
    )
    pressing_stiffness_n_per_m: float = setting(
        7.3e4,
        "Stiffness felt in slow pressing: that of the contact in series with the drives'",
        unit="N/m",
        minimum=1.0,
        maximum=1e9,
    )
    reaction_delay_s: float = setting(
        0.024,
        "Time from a force to the drives' answer, beside the cycle of the governor",
        unit="s",
        minimum=0.0,
        maximum=1.0,
    )
    contact_reach_m: float = setting(
        0.05, "Lever of the farthest contact about the TCP", "m", 0.0, 10.0
    )
    touch_height_m: float = setting(
        10.0,
        "Height of the TCP in the task frame above which the pieces cannot touch; a budget limits "
        "no speed there",
        unit="m",
        minimum=0.0,
        maximum=10.0,
    )

    @cached_property
    def has_budget(self) -> bool:
        """True if a force or a torque budget is set."""
        return (
            self.force_budget_n < NO_FORCE_BUDGET_N or self.torque_budget_nm < NO_TORQUE_BUDGET_NM
        )

    @cached_property
    def planned_force_n(self) -> float:
        """P of the module's docstring, N: what is left of it is for noise."""
        return _PLANNED_SHARE * min(
            self.force_budget_n, self.torque_budget_nm / self.contact_reach_m
        )

    @cached_property
    def planned_torque_nm(self) -> float:
        """The same for the torque, Nm."""
        return _PLANNED_SHARE * min(
            self.torque_budget_nm, self.force_budget_n * self.contact_reach_m
        )

    @cached_property
    def _impact_impedance(self) -> float:
        return math.sqrt(self.contact_mass_kg * self.contact_stiffness_n_per_m)

    def impedance(self, dt_s: float) -> float:
        """Return Z, N for each m/s, of a governor that runs every ``dt_s``."""
        delay_s = self.reaction_delay_s + dt_s
        return self._impact_impedance + self.pressing_stiffness_n_per_m * delay_s

    def least_budget_n(self, dt_s: float) -> float:
        """Return the least force budget, N, that leaves 2 mm/s with a cycle of ``dt_s``."""
        return self.impedance(dt_s) * LEAST_SPEED_MPS / _PLANNED_SHARE

    def check_budget(self, dt_s: float) -> None:
        """Check that the budgets can be kept with this contact and this cycle.

        Args:
            dt_s: period at which the governor runs.

        Raises:
            ConfigurationError: a budget leaves less than 2 mm/s; it names the least that can be
                kept.
        """
        if not self.has_budget:
            return
        least_n = self.least_budget_n(dt_s)
        for name, budget, least, unit in (
            ("force_budget_n", self.force_budget_n, least_n, "N"),
            ("torque_budget_nm", self.torque_budget_nm, least_n * self.contact_reach_m, "Nm"),
        ):
            if budget < least:
                raise ConfigurationError(
                    f"{name}: expected at least {math.ceil(100.0 * least) / 100.0:g} {unit}, the "
                    f"least that can be kept at {1e3 * LEAST_SPEED_MPS:g} mm/s with "
                    f"{self.contact_mass_kg:g} kg, {self.contact_stiffness_n_per_m:g} N/m and "
                    f"{1e3 * (self.reaction_delay_s + dt_s):g} ms until the drives answer; got "
                    f"{budget:g}. Allow more, or correct the contact's parameters"
                )


def keep_free_speed(
    limits: ContactLimits,
    linear: Triple,
    angular: Triple,
    height: float,
    acceleration: float,
    dt_s: float,
) -> tuple[Triple, Triple]:
    """Return step 1: both velocities, so slow that what they meet stays within the budget.

    Args:
        limits: budget and contact.
        linear: velocity of the TCP, m/s, task axes; z points away from the ground piece.
        angular: rad/s.
        height: of the TCP in the task frame, m.
        acceleration: limit of the linear acceleration, m/s2.
        dt_s: time until the next call.
    """
    most = limits.planned_force_n / limits.impedance(dt_s)
    if height > limits.touch_height_m:
        # The way of one cycle is lost before the brake acts.
        left = max(0.0, height - limits.touch_height_m - math.hypot(*linear) * dt_s)
        most = math.sqrt(most * most + 2.0 * acceleration * left)
    x, y, z = linear
    speed = math.hypot(x, y, min(z, 0.0)) + limits.contact_reach_m * math.hypot(*angular)
    if speed <= most:
        return linear, angular
    share = most / speed
    return (share * x, share * y, z if z > 0.0 else share * z), scaled(angular, share)


def keep_pressing(
    velocity: Triple, force: Triple, push: float, planned: float, impedance: float
) -> Triple:
    """Return step 2 of a half: the velocity, so that the force grows to ``planned`` and no further.

    Args:
        velocity: wanted, m/s or rad/s.
        force: measured, N or Nm.
        push: its length, above 0.
        planned: N or Nm.
        impedance: N for each m/s, or Nm for each rad/s.
    """
    n = (force[0] / push, force[1] / push, force[2] / push)
    along = dot(velocity, n)
    across = added(velocity, n, -along)
    most = math.sqrt(max(0.0, planned * planned - push * push)) / impedance
    speed = math.hypot(*across)
    if speed > most:
        across = scaled(across, most / speed)
    return added(across, n, max(along, (push - planned) / impedance))
