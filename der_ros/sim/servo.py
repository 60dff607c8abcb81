"""The arm as its tool feels it: an effective mass on a spring and a damper of finite force.

The setpoint pose moves with the commanded twist; the tool is drawn after it. With ``x_s, v_s`` the
setpoint's position and velocity, ``x, v`` the tool's, and k, c from ``ServoConfig``

    F = k (x_s - x) + c (v_s - v),       |F| <= F_max,       |x_s - x| <= F_max / k

and the same for rotation. The last condition is a drive's following-error limit: the setpoint
never runs further ahead than the spring can pull, so nothing winds up against a wall.

The vectors here are plain tuples: at 250 to 1000 steps a second the overhead of small arrays
would cost more than the physics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TypeAlias

from der_ros.errors import ConfigurationError

Triple: TypeAlias = tuple[float, float, float]
Quadruple: TypeAlias = tuple[float, float, float, float]
Six: TypeAlias = tuple[float, float, float, float, float, float]

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
        """Refuses numbers that are not physical.

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
        """Refuses a servo that is too stiff for the physics step.

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
    """Setpoint and spring of one arm; ``pull`` is called once a physics step.

    Args:
        config: stiffness and limits.
        dt_s: the physics step.
    """

    def __init__(self, config: ServoConfig, dt_s: float) -> None:
        config.require_stable(dt_s)
        self._dt = dt_s
        self._k = config.stiffness_n_per_m
        self._kr = config.stiffness_nm_per_rad
        self._c = _damping(config.damping_ratio, self._k, config.effective_mass_kg)
        self._cr = _damping(config.damping_ratio, self._kr, config.effective_inertia_kgm2)
        self._force_limit = config.force_limit_n
        self._torque_limit = config.torque_limit_nm
        self._lead = config.force_limit_n / self._k
        self._lead_r = config.torque_limit_nm / self._kr
        self.position: Triple = (0.0, 0.0, 0.0)
        self.quaternion: Quadruple = (0.0, 0.0, 0.0, 1.0)

    def hold(self, position: Triple, quaternion: Quadruple) -> None:
        """Puts the setpoint there, at rest."""
        self.position = position
        self.quaternion = quaternion

    def pull(
        self,
        twist: Six,
        position: Triple,
        quaternion: Quadruple,
        velocity: Triple,
        angular: Triple,
    ) -> tuple[Triple, Triple]:
        """Moves the setpoint by one step and returns the spring's force (N) and torque (Nm).

        Args:
            twist: commanded, m/s and rad/s.
            position: the tool's, m.
            quaternion: the tool's, xyzw.
            velocity: the tool's, m/s.
            angular: the tool's, rad/s.

        Returns:
            Force and torque on the tool about its origin; everything in world axes.
        """
        return (
            self._pull_linear(twist, position, velocity),
            self._pull_angular(twist, quaternion, angular),
        )

    def _pull_linear(self, twist: Six, position: Triple, velocity: Triple) -> Triple:
        dt, k, c = self._dt, self._k, self._c
        x, y, z = position
        sx, sy, sz = self.position
        vx, vy, vz, _, _, _ = twist
        ex, ey, ez = sx + vx * dt - x, sy + vy * dt - y, sz + vz * dt - z
        square = ex * ex + ey * ey + ez * ez
        if square > self._lead * self._lead:
            scale = self._lead / math.sqrt(square)
            ex, ey, ez = ex * scale, ey * scale, ez * scale
        self.position = (x + ex, y + ey, z + ez)
        ux, uy, uz = velocity
        fx, fy, fz = k * ex + c * (vx - ux), k * ey + c * (vy - uy), k * ez + c * (vz - uz)
        square = fx * fx + fy * fy + fz * fz
        if square > self._force_limit * self._force_limit:
            scale = self._force_limit / math.sqrt(square)
            return fx * scale, fy * scale, fz * scale
        return fx, fy, fz

    def _pull_angular(self, twist: Six, quaternion: Quadruple, angular: Triple) -> Triple:
        k, c, half = self._kr, self._cr, 0.5 * self._dt
        _, _, _, wx, wy, wz = twist
        a, b, g, s = self.quaternion
        if wx or wy or wz:
            # q + dt/2 w q, made a unit again: the rotation vector w dt to third order.
            a, b, g, s = (
                a + half * (wx * s + wy * g - wz * b),
                b + half * (wy * s + wz * a - wx * g),
                g + half * (wz * s + wx * b - wy * a),
                s - half * (wx * a + wy * b + wz * g),
            )
            norm = 1.0 / math.sqrt(a * a + b * b + g * g + s * s)
            a, b, g, s = a * norm, b * norm, g * norm, s * norm
            self.quaternion = (a, b, g, s)
        x, y, z, w = quaternion
        # Twice the vector part of q_s q^-1: the rotation vector of the small angle between them.
        sign = 2.0 if a * x + b * y + g * z + s * w >= 0.0 else -2.0
        ex = sign * (a * w - s * x - b * z + g * y)
        ey = sign * (b * w - s * y - g * x + a * z)
        ez = sign * (g * w - s * z - a * y + b * x)
        square = ex * ex + ey * ey + ez * ez
        if square > self._lead_r * self._lead_r:
            scale = self._lead_r / math.sqrt(square)
            ex, ey, ez = ex * scale, ey * scale, ez * scale
            self.quaternion = _turned(quaternion, ex, ey, ez)
        ux, uy, uz = angular
        tx, ty, tz = k * ex + c * (wx - ux), k * ey + c * (wy - uy), k * ez + c * (wz - uz)
        square = tx * tx + ty * ty + tz * tz
        if square > self._torque_limit * self._torque_limit:
            scale = self._torque_limit / math.sqrt(square)
            return tx * scale, ty * scale, tz * scale
        return tx, ty, tz


def _damping(ratio: float, stiffness: float, inertia: float) -> float:
    return 2.0 * ratio * math.sqrt(stiffness * inertia)


def _turned(q: Quadruple, ex: float, ey: float, ez: float) -> Quadruple:
    """``q`` turned by the small rotation vector e in world axes."""
    x, y, z, w = q
    hx, hy, hz = 0.5 * ex, 0.5 * ey, 0.5 * ez
    hw = math.sqrt(max(0.0, 1.0 - hx * hx - hy * hy - hz * hz))
    return (
        hw * x + hx * w + hy * z - hz * y,
        hw * y + hy * w + hz * x - hx * z,
        hw * z + hz * w + hx * y - hy * x,
        hw * w - hx * x - hy * y - hz * z,
    )
