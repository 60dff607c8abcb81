"""Conversion of twists to RSI corrections, within the travel that the controller allows.

Bridge and simulated controller use the same convention. In relative mode, each cycle's X, Y, Z
shift the TCP along the base axes, and each cycle's A, B, C rotate it about the base axes by
R = Rz(A) Ry(B) Rx(C), starting from its current pose; POSCORR and POSCORRMON use the plain sums of
the six numbers. In absolute mode, X..C are the shift and the rotation since ``RSI_MOVECORR``. A
cycle's rotation is converted exactly from rotation vector to Euler angles; the small-angle form
(A, B, C) ~ (wz, wy, wx) T holds only to first order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from der_ros.drivers.kuka.rsi_telegrams import NO_CORRECTION, Six
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, Twist, euler_zyx_from_quaternion
from der_ros.settings import check_ranges, setting

_DECIMALS = 4  # of the telegram
_SHIFT, _TURN = "shift", "turn"


@dataclass(frozen=True)
class CorrectionLimits:
    """Limits on the summed corrections since the start of RSI.

    Both limit lengths (of X, Y, Z and of A, B, C), so they lie within the controller's box
    (POSCORR) and ball (POSCORRMON) of the same size. Keep them below the controller's settings.
    """

    translation_mm: float = setting(
        200.0,
        "Largest distance from the pose at RSI_ON; below the controller's POSCORR and POSCORRMON",
        unit="mm",
        minimum=0.1,
        maximum=2000.0,
        name="max_correction_mm",
    )
    rotation_deg: float = setting(
        20.0,
        "Largest rotation from the pose at RSI_ON; below the controller's POSCORR and POSCORRMON",
        unit="deg",
        minimum=0.1,
        maximum=180.0,
        name="max_correction_deg",
    )

    def __post_init__(self) -> None:
        """Check the ranges of both limits.

        Raises:
            ConfigurationError: A limit is out of its range.
        """
        check_ranges(self)


class Correction(NamedTuple):
    """Correction of one cycle and its equivalent twist.

    Attributes:
        values: X, Y, Z in mm and A, B, C in degrees, rounded to the telegram's resolution.
        twist: Twist equivalent to ``values``, base axes, m/s and rad/s.
        refusal: Reason why translation or rotation was refused, or None.
    """

    values: Six
    twist: Twist
    refusal: str | None


class CorrectionTracker:
    """Conversion of twists to corrections, with the sum of their travel.

    The rounding error is carried to the next cycle, so slow motion is not lost. Motion back towards
    the start is never refused. Scalar code, because it runs between each telegram and its answer.
    """

    def __init__(self, limits: CorrectionLimits, absolute: bool = False) -> None:
        self._limits = limits
        self._absolute = absolute
        self.reset()

    def reset(self) -> None:
        """Start with no corrections, as after RSI_ON."""
        self._total: Six = NO_CORRECTION
        self._left_over: Six = NO_CORRECTION
        self._pose = Pose.identity()

    def set_travel(self, total: Six) -> None:
        """Replace the sums of a relative mode by measured ones: mm and degrees."""
        self._total = total

    @property
    def travel(self) -> tuple[float, float]:
        """Sum of all corrections: mm and degrees."""
        return math.hypot(*self._total[:3]), math.hypot(*self._total[3:])

    def step(self, twist: Twist, cycle_s: float) -> Correction:
        """Return the correction of one cycle.

        Args:
            twist: Desired twist of the TCP, base axes, m/s and rad/s; finite.
            cycle_s: Cycle of the controller, s.

        Raises:
            ConfigurationError: The twist is not finite.
        """
        velocity = (*twist.linear.tolist(), *twist.angular.tolist())
        if not all(map(math.isfinite, velocity)):
            raise ConfigurationError(f"twist: expected finite numbers, got {velocity}")
        if not any(velocity):
            self._left_over = NO_CORRECTION
            resting = _rounded(self._total) if self._absolute else NO_CORRECTION
            return Correction(resting, Twist.zero(), None)
        if self._absolute:
            return self._step_absolute(twist, cycle_s)
        return self._step_relative(velocity, cycle_s)

    def _step_relative(self, velocity: Sequence[float], cycle_s: float) -> Correction:
        vx, vy, vz, wx, wy, wz = [value * cycle_s for value in velocity]
        moved = (1000.0 * vx, 1000.0 * vy, 1000.0 * vz, *_abc_deg(wx, wy, wz))
        exact = _sum(moved, self._left_over)
        sent = _rounded(exact)
        total = _sum(self._total, sent)
        refusals = self._refusals(total)
        if refusals:
            keep_shift, keep_turn = _SHIFT not in refusals, _TURN not in refusals
            x, y, z, a, b, c = sent
            sent = (
                *((x, y, z) if keep_shift else (0.0, 0.0, 0.0)),
                *((a, b, c) if keep_turn else (0.0, 0.0, 0.0)),
            )
            total, exact = _sum(self._total, sent), sent
        self._total = total
        self._left_over = _sum(exact, sent, -1.0)
        return Correction(sent, _velocity(sent, cycle_s), self._refusal(refusals))

    def _step_absolute(self, twist: Twist, cycle_s: float) -> Correction:
        moved = self._pose.moved(twist.linear * cycle_s, twist.angular * cycle_s)
        x, y, z = (moved.position * 1000.0).tolist()
        a, b, c = map(math.degrees, euler_zyx_from_quaternion(moved.quaternion))
        total = (x, y, z, a, b, c)
        refusals = self._refusals(total)
        if refusals:
            return Correction(_rounded(self._total), Twist.zero(), self._refusal(refusals))
        self._pose, self._total = moved, total
        return Correction(_rounded(total), twist, None)

    def _refusals(self, total: Six) -> list[str]:
        """Return the parts of ``total`` that are beyond their limit and further than before."""
        refusals = []
        if _too_far(total[:3], self._total[:3], self._limits.translation_mm):
            refusals.append(_SHIFT)
        if _too_far(total[3:], self._total[3:], self._limits.rotation_deg):
            refusals.append(_TURN)
        return refusals

    def _refusal(self, refusals: list[str]) -> str | None:
        if not refusals:
            return None
        limits = {
            _SHIFT: f"corrections of {self._limits.translation_mm:g} mm",
            _TURN: f"corrections of {self._limits.rotation_deg:g} degrees",
        }
        return (
            f"the robot's limit on {' and '.join([limits[name] for name in refusals])} since the "
            "start of RSI would be exceeded; move back, or restart RSI at a nearer start pose, or "
            "raise the limits in the controller's context (POSCORR, POSCORRMON) and the bridge's "
            "parameters"
        )


def _velocity(values: Six, cycle_s: float) -> Twist:
    """Return the twist equivalent to a relative correction in one cycle."""
    x, y, z, a, b, c = values
    linear = (0.001 * x / cycle_s, 0.001 * y / cycle_s, 0.001 * z / cycle_s)
    wx, wy, wz = _rotation_vector(a, b, c)
    return Twist(np.array(linear), np.array((wx / cycle_s, wy / cycle_s, wz / cycle_s)))


def relative_motion(values: Six) -> tuple[Array, Array]:
    """Return displacement, (3,) m, and rotation vector, (3,) rad, of a correction, base axes.

    ``pose.moved(*relative_motion(values))`` is the pose after the correction.
    """
    x, y, z, a, b, c = values
    return np.array((0.001 * x, 0.001 * y, 0.001 * z)), np.array(_rotation_vector(a, b, c))


def _too_far(new: Sequence[float], old: Sequence[float], limit: float) -> bool:
    length = math.hypot(*new)
    return length > limit and length > math.hypot(*old)


def _sum(a: Six, b: Six, scale: float = 1.0) -> Six:
    """Return ``a + scale * b``, componentwise."""
    x, y, z, u, v, w = [p + scale * q for p, q in zip(a, b, strict=True)]
    return (x, y, z, u, v, w)


def _rounded(values: Six) -> Six:
    """Round to the telegram's resolution; adding zero turns -0.0 into 0.0."""
    x, y, z, a, b, c = [round(value, _DECIMALS) + 0.0 for value in values]
    return (x, y, z, a, b, c)


def _abc_deg(rx: float, ry: float, rz: float) -> tuple[float, float, float]:
    """Return A, B, C, degrees, of a rotation vector, rad, of less than a quarter turn."""
    angle = math.sqrt(rx * rx + ry * ry + rz * rz)
    if angle == 0.0:
        return (0.0, 0.0, 0.0)
    scale = math.sin(0.5 * angle) / angle
    x, y, z, w = rx * scale, ry * scale, rz * scale, math.cos(0.5 * angle)
    return (
        math.degrees(math.atan2(2.0 * (x * y + z * w), 1.0 - 2.0 * (y * y + z * z))),
        math.degrees(math.asin(max(-1.0, min(1.0, 2.0 * (y * w - x * z))))),
        math.degrees(math.atan2(2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y))),
    )


def _rotation_vector(a_deg: float, b_deg: float, c_deg: float) -> tuple[float, float, float]:
    """Return the rotation vector, rad, of R = Rz(A) Ry(B) Rx(C)."""
    if a_deg == 0.0 and b_deg == 0.0 and c_deg == 0.0:
        return (0.0, 0.0, 0.0)
    a, b, c = (0.5 * math.radians(angle) for angle in (a_deg, b_deg, c_deg))
    ca, sa, cb, sb, cc, sc = (
        math.cos(a),
        math.sin(a),
        math.cos(b),
        math.sin(b),
        math.cos(c),
        math.sin(c),
    )
    x, y = sc * cb * ca - cc * sb * sa, cc * sb * ca + sc * cb * sa
    z, w = cc * cb * sa - sc * sb * ca, cc * cb * ca + sc * sb * sa
    sine = math.sqrt(x * x + y * y + z * z)
    if sine < 1e-12:
        return (2.0 * x, 2.0 * y, 2.0 * z)
    scale = 2.0 * math.atan2(math.copysign(sine, w), abs(w)) / sine
    return (x * scale, y * scale, z * scale)
