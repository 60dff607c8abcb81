"""The arm as its tool feels it: an effective mass on a spring and a damper of finite force.

The setpoint moves with the commanded twist and the tool is drawn after it. What is kept is the
spring's stretch ``e``, how far the setpoint is ahead of the tool. With ``v_s`` the commanded and
``v`` the tool's velocity, and k, c from ``ServoConfig``, each step does

    F  = k e + c (v_s - v),     |F| <= F_max,     |e| <= F_max / k
    e := e + (v_s - v') dt      v' = the tool's velocity after the step

and the same for rotation, where ``e`` is the rotation vector of the (small) angle between setpoint
and tool. The bound on ``e`` is a drive's following-error limit: the setpoint never runs further
ahead than the spring can pull, so nothing winds up against a wall.

The vectors here are plain tuples: at 250 steps a second of simulated time and tens of thousands of
real time, the overhead of small arrays would cost more than the physics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

from der_ros.errors import ConfigurationError
from der_ros.rotation import Six, Triple

_ZERO6: Six = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
# Explicit integration of the spring is accurate well below its limit omega dt = 2.
_MAX_PHASE_PER_STEP = 0.6


@dataclass(frozen=True, kw_only=True)
class ServoConfig:
    """Stiffness, damping and force of the arm at its tool, the same along and about every axis.

    The defaults are those of a stiff industrial arm of 60 kg payload under position control
    (``ServoConfig.kr60()``); ``ServoConfig.soft()`` is ten times softer, like an arm with
    compliance at its wrist.

    Attributes:
        stiffness_n_per_m: k of the translation.
        stiffness_nm_per_rad: k of the rotation about the tcp.
        damping_ratio: c = 2 * damping_ratio * sqrt(k * effective mass), of both.
        effective_mass_kg: inertia of arm and drives as felt at the tcp.
        effective_inertia_kgm2: the same of the rotation.
        force_limit_n: the most that the arm pushes.
        torque_limit_nm: the most that it turns.
    """

    stiffness_n_per_m: float = 1e5
    stiffness_nm_per_rad: float = 1e4
    damping_ratio: float = 0.7
    effective_mass_kg: float = 20.0
    effective_inertia_kgm2: float = 2.0
    force_limit_n: float = 600.0
    torque_limit_nm: float = 100.0

    def __post_init__(self) -> None:
        """Refuse numbers that are not physical.

        Raises:
            ConfigurationError: one of them is not finite and positive.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if not (isinstance(value, (int, float)) and 0.0 < value < math.inf):
                raise ConfigurationError(
                    f"ServoConfig.{field.name}: expected a finite number above 0, got {value!r}"
                )

    @classmethod
    def kr60(cls) -> ServoConfig:
        """A stiff arm like the KR 60: 100 N for each millimetre."""
        return cls()

    @classmethod
    def soft(cls) -> ServoConfig:
        """A tenth of the stiffness, and a third of the force."""
        return cls(
            stiffness_n_per_m=1e4,
            stiffness_nm_per_rad=1e3,
            damping_ratio=1.0,
            force_limit_n=200.0,
            torque_limit_nm=30.0,
        )

    @property
    def bandwidth_hz(self) -> float:
        """Undamped natural frequency of the translation; motion well below it is followed."""
        return math.sqrt(self.stiffness_n_per_m / self.effective_mass_kg) / (2.0 * math.pi)

    def require_stable(self, dt_s: float) -> None:
        """Refuse a servo that is too stiff for the physics step.

        Args:
            dt_s: the physics step.

        Raises:
            ConfigurationError: ``sqrt(k / m) * dt`` is more than 0.6; it names the remedy.
        """
        for stiffness, inertia, what in (
            (self.stiffness_n_per_m, self.effective_mass_kg, "stiffness_n_per_m"),
            (self.stiffness_nm_per_rad, self.effective_inertia_kgm2, "stiffness_nm_per_rad"),
        ):
            phase = math.sqrt(stiffness / inertia) * dt_s
            if phase > _MAX_PHASE_PER_STEP:
                raise ConfigurationError(
                    f"ServoConfig.{what}: expected sqrt(stiffness / inertia) * {dt_s} s <= "
                    f"{_MAX_PHASE_PER_STEP}, got {phase:.2f}; lower it or the physics step"
                )


class CartesianServo:
    """Spring and damper of one arm; ``pull`` is called once a physics step.

    Args:
        config: stiffness and limits.
        dt_s: the physics step.

    Attributes:
        stretch: how far the setpoint of the next step is ahead of where the tool was before the
            last one (its way of that step is taken off when ``pull`` learns of it): three m,
            three rad, world axes.
    """

    def __init__(self, config: ServoConfig, dt_s: float) -> None:
        config.require_stable(dt_s)
        self._linear = _Half.of(
            config.stiffness_n_per_m,
            config.damping_ratio,
            config.effective_mass_kg,
            config.force_limit_n,
            dt_s,
        )
        self._angular = _Half.of(
            config.stiffness_nm_per_rad,
            config.damping_ratio,
            config.effective_inertia_kgm2,
            config.torque_limit_nm,
            dt_s,
        )
        self._spring: Six = _ZERO6

    @property
    def stretch(self) -> Six:
        """Lead of the setpoint; see the class."""
        x, y, z, a, b, c = self._spring
        k, q = self._linear.stiffness, self._angular.stiffness
        return (x / k, y / k, z / k, a / q, b / q, c / q)

    @stretch.setter
    def stretch(self, value: Six) -> None:
        x, y, z, a, b, c = value
        k, q = self._linear.stiffness, self._angular.stiffness
        self._spring = (x * k, y * k, z * k, a * q, b * q, c * q)

    def pull(self, twist: Six, velocity: Triple, angular: Triple) -> tuple[Triple, Triple]:
        """Move the setpoint by one step.

        Args:
            twist: commanded, m/s and rad/s.
            velocity: the tool's, m/s.
            angular: the tool's, rad/s.

        Returns:
            Force (N) and torque (Nm) on the tool about its origin; everything in world axes.
        """
        # What is kept and changed is k e, the spring's force, which takes fewer products than e.
        x, y, z, a, b, c = self._spring
        sx, sy, sz, sa, sb, sc = twist
        ux, uy, uz = velocity
        ua, ub, uc = angular
        _, rate, damping, limit, limit_squared = self._linear
        x, y, z = x - rate * ux, y - rate * uy, z - rate * uz
        if x * x + y * y + z * z > limit_squared:
            x, y, z = _shortened(x, y, z, limit)
        fx, fy, fz = x + damping * (sx - ux), y + damping * (sy - uy), z + damping * (sz - uz)
        if fx * fx + fy * fy + fz * fz > limit_squared:
            fx, fy, fz = _shortened(fx, fy, fz, limit)
        _, turn_rate, damping, limit, limit_squared = self._angular
        a, b, c = a - turn_rate * ua, b - turn_rate * ub, c - turn_rate * uc
        if a * a + b * b + c * c > limit_squared:
            a, b, c = _shortened(a, b, c, limit)
        tx, ty, tz = a + damping * (sa - ua), b + damping * (sb - ub), c + damping * (sc - uc)
        if tx * tx + ty * ty + tz * tz > limit_squared:
            tx, ty, tz = _shortened(tx, ty, tz, limit)
        self._spring = (
            x + rate * sx,
            y + rate * sy,
            z + rate * sz,
            a + turn_rate * sa,
            b + turn_rate * sb,
            c + turn_rate * sc,
        )
        return (fx, fy, fz), (tx, ty, tz)


class _Half(NamedTuple):
    """Constants of the linear or the angular half of ``pull``."""

    stiffness: float
    rate: float  # of the spring's force, for each m/s or rad/s and step
    damping: float
    limit: float
    limit_squared: float

    @classmethod
    def of(cls, stiffness: float, ratio: float, inertia: float, limit: float, dt_s: float) -> _Half:
        damping = 2.0 * ratio * math.sqrt(stiffness * inertia)
        return cls(stiffness, stiffness * dt_s, damping, limit, limit**2)


def _shortened(x: float, y: float, z: float, length: float) -> Triple:
    """The vector (x, y, z), cut to ``length``."""
    scale = length / math.sqrt(x * x + y * y + z * z)
    return x * scale, y * scale, z * scale
