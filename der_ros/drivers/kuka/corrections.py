"""From a twist to the corrections of RSI, with the travel that the controller allows.

How the controller composes them (the simulated one and the bridge hold to this alike): in the
relative mode each cycle's X, Y, Z shift the TCP along the base's axes, and each cycle's A, B, C
turn it about the base's axes by R = Rz(A) Ry(B) Rx(C), on top of where it is; POSCORR and its
monitor count the plain sums of the six numbers. In the absolute mode X..C are the shift and the
turn since ``RSI_MOVECORR``. A cycle's turn is converted exactly (rotation vector to Euler angles),
so the small-angle form (A, B, C) ~ (wz, wy, wx) T holds only to first order here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from der_ros.drivers.kuka.rsi import NO_CORRECTION, Six
from der_ros.errors import ConfigurationError
from der_ros.geometry import (
    Array,
    Pose,
    Twist,
    euler_zyx_from_quaternion,
    quaternion_from_euler_zyx,
    quaternion_from_rotation_vector,
    rotation_vector_from_quaternion,
)

_DECIMALS = 4  # of the telegram


@dataclass(frozen=True)
class CorrectionLimits:
    """How far corrections may lead since the start of RSI.

    Both are limits on lengths (of X, Y, Z and of A, B, C), so they lie inside the controller's box
    (POSCORR) and ball (POSCORRMON) of the same size. Keep them below what is set there.

    Attributes:
        translation_mm: of the summed X, Y, Z.
        rotation_deg: of the summed A, B, C.
    """

    translation_mm: float = 200.0
    rotation_deg: float = 20.0

    def __post_init__(self) -> None:
        """Checks that both are finite and positive.

        Raises:
            ConfigurationError: one is not.
        """
        for name in ("translation_mm", "rotation_deg"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ConfigurationError(f"{name}: expected a number above zero, got {value}")


class Correction(NamedTuple):
    """One cycle's answer.

    Attributes:
        values: X, Y, Z mm, A, B, C degrees, rounded to what the telegram carries.
        twist: the motion that ``values`` is, base axes, m/s and rad/s.
        refusal: why a part was refused, or None.
    """

    values: Six
    twist: Twist
    refusal: str | None


class CorrectionTracker:
    """Turns twists into corrections and counts how far they have led.

    What rounding leaves over is carried to the next cycle, so a slow motion does not vanish.
    A motion that leads back towards the start is never refused.
    """

    def __init__(self, limits: CorrectionLimits, absolute: bool = False) -> None:
        self._limits = limits
        self._absolute = absolute
        self.reset()

    def reset(self) -> None:
        """A new start of RSI: nothing corrected yet."""
        self._shift_mm: Array = np.zeros(3)
        self._turn_deg: Array = np.zeros(3)
        self._pose = Pose.identity()
        self._left_over: Array = np.zeros(6)

    @property
    def travel(self) -> tuple[float, float]:
        """How far the corrections have led: mm and degrees."""
        return float(np.linalg.norm(self._shift_mm)), float(np.linalg.norm(self._turn_deg))

    def step(self, twist: Twist, cycle_s: float) -> Correction:
        """One cycle.

        Args:
            twist: wanted motion of the TCP, base axes, m/s and rad/s; finite.
            cycle_s: the controller's cycle.

        Raises:
            ConfigurationError: the twist is not finite.
        """
        wanted = twist.to_array() * cycle_s
        if not np.isfinite(wanted).all():
            raise ConfigurationError(f"twist: expected finite numbers, got {twist.to_array()}")
        if not wanted.any():
            self._left_over = np.zeros(6)
            return Correction(self._resting(), Twist.zero(), None)
        return (
            self._step_absolute(wanted, cycle_s) if self._absolute else self._add(wanted, cycle_s)
        )

    def _resting(self) -> Six:
        return self._total() if self._absolute else NO_CORRECTION

    def _add(self, wanted: Array, cycle_s: float) -> Correction:
        exact = np.concatenate((wanted[:3] * 1000.0, _abc_deg(wanted[3:]))) + self._left_over
        sent = np.round(exact, _DECIMALS) + 0.0
        shift, turn = self._shift_mm + sent[:3], self._turn_deg + sent[3:]
        refusals = []
        if _too_far(shift, self._shift_mm, self._limits.translation_mm):
            sent[:3], shift = 0.0, self._shift_mm
            refusals.append(f"corrections of {self._limits.translation_mm:g} mm")
        if _too_far(turn, self._turn_deg, self._limits.rotation_deg):
            sent[3:], turn = 0.0, self._turn_deg
            refusals.append(f"corrections of {self._limits.rotation_deg:g} degrees")
        self._shift_mm, self._turn_deg = shift, turn
        self._left_over = np.zeros(6) if refusals else exact - sent
        angular = _rotation_vector(sent[3:]) / cycle_s
        return Correction(
            _six(sent), Twist(sent[:3] * (0.001 / cycle_s), angular), _refusal(refusals)
        )

    def _step_absolute(self, wanted: Array, cycle_s: float) -> Correction:
        moved = self._pose.moved(wanted[:3], wanted[3:])
        shift = moved.position * 1000.0
        turn = np.degrees(euler_zyx_from_quaternion(moved.quaternion))
        refusals = []
        if _too_far(shift, self._shift_mm, self._limits.translation_mm):
            refusals.append(f"corrections of {self._limits.translation_mm:g} mm")
        if _too_far(turn, self._turn_deg, self._limits.rotation_deg):
            refusals.append(f"corrections of {self._limits.rotation_deg:g} degrees")
        if refusals:
            return Correction(self._total(), Twist.zero(), _refusal(refusals))
        self._pose, self._shift_mm, self._turn_deg = moved, shift, turn
        return Correction(self._total(), Twist.from_array(wanted / cycle_s), None)

    def _total(self) -> Six:
        total = np.concatenate((self._shift_mm, self._turn_deg))
        return _six(np.round(total, _DECIMALS) + 0.0)


def relative_motion(values: Six) -> tuple[Array, Array]:
    """What a relative correction does: displacement (3,) m and rotation vector (3,) rad, base axes.

    ``pose.moved(*relative_motion(values))`` is the pose after it.
    """
    return np.array(values[:3]) * 0.001, _rotation_vector(np.array(values[3:]))


def _too_far(new: Array, old: Array, limit: float) -> bool:
    length = float(np.linalg.norm(new))
    return length > limit and length > float(np.linalg.norm(old))


def _refusal(refusals: list[str]) -> str | None:
    if not refusals:
        return None
    return (
        f"the robot's limit on {' and '.join(refusals)} since the start of RSI would be exceeded; "
        "move back, or restart RSI at a nearer start pose, or raise the limits in the controller's "
        "context (POSCORR, POSCORRMON) and in the bridge's parameters"
    )


def _abc_deg(rotation_rad: Array) -> Array:
    if not rotation_rad.any():
        return np.zeros(3)
    return np.degrees(euler_zyx_from_quaternion(quaternion_from_rotation_vector(rotation_rad)))


def _rotation_vector(abc_deg: Array) -> Array:
    if not abc_deg.any():
        return np.zeros(3)
    a, b, c = np.radians(abc_deg).tolist()
    return rotation_vector_from_quaternion(quaternion_from_euler_zyx(a, b, c))


def _six(values: Array) -> Six:
    x, y, z, a, b, c = values.tolist()
    return (x, y, z, a, b, c)
