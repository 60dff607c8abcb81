"""Cartesian servo: the arm's dynamics at the tool, as a force-limited spring and damper.

The setpoint moves with the commanded twist and the spring pulls the tool after it. The state is the
spring's stretch ``e``, the lead of the setpoint over the tool. With ``v_s`` the commanded velocity,
``v`` the tool's velocity, and k, c from ``ServoConfig``, each step computes

    F  = k e + c (v_s - v),     |F| <= F_max,     |e| <= F_max / k
    e := e + (v_s - v') dt      v' = the tool's velocity after the step

and likewise for rotation, where ``e`` is the rotation vector of the (small) angle between setpoint
and tool. The bound on ``e`` is a following-error limit: the setpoint never leads by more than the
spring can pull, so there is no windup against an obstacle.

Vectors are plain tuples: a second of simulated time takes 250 steps and training runs tens of
thousands of steps per second, so the overhead of small arrays would exceed the cost of the physics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

from der_ros.errors import ConfigurationError
from der_ros.rotation import ZERO6, Six, Triple

# Explicit integration of the spring is accurate well below its limit omega dt = 2.
_MAX_PHASE_PER_STEP = 0.6


@dataclass(frozen=True, kw_only=True)
class ServoConfig:
    """Isotropic stiffness, damping and force limits of the arm at the tool.

    The defaults are those of a stiff industrial arm of 60 kg payload under position control
    (``ServoConfig.kr60()``); ``ServoConfig.soft()`` has a tenth of the stiffness, like an arm with
    a compliant wrist.

    Attributes:
        stiffness_n_per_m: Translational stiffness k, N/m.
        stiffness_nm_per_rad: Rotational stiffness k about the tcp, Nm/rad.
        damping_ratio: Damping ratio of translation and rotation,
            c = 2 * damping_ratio * sqrt(k * effective inertia).
        effective_mass_kg: Mass of arm and drives reflected to the tcp, kg.
        effective_inertia_kgm2: Inertia of arm and drives about the tcp, kg m^2.
        force_limit_n: Maximum force of the servo, N.
        torque_limit_nm: Maximum torque of the servo, Nm.
    """

    stiffness_n_per_m: float = 1e5
    stiffness_nm_per_rad: float = 1e4
    damping_ratio: float = 0.7
    effective_mass_kg: float = 20.0
    effective_inertia_kgm2: float = 2.0
    force_limit_n: float = 600.0
    torque_limit_nm: float = 100.0

    def __post_init__(self) -> None:
        """Check that all values are physical.

        Raises:
            ConfigurationError: A value is not finite and positive.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if not (isinstance(value, (int, float)) and 0.0 < value < math.inf):
                raise ConfigurationError(
                    f"ServoConfig.{field.name}: expected a finite number above 0, got {value!r}"
                )

    @classmethod
    def kr60(cls) -> ServoConfig:
        """Return the servo of a stiff arm such as the KR 60: 100 N/mm."""
        return cls()

    @classmethod
    def soft(cls) -> ServoConfig:
        """Return a servo with a tenth of the default stiffness and a third of the force limit."""
        return cls(
            stiffness_n_per_m=1e4,
            stiffness_nm_per_rad=1e3,
            damping_ratio=1.0,
            force_limit_n=200.0,
            torque_limit_nm=30.0,
        )

    @property
    def bandwidth_hz(self) -> float:
        """Undamped natural frequency of the translation, Hz; slower motion is tracked."""
        return math.sqrt(self.stiffness_n_per_m / self.effective_mass_kg) / (2.0 * math.pi)

    def require_stable(self, dt_s: float) -> None:
        """Check that the servo is not too stiff for the physics step.

        Args:
            dt_s: Physics step, s.

        Raises:
            ConfigurationError: ``sqrt(k / m) * dt`` is above 0.6.
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
    """Spring and damper of one arm; call ``pull`` once per physics step.

    Args:
        config: Stiffness, damping and limits.
        dt_s: Physics step, s.

    Attributes:
        stretch: Lead of the next step's setpoint over the tool's pose before the last step: three
            m, three rad, world axes. The next ``pull`` subtracts the tool's motion of that step.
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
        self._spring: Six = ZERO6

    @property
    def stretch(self) -> Six:
        """Lead of the setpoint: three m, three rad, world axes; see the class."""
        x, y, z, a, b, c = self._spring
        k, q = self._linear.stiffness, self._angular.stiffness
        return (x / k, y / k, z / k, a / q, b / q, c / q)

    @stretch.setter
    def stretch(self, value: Six) -> None:
        x, y, z, a, b, c = value
        k, q = self._linear.stiffness, self._angular.stiffness
        self._spring = (x * k, y * k, z * k, a * q, b * q, c * q)

    def pull(self, twist: Six, velocity: Triple, angular: Triple) -> tuple[Triple, Triple]:
        """Advance the setpoint by one step and return the load on the tool, all in world axes.

        Args:
            twist: Commanded twist, m/s and rad/s.
            velocity: Linear velocity of the tool, m/s.
            angular: Angular velocity of the tool, rad/s.

        Returns:
            Force (N) and torque (Nm) on the tool about its origin.
        """
        # The state is the spring force k e, which needs fewer multiplications than e.
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
    """Constants of the translation or the rotation in ``pull``."""

    stiffness: float
    rate: float  # change of the spring force per step and per m/s or rad/s
    damping: float
    limit: float
    limit_squared: float

    @classmethod
    def of(cls, stiffness: float, ratio: float, inertia: float, limit: float, dt_s: float) -> _Half:
        damping = 2.0 * ratio * math.sqrt(stiffness * inertia)
        return cls(stiffness, stiffness * dt_s, damping, limit, limit**2)


def _shortened(x: float, y: float, z: float, length: float) -> Triple:
    """Scale the vector (x, y, z) to the given length."""
    scale = length / math.sqrt(x * x + y * y + z * z)
    return x * scale, y * scale, z * scale
