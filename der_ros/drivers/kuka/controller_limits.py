"""POSCORR and POSCORRMON: the limits that a KRC4 applies to corrections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from der_ros.drivers.kuka.corrections import relative_motion
from der_ros.drivers.kuka.rsi_telegrams import Six
from der_ros.geometry import (
    Array,
    quaternion_conjugate,
    quaternion_from_euler_zyx,
    quaternion_multiply,
    rotation_vector_from_quaternion,
)


@dataclass(frozen=True)
class PathLimits:
    """The limits in the RSI context; a controller's own defaults are 5 mm, 5, 6 mm, 6 degrees.

    Attributes:
        clamp_mm: POSCORR, each of X, Y, Z of the sum is silently held inside +- this.
        clamp_deg: the same for A, B, C.
        monitor_mm: POSCORRMON, a longer sum of X, Y, Z stops RSI (KSS29000).
        monitor_deg: the same for A, B, C.
    """

    clamp_mm: float = 250.0
    clamp_deg: float = 70.0
    monitor_mm: float = 300.0
    monitor_deg: float = 75.0


class CorrectionStep(NamedTuple):
    """Effect of one cycle's correction.

    Attributes:
        displacement_m: (3,) base axes.
        rotation_rad: (3,) rotation vector, base axes.
        clamped: POSCORR cut something.
        stop: why the monitor stops RSI, or None.
    """

    displacement_m: Array
    rotation_rad: Array
    clamped: bool
    stop: str | None


class ControllerCorrections:
    """Sums the corrections of one session."""

    def __init__(self, limits: PathLimits, absolute: bool = False) -> None:
        self._limits = limits
        self._absolute = absolute
        self._clamp = np.array([limits.clamp_mm] * 3 + [limits.clamp_deg] * 3)
        self.total_mm_deg: Array = np.zeros(6)

    def step(self, correction: Six) -> CorrectionStep:
        """Take one cycle's RKorr: X, Y, Z mm, A, B, C degrees."""
        last = self.total_mm_deg
        wanted = np.array(correction) if self._absolute else last + np.array(correction)
        total: Array = np.clip(wanted, -self._clamp, self._clamp)
        self.total_mm_deg = total
        stop = self._monitor(total)
        if self._absolute:
            displacement, rotation = (total - last)[:3] * 0.001, _turn_between(last, total)
        else:
            x, y, z, a, b, c = (total - last).tolist()
            displacement, rotation = relative_motion((x, y, z, a, b, c))
        return CorrectionStep(displacement, rotation, bool((total != wanted).any()), stop)

    def _monitor(self, total: Array) -> str | None:
        translation, rotation = np.linalg.norm(total[:3]), np.linalg.norm(total[3:])
        if translation <= self._limits.monitor_mm and rotation <= self._limits.monitor_deg:
            return None
        return (
            f"KSS29000: path correction of {translation:.1f} mm, {rotation:.1f} degrees exceeds "
            f"POSCORRMON ({self._limits.monitor_mm:g} mm, {self._limits.monitor_deg:g} degrees)"
        )


def _turn_between(last: Array, total: Array) -> Array:
    """Rotation vector, base axes, from one absolute A, B, C (degrees) to another."""
    if (last[3:] == total[3:]).all():
        return np.zeros(3)
    before = quaternion_from_euler_zyx(*np.radians(last[3:]).tolist())
    after = quaternion_from_euler_zyx(*np.radians(total[3:]).tolist())
    return rotation_vector_from_quaternion(quaternion_multiply(after, quaternion_conjugate(before)))
