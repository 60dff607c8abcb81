"""Force budget: speed limits that keep contact forces within a bound.

Symbols: ``B`` budget, ``m`` effective mass of the arm at the tool, ``k`` stiffness in an impact
(structure, gripper, sensor and pieces in series), ``K`` stiffness in slow pressing (``k`` in series
with the drives), ``t`` time from a force to the drives' reaction, ``F`` measured force, ``n = F /
|F|``, ``T`` measured torque about the TCP, ``r`` lever arm of the farthest contact about the TCP.

A mass that hits a spring at the speed v stops at the force ``v sqrt(m k)``, since ``m v^2 / 2 =
F^2 / 2 k`` (K. L. Johnson, Contact Mechanics, 1985, section 11.1, with a linear spring). A tool
that turns at w hits with a point at the distance r, at the speed ``r w`` and at most with the whole
mass. Until the governor's reaction takes effect, the drives continue and add at most ``v K t`` and
``r w k t``; they turn more stiffly than a contact gives, so k stands there alone. All terms are
proportional to the speed, so two impedances, N per m/s and N per rad/s, describe the contact:

    Z = sqrt(m k) + K t
    Y = r (sqrt(m k) + k t)

The following steps run in this order, after the speed and soft force limits of
``policy.governor``, with ``P = 0.9 min(B, T_B / r)`` and ``T_B`` the torque budget:

1. free        Below ``touch_height_m``, ``Z |v| + Y |w|`` is at most ``P``. Above it, it is at most
               ``Z sqrt((P / Z)^2 + 2 a d)``, with ``d`` the remaining height and ``a`` the
               acceleration limit, so that the tool can still brake. Upward motion is not limited.
2. in contact  The velocity against the force is at most ``(P / 2 - |F|) / Z``, so pressing takes
               half of P. If ``|F| > P / 2``, this is negative: the tool retreats. The velocity
               along the force is not limited. The velocity u across the force and the rotation can
               meet a second contact, whose force may add to the first one: ``Z |u| + Y |w|`` is at
               most ``P - |F|``, or 0. A tool that presses can therefore still slide and turn.
3. torque      The rotation against the torque is at most ``(0.9 min(T_B, B r) - |T|) / (Y r)``. If
               this is negative, the tool turns back, which can meet another contact: at most at
               the rotation that step 2 permits, or at ``P / 4 Y``.

Step 2 is a discrete integrator with the loop gain ``K dt / Z``. The gain is below 1, since
``Z > K t`` and ``t`` includes the cycle, so the loop does not oscillate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from der_ros.errors import ConfigurationError
from der_ros.rotation import Triple, added, dot, scaled
from der_ros.settings import setting

NO_FORCE_BUDGET_N = 1e4
"""Force budget that means no limit, N."""
NO_TORQUE_BUDGET_NM = 1e3
"""Torque budget that means no limit, Nm."""
LEAST_SPEED_MPS = 0.002
"""Least speed that a budget must permit, m/s; an insertion of 30 mm then takes 15 s."""
_PLANNED_SHARE = 0.9
_PRESSING_SHARE = 0.5
_TURNING_BACK_SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class ContactLimits:
    """Force and torque budgets, and the contact model that they are computed with."""

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
        "Stiffness at the tool in an impact: arm, gripper, sensor and pieces in series",
        unit="N/m",
        minimum=1.0,
        maximum=1e9,
    )
    pressing_stiffness_n_per_m: float = setting(
        7.3e4,
        "Stiffness at the tool in slow pressing: contact and drives in series",
        unit="N/m",
        minimum=1.0,
        maximum=1e9,
    )
    reaction_delay_s: float = setting(
        0.024,
        "Time from a force to the drives' reaction to it, without the governor's cycle",
        unit="s",
        minimum=0.0,
        maximum=1.0,
    )
    contact_reach_m: float = setting(
        0.05, "Largest distance from the TCP to a contact", "m", 0.0, 10.0
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
        """Planned force P (see the module), N; the remaining 10 % of the budget cover noise."""
        return _PLANNED_SHARE * min(
            self.force_budget_n, self.torque_budget_nm / self.contact_reach_m
        )

    @cached_property
    def pressing_force_n(self) -> float:
        """Largest force that the tool presses with under the budgets, N; see step 2."""
        return _PRESSING_SHARE * self.planned_force_n

    @cached_property
    def planned_torque_nm(self) -> float:
        """Planned torque (see the module), Nm."""
        return _PLANNED_SHARE * min(
            self.torque_budget_nm, self.force_budget_n * self.contact_reach_m
        )

    @cached_property
    def _impact_impedance(self) -> float:
        return math.sqrt(self.contact_mass_kg * self.contact_stiffness_n_per_m)

    def impedance(self, dt_s: float) -> float:
        """Return the impedance Z, N per m/s, for a governor that runs every ``dt_s``."""
        delay_s = self.reaction_delay_s + dt_s
        return self._impact_impedance + self.pressing_stiffness_n_per_m * delay_s

    def turn_impedance(self, dt_s: float) -> float:
        """Return the impedance Y, N per rad/s, for a governor that runs every ``dt_s``."""
        drift = self.contact_stiffness_n_per_m * (self.reaction_delay_s + dt_s)
        return self.contact_reach_m * (self._impact_impedance + drift)

    def least_speed_along(self, push: float, dt_s: float) -> float:
        """Return the least velocity along a measured force, m/s; below 0, pressing is permitted."""
        return (push - self.pressing_force_n) / self.impedance(dt_s)

    def least_turn_along(self, twist: float, push: float, dt_s: float) -> float:
        """Return the least angular velocity along a measured torque, rad/s.

        Args:
            twist: Norm of the measured torque, Nm.
            push: Norm of the measured force, N.
            dt_s: Time until the next call, s.
        """
        impedance, planned = self.turn_impedance(dt_s), self.planned_force_n
        back = max(planned - push, _TURNING_BACK_SHARE * planned) / impedance
        least = (twist - self.planned_torque_nm) / (impedance * self.contact_reach_m)
        return min(least, back)

    def least_budget_n(self, dt_s: float) -> float:
        """Return the least force budget, N, that permits 2 mm/s at a cycle of ``dt_s``."""
        return self.impedance(dt_s) * LEAST_SPEED_MPS / _PLANNED_SHARE

    def check_budget(self, dt_s: float) -> None:
        """Check that the budgets are feasible for this contact and cycle.

        Args:
            dt_s: Period of the governor, s.

        Raises:
            ConfigurationError: A budget permits less than 2 mm/s; the message names the least
                feasible budget.
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
    """Apply step 1: scale both velocities so that an impact stays within the budget.

    Args:
        limits: Budgets and contact model.
        linear: Velocity of the TCP, m/s, task axes; z points away from the ground piece.
        angular: Angular velocity, rad/s, task axes.
        height: Height of the TCP in the task frame, m.
        acceleration: Linear acceleration limit, m/s2.
        dt_s: Time until the next call, s.
    """
    impedance = limits.impedance(dt_s)
    most = limits.planned_force_n
    if height > limits.touch_height_m:
        # Braking starts one cycle later.
        left = max(0.0, height - limits.touch_height_m - math.hypot(*linear) * dt_s)
        most = math.sqrt(most * most + 2.0 * acceleration * left * impedance * impedance)
    x, y, z = linear
    expected = impedance * math.hypot(x, y, min(z, 0.0))
    expected += limits.turn_impedance(dt_s) * math.hypot(*angular)
    if expected <= most:
        return linear, angular
    share = most / expected
    return (share * x, share * y, z if z > 0.0 else share * z), scaled(angular, share)


def keep_pressing(
    limits: ContactLimits, linear: Triple, angular: Triple, force: Triple, push: float, dt_s: float
) -> tuple[Triple, Triple]:
    """Apply step 2: limit the force of this contact and of a second one.

    Args:
        limits: Budgets and contact model.
        linear: Desired velocity of the TCP, m/s.
        angular: Desired angular velocity, rad/s.
        force: Measured force, N.
        push: Norm of ``force``, above 0.
        dt_s: Time until the next call, s.
    """
    planned, impedance = limits.planned_force_n, limits.impedance(dt_s)
    n = (force[0] / push, force[1] / push, force[2] / push)
    along = dot(linear, n)
    across = added(linear, n, -along)
    left = max(0.0, planned - push)
    turning = limits.turn_impedance(dt_s) * math.hypot(*angular)
    expected = impedance * math.hypot(*across) + turning
    if expected > left:
        across, angular = scaled(across, left / expected), scaled(angular, left / expected)
    return added(across, n, max(along, limits.least_speed_along(push, dt_s))), angular


def keep_turning(
    limits: ContactLimits,
    angular: Triple,
    torque: Triple,
    push: tuple[float, float],
    dt_s: float,
) -> Triple:
    """Apply step 3: limit the torque of this contact.

    Args:
        limits: Budgets and contact model.
        angular: Desired angular velocity, rad/s.
        torque: Measured torque about the TCP, Nm.
        push: Norms of the measured force, N, and of ``torque``, which is above 0.
        dt_s: Time until the next call, s.
    """
    force, twist = push
    n = (torque[0] / twist, torque[1] / twist, torque[2] / twist)
    along = dot(angular, n)
    return added(angular, n, max(along, limits.least_turn_along(twist, force, dt_s)) - along)
