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
    """Limits in the RSI context. The controller's defaults are 5 mm and 5 deg, 6 mm and 6 deg.

    Attributes:
        clamp_mm: POSCORR limit of each of the summed X, Y, Z, mm; larger sums are clamped silently.
        clamp_deg: POSCORR limit of each of the summed A, B, C, degrees.
        monitor_mm: POSCORRMON limit of the length of the summed X, Y, Z, mm; a longer sum stops RSI
            (KSS29000).
        monitor_deg: POSCORRMON limit of the length of the summed A, B, C, degrees.
    """

    clamp_mm: float = 250.0
    clamp_deg: float = 70.0
    monitor_mm: float = 300.0
    monitor_deg: float = 75.0


class CorrectionStep(NamedTuple):
    """Effect of one cycle's correction.

    Attributes:
        displacement_m: Displacement of the TCP, (3,) m, base axes.
        rotation_rad: Rotation vector of the TCP, (3,) rad, base axes.
        clamped: True if POSCORR clamped the correction.
        stop: Reason why POSCORRMON stops RSI, or None.
    """

    displacement_m: Array
    rotation_rad: Array
    clamped: bool
    stop: str | None


class ControllerCorrections:
    """Sum of one session's corrections, with POSCORR and POSCORRMON applied."""

    def __init__(self, limits: PathLimits, absolute: bool = False) -> None:
        self._limits = limits
        self._absolute = absolute
        self._clamp = np.array([limits.clamp_mm] * 3 + [limits.clamp_deg] * 3)
        self.total_mm_deg: Array = np.zeros(6)

    def step(self, correction: Six) -> CorrectionStep:
        """Apply one cycle's RKorr (X, Y, Z mm, A, B, C degrees) and return its effect."""
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
    """Return the rotation vector, base axes, from one absolute A, B, C (degrees) to another."""
    if (last[3:] == total[3:]).all():
        return np.zeros(3)
    before = quaternion_from_euler_zyx(*np.radians(last[3:]).tolist())
    after = quaternion_from_euler_zyx(*np.radians(total[3:]).tolist())
    return rotation_vector_from_quaternion(quaternion_multiply(after, quaternion_conjugate(before)))
