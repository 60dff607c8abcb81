"""Motion governor between a policy and a stiff robot: a pure function that limits each twist.

The same code runs in the simulated environment and in the robot's bridge, so a policy is trained
under exactly the interventions that it meets when deployed.

Symbols, all in task axes; linear and angular halves are treated alike, each with its own limits:
``u`` command, ``v0`` previous output twist, ``F`` wrench of the environment on the tool, ``p``
measured TCP position, ``dt`` cycle time, ``s`` speed limit, ``a`` acceleration limit, ``k`` yield
gain, ``n = F / |F|``. The steps, in order:

1. hard limit   ``|F| >= F_hard``: latch and output ``v = 0`` at once, until the caller starts from
                a new state.
2. not finite   If one of ``u, F, p, dt`` is not finite, or ``u`` or ``F`` is missing (``None``):
                ``u := 0``, and the bad value is not used. With a bad ``dt`` no ramp is possible:
                ``v = 0`` at once.
3. speed        ``u := u min(1, s / |u|)``; the direction is kept.
4. soft limit   ``|F| > F_soft``: with ``c = u . n`` (negative if u pushes against the force),
                ``u := u + (max(c, 0) + k (|F| - F_soft) - c) n``, limited to the speed limit again.
                ``v0 := v0 + max(0, (u - v0) . n) n``, so that step 5 never delays yielding. With a
                force budget, ``policy.force_budget`` limits ``u`` before that, and ``v0`` is
                changed at any force, below the soft limit up to 0 or the retreat that it asks for.
5. acceleration ``v = v0 + (u - v0) min(1, a dt / |u - v0|)``.
6. workspace    Before and after step 5, each axis moves outwards at most at
                ``2 d / (dt + sqrt(dt^2 + 2 d / a))``, with ``d`` the distance to the wall: from
                this speed it can still stop at the wall with ``a`` (the formula solves
                ``v dt + v^2 / 2a = d``). Inward motion is not limited.

The soft limit with a servo of stiffness ``K`` is the discrete integrator ``F <- F - k K dt (F -
F_soft)``, monotone for ``k K dt < 1`` and unstable above 2; see ``check_yield_stability``.

This is a programmed limit, not a rated safety function.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntFlag
from typing import NamedTuple, TypeAlias

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array
from der_ros.policy.force_budget import ContactLimits, keep_free_speed, keep_pressing, keep_turning
from der_ros.rotation import ZERO6, Six, Triple, added, dot, limited, scaled
from der_ros.settings import setting

Numbers: TypeAlias = Array | Sequence[float]

TYPICAL_CYCLE_S = 0.012
"""Cycle of a governor where it is not known, s: that of RSI in mode IPO."""
MAX_ACTION_REPEAT = 20
"""Largest number of control periods for which an action is kept."""

# A command at the limit may exceed it by float32 rounding; that is no intervention.
_SPEED_SLACK = 1.0 + 1e-6
_MAX_YIELD_LOOP_GAIN = 0.3
_MAY_BE_ZERO = ("reaction_delay_s", "touch_height_m")


class Intervention(IntFlag):
    """Flags that name why the output twist differs from the command."""

    SPEED = 1
    ACCELERATION = 2
    WORKSPACE = 4
    SOFT_FORCE = 8
    HARD_FORCE = 16
    NOT_FINITE = 32
    STALE = 64
    BUDGET = 128


_SPEED, _ACCELERATION, _WORKSPACE = 1, 2, 4
_SOFT_FORCE, _HARD_FORCE, _NOT_FINITE, _STALE, _BUDGET = 8, 16, 32, 64, 128
# Combining IntFlag members takes a microsecond each: plain integers inside, one look-up at the end.
_FLAGS = tuple(Intervention(bits) for bits in range(256))


@dataclass(frozen=True, kw_only=True)
class GovernorLimits(ContactLimits):
    """Limits that the governor enforces on the TCP's twist, task axes.

    Raises:
        ConfigurationError: A value is not a finite positive number, the workspace is empty, or a
            hard limit is not above its soft limit.
    """

    workspace_min_m: Triple = setting(
        (-0.1, -0.1, -0.05),
        "Lower corner of the box, in the task frame, in which the TCP may move; it brakes ahead of "
        "the walls, and passes one by at most its lag times its speed",
        unit="m",
        required=True,
    )
    workspace_max_m: Triple = setting(
        (0.1, 0.1, 0.2),
        "Upper corner of the box, in the task frame, in which the TCP may move",
        unit="m",
        required=True,
    )
    max_linear_speed_mps: float = setting(
        0.05, "Speed limit of the TCP", "m/s", 0.0, 2.0, tunable=True
    )
    max_angular_speed_radps: float = setting(
        0.05, "Speed limit of the TCP's rotation", "rad/s", 0.0, 4.0, tunable=True
    )
    max_linear_acceleration_mps2: float = setting(
        1.0, "Acceleration limit, except for giving way to a force", "m/s2", 0.0, 1e4
    )
    max_angular_acceleration_radps2: float = setting(
        2.0, "Angular acceleration limit, except for giving way to a torque", "rad/s2", 0.0, 1e4
    )
    soft_force_n: float = setting(
        50.0, "Force above which the tool gives way along it", "N", 0.0, 1e4, tunable=True
    )
    soft_torque_nm: float = setting(
        5.0, "Torque above which the tool gives way along it", "Nm", 0.0, 1e3, tunable=True
    )
    hard_force_n: float = setting(
        500.0, "Force at which everything stops and latches", "N", 0.0, 1e4, tunable=True
    )
    hard_torque_nm: float = setting(
        50.0, "Torque at which everything stops and latches", "Nm", 0.0, 1e3, tunable=True
    )
    yield_gain_mps_per_n: float = setting(
        1e-4, "Speed of giving way per newton above the soft limit", "m/s/N", 0.0, 1.0
    )
    yield_gain_radps_per_nm: float = setting(
        1e-3, "Speed of giving way per newton metre above the soft limit", "rad/s/Nm", 0.0, 10.0
    )

    def __post_init__(self) -> None:
        """Convert all values to floats and check them."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.startswith("workspace"):
                object.__setattr__(self, field.name, _corner(value, field.name))
            elif not (field.name in _MAY_BE_ZERO and value == 0.0):
                object.__setattr__(self, field.name, _positive(value, field.name))
        self._check_order()

    def _check_order(self) -> None:
        for axis, low, high in zip("xyz", self.workspace_min_m, self.workspace_max_m, strict=True):
            if not low < high:
                raise ConfigurationError(
                    f"workspace_min_m, workspace_max_m: expected min < max on {axis}, "
                    f"got {low} and {high}"
                )
        for soft, hard in (("soft_force_n", "hard_force_n"), ("soft_torque_nm", "hard_torque_nm")):
            if not getattr(self, soft) < getattr(self, hard):
                raise ConfigurationError(
                    f"{hard}: expected more than {soft} = {getattr(self, soft)}, "
                    f"got {getattr(self, hard)}"
                )

    def action_repeat(self, dt_s: float = TYPICAL_CYCLE_S) -> int:
        """Return the number of control periods for which a policy keeps each action.

        A tool that presses with half of the planned force P may slide and turn with the other half
        (``policy.force_budget``, step 2), so a budget slows this motion by the factor
        ``(Z s + Y w) / (P / 2)``; s and w are the speed limits. A policy that decides more rarely
        by that factor moves as far between two decisions as without a budget.

        Args:
            dt_s: Period of the governor, s.
        """
        if not self.has_budget:
            return 1
        fastest = self.impedance(dt_s) * self.max_linear_speed_mps
        fastest += self.turn_impedance(dt_s) * self.max_angular_speed_radps
        return min(MAX_ACTION_REPEAT, max(1, round(fastest / self.pressing_force_n)))

    def check_yield_stability(
        self, dt_s: float, stiffness_n_per_m: float, stiffness_nm_per_rad: float | None = None
    ) -> None:
        """Check that yielding does not oscillate against a servo of this stiffness.

        Args:
            dt_s: Period of the governor plus dead time of the force signal, s.
            stiffness_n_per_m: Combined stiffness of arm, tool, sensor and servo, N/m.
            stiffness_nm_per_rad: Combined rotational stiffness about the TCP, Nm/rad; None if
                unknown, then the angular gain is not checked.

        Raises:
            ConfigurationError: Gain x stiffness x dt is 0.3 or more; the message names the largest
                stable gain.
        """
        pairs = [("yield_gain_mps_per_n", stiffness_n_per_m)]
        if stiffness_nm_per_rad is not None:
            pairs.append(("yield_gain_radps_per_nm", stiffness_nm_per_rad))
        for name, stiffness in pairs:
            gain = float(getattr(self, name))
            if not gain * stiffness * dt_s < _MAX_YIELD_LOOP_GAIN:
                raise ConfigurationError(
                    f"{name}: expected gain x stiffness x dt < {_MAX_YIELD_LOOP_GAIN} so that "
                    f"giving way does not oscillate, got {gain} x {stiffness} x {dt_s} = "
                    f"{gain * stiffness * dt_s:.3g}; "
                    f"use at most {_MAX_YIELD_LOOP_GAIN / (stiffness * dt_s):.3g}"
                )


class GovernorState(NamedTuple):
    """State of the governor between two cycles.

    Attributes:
        twist: Previous output, vx..wz in m/s and rad/s, task axes.
        latched: True after a hard limit was reached; only a new state clears it.
    """

    twist: Six
    latched: bool

    @classmethod
    def rest(cls) -> GovernorState:
        """Return the state of a robot at rest, not latched."""
        return cls(ZERO6, False)


class Governed(NamedTuple):
    """Result of one cycle of the governor.

    Attributes:
        state: State for the next cycle; ``state.twist`` is the twist to send to the robot.
        interventions: Interventions on the command in this cycle.
    """

    state: GovernorState
    interventions: Intervention


def govern(
    limits: GovernorLimits,
    state: GovernorState,
    command: Numbers | None,
    wrench: Numbers | None,
    position: Numbers,
    dt_s: float,
) -> Governed:
    """Run one cycle of the motion governor; see the module for the equations.

    Args:
        limits: Limits to enforce.
        state: State from the previous cycle, or ``GovernorState.rest()``.
        command: Desired twist, (6,) m/s and rad/s, task axes; None if there is no fresh one.
        wrench: Wrench of the environment on the tool about the TCP, (6,) N and Nm, task axes; None
            if there is no fresh one.
        position: Measured TCP position, (3,) m, task frame.
        dt_s: Time until the next call, s.

    Returns:
        Next state, whose twist is finite and within the speed limits for any input, and the
        interventions.

    Raises:
        ConfigurationError: An argument has the wrong number of elements.
    """
    flags = _STALE if command is None or wrench is None else 0
    u, w, p = _six(command, "command"), _six(wrench, "wrench"), _three(position)
    return govern_numbers(limits, state, u, w, p, float(dt_s), flags)


def govern_numbers(
    limits: GovernorLimits,
    state: GovernorState,
    command: Six,
    wrench: Six,
    position: Triple,
    dt_s: float,
    flags: int = 0,
) -> Governed:
    """Run ``govern`` on tuples of floats without checking their sizes, for inner loops.

    Args:
        limits: Limits to enforce.
        state: State from the previous cycle, or ``GovernorState.rest()``.
        command: Desired twist, m/s and rad/s, task axes; never None.
        wrench: Wrench of the environment on the tool about the TCP, N and Nm, task axes; never
            None.
        position: Measured TCP position, m, task frame.
        dt_s: Time until the next call, s.
        flags: ``Intervention`` bits that are already known, such as ``STALE``.
    """
    u, w, p, (last, latched) = command, wrench, position, state
    if latched:
        return Governed(GovernorState(ZERO6, True), _FLAGS[_HARD_FORCE])
    force, torque = math.hypot(w[0], w[1], w[2]), math.hypot(w[3], w[4], w[5])
    if not (force < limits.hard_force_n and torque < limits.hard_torque_nm):
        if _reaches(w[:3], limits.hard_force_n) or _reaches(w[3:], limits.hard_torque_nm):
            return Governed(GovernorState(ZERO6, True), _FLAGS[flags | _HARD_FORCE])
        # Neither below its limit nor at or above it: not finite.
        w, force, torque, flags = ZERO6, 0.0, 0.0, flags | _NOT_FINITE
    if not (0.0 < dt_s < math.inf):
        return Governed(GovernorState.rest(), _FLAGS[flags & _STALE | _NOT_FINITE])
    # Walls are ignored when they are out of reach or the position is not finite.
    walls = not _far_from_walls(p, limits, dt_s)
    if not math.isfinite(sum(u + p + last)):
        last = last if _finite(last) else ZERO6
        walls = walls and _finite(p)
        flags |= 0 if _finite(u) and _finite(p) else _NOT_FINITE
    if flags:
        u = ZERO6
    speed, turn = limits.max_linear_speed_mps, limits.max_angular_speed_radps
    soft1, soft2 = limits.soft_force_n, limits.soft_torque_nm
    u1, more1 = _wish(u[:3], w[:3], force, speed, soft1, limits.yield_gain_mps_per_n)
    u2, more2 = _wish(u[3:], w[3:], torque, turn, soft2, limits.yield_gain_radps_per_nm)
    freed1 = freed2 = -math.inf
    if limits.has_budget:
        kept1, kept2 = _within_budget(limits, u1, u2, w, (force, torque), p[2], dt_s)
        if kept1 != u1 or kept2 != u2:
            u1, u2, flags = kept1, kept2, flags | _BUDGET
        freed1 = max(0.0, limits.least_speed_along(force, dt_s))
        freed2 = max(0.0, limits.least_turn_along(torque, force, dt_s))
    # Only here are the desired velocities final: what is freed must not exceed them.
    last1 = _freed(last[:3], u1, w[:3], force, math.inf if force > soft1 else freed1)
    last2 = _freed(last[3:], u2, w[3:], torque, math.inf if torque > soft2 else freed2)
    linear = _stay_inside(u1, p, limits, dt_s) if walls else u1
    if linear != u1:
        flags |= _WORKSPACE
    linear, slow1 = _approach(linear, last1, limits.max_linear_acceleration_mps2 * dt_s, speed)
    if slow1 and walls:
        # Walls take precedence over the acceleration limit when a measured position jumps.
        linear = _stay_inside(linear, p, limits, dt_s)
    angular, slow2 = _approach(u2, last2, limits.max_angular_acceleration_radps2 * dt_s, turn)
    return Governed(
        GovernorState(linear + angular, False), _FLAGS[flags | more1 | more2 | slow1 | slow2]
    )


def _wish(
    u: Triple, force: Triple, push: float, speed: float, soft: float, gain: float
) -> tuple[Triple, int]:
    """Apply steps 3 and 4 to one half, without a budget; return desired velocity and flags."""
    flags = 0
    norm = math.hypot(u[0], u[1], u[2])
    if norm > speed:
        u = scaled(u, speed / norm)
        if norm > speed * _SPEED_SLACK:
            flags = _SPEED
    if push > soft:
        flags |= _SOFT_FORCE
        n = (force[0] / push, force[1] / push, force[2] / push)
        along = dot(u, n)
        u = limited(added(u, n, max(along, 0.0) + gain * (push - soft) - along), speed)
    return u, flags


def _within_budget(
    limits: GovernorLimits,
    linear: Triple,
    angular: Triple,
    wrench: Six,
    push: tuple[float, float],
    height: float,
    dt_s: float,
) -> tuple[Triple, Triple]:
    """Return both desired velocities within the budget."""
    a = limits.max_linear_acceleration_mps2
    linear, angular = keep_free_speed(limits, linear, angular, height, a, dt_s)
    if push[0] > 0.0:
        linear, angular = keep_pressing(limits, linear, angular, wrench[:3], push[0], dt_s)
        linear = limited(linear, limits.max_linear_speed_mps)
    if push[1] > 0.0:
        angular = keep_turning(limits, angular, wrench[3:], push, dt_s)
        angular = limited(angular, limits.max_angular_speed_radps)
    return linear, angular


def _freed(last: Triple, u: Triple, force: Triple, push: float, most: float) -> Triple:
    """Return ``last`` with the velocity of ``u`` along the force, or ``most``, or more; step 4."""
    if push == 0.0 or most == -math.inf:
        return last
    n = (force[0] / push, force[1] / push, force[2] / push)
    return added(last, n, max(0.0, min(dot(u, n), most) - dot(last, n)))


def _approach(u: Triple, last: Triple, step: float, speed: float) -> tuple[Triple, int]:
    """Apply step 5 to one half; return the velocity, and the flag if it does not reach ``u``."""
    x, y, z = last
    dx, dy, dz = u[0] - x, u[1] - y, u[2] - z
    norm = math.hypot(dx, dy, dz)
    if norm <= step:
        return u, 0
    scale = step / norm
    # Only a caller's own state, or yielding, can leave the speed limit here.
    return limited((x + dx * scale, y + dy * scale, z + dz * scale), speed), _ACCELERATION


def _far_from_walls(p: Triple, limits: GovernorLimits, dt_s: float) -> bool:
    """Return True if step 6 changes nothing at any allowed speed."""
    x, y, z = p
    speed, low, high = limits.max_linear_speed_mps, limits.workspace_min_m, limits.workspace_max_m
    # d of step 6 at full speed, plus a margin for rounding.
    reach = 1.001 * speed * (dt_s + 0.5 * speed / limits.max_linear_acceleration_mps2)
    return (
        low[0] + reach < x < high[0] - reach
        and low[1] + reach < y < high[1] - reach
        and low[2] + reach < z < high[2] - reach
    )


def _stay_inside(v: Triple, p: Triple, limits: GovernorLimits, dt_s: float) -> Triple:
    """Apply step 6: limit the linear velocity so that the TCP stays inside the workspace."""
    low, high = limits.workspace_min_m, limits.workspace_max_m
    a = limits.max_linear_acceleration_mps2
    return (
        _braked(v[0], p[0], low[0], high[0], a, dt_s),
        _braked(v[1], p[1], low[1], high[1], a, dt_s),
        _braked(v[2], p[2], low[2], high[2], a, dt_s),
    )


def _braked(v: float, p: float, low: float, high: float, a: float, dt_s: float) -> float:
    """Apply step 6 to the velocity of one axis."""
    if v == 0.0:
        return v
    left = high - p if v > 0.0 else p - low
    if left <= 0.0:
        return 0.0
    most = 2.0 * left / (dt_s + math.sqrt(dt_s * dt_s + 2.0 * left / a))
    return min(v, most) if v > 0.0 else max(v, -most)


def _finite(values: tuple[float, ...]) -> bool:
    # Quick check first: a finite sum has finite terms. An infinite sum may be an overflow.
    return math.isfinite(sum(values)) or all(math.isfinite(value) for value in values)


def _reaches(v: Triple, limit: float) -> bool:
    return math.hypot(v[0], v[1], v[2]) >= limit and _finite(v)


def _six(values: Numbers | None, name: str) -> Six:
    if values is None:
        return ZERO6
    plain = values.tolist() if isinstance(values, np.ndarray) else values
    try:
        a, b, c, d, e, f = plain
        return (float(a), float(b), float(c), float(d), float(e), float(f))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{name}: expected 6 numbers, got {values!r}") from error


def _three(values: Numbers) -> Triple:
    plain = values.tolist() if isinstance(values, np.ndarray) else values
    try:
        a, b, c = plain
        return (float(a), float(b), float(c))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"position: expected 3 numbers, got {values!r}") from error


def _positive(value: object, name: str) -> float:
    number = float(value) if isinstance(value, (int, float, np.floating)) else math.nan
    if not (0.0 < number < math.inf):
        raise ConfigurationError(f"{name}: expected a finite number above zero, got {value!r}")
    return number


def _corner(values: Numbers, name: str) -> Triple:
    try:
        corner = _three(values)
    except ConfigurationError as error:
        raise ConfigurationError(f"{name}: expected 3 numbers, got {values!r}") from error
    if not _finite(corner):
        raise ConfigurationError(f"{name}: expected finite numbers, got {values!r}")
    return corner
