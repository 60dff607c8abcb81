"""KR 60-3: forward kinematics from its Denavit-Hartenberg table, and closed-form inverse.

Axis angles follow KUKA's convention (A1 to A6, here in rad): A1, A4 and A6 turn clockwise seen from
behind their axis, and A2 = A3 = 0 stretches the arm out horizontally. In the angles of the table
(zero at the upright pose A2 = -90, A3 = 90 degrees) that is::

    theta = [-A1, A2, A3 - pi/2, -A4, A5, -A6],  T_i = Rz(theta) Tz(d) Tx(a) Rx(alpha)

The flange frame is KUKA's, with z along the wrist axis. The table's last frame is rotated from the
controller's by half a turn about z, so that (0, -90, 90, 0, 0, 0) gives A = 0, B = 90, C = 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, quaternion_from_rotation_matrix, vector

_D = (0.815, 0.0, 0.0, 0.820, 0.0, 0.170)
_A = (0.350, 0.850, 0.145, 0.0, 0.0, 0.0)
_ALPHA = (-0.5 * math.pi, 0.0, -0.5 * math.pi, 0.5 * math.pi, -0.5 * math.pi, 0.0)

LOWER_LIMITS_RAD: Array = np.radians((-185.0, -135.0, -120.0, -350.0, -119.0, -350.0))
UPPER_LIMITS_RAD: Array = np.radians((185.0, 35.0, 158.0, 350.0, 119.0, 350.0))
SPEED_LIMITS_RADPS: Array = np.radians((128.0, 102.0, 128.0, 260.0, 245.0, 322.0))
AXIS_NAMES = ("joint_a1", "joint_a2", "joint_a3", "joint_a4", "joint_a5", "joint_a6")

_UPPER_ARM_M = _A[1]
_FOREARM_M = math.hypot(_D[3], _A[2])
_FOREARM_OFFSET_RAD = math.atan2(_A[2], _D[3])
# Below this |sin A5| the wrist is singular: A4 and A6 are collinear, and A4 keeps its angle.
_STRAIGHT_WRIST = 1e-7


def forward(axes_rad: Array) -> Pose:
    """Return the pose of the flange in the robot's base frame.

    Args:
        axes_rad: Axis angles A1 to A6, (6,) rad.

    Raises:
        ConfigurationError: The angles are not six finite numbers.
    """
    a1, a2, a3, a4, a5, a6 = vector(axes_rad, 6, "axes_rad").tolist()
    theta = (-a1, a2, a3 - 0.5 * math.pi, -a4, a5, -a6)
    transform = np.eye(4)
    for angle, d, a, alpha in zip(theta, _D, _A, _ALPHA, strict=True):
        transform = transform @ _link(angle, d, a, alpha)
    half_turn = np.diag((-1.0, -1.0, 1.0))
    return Pose(transform[:3, 3], quaternion_from_rotation_matrix(transform[:3, :3] @ half_turn))


def inverse(base_from_flange: Pose, near_rad: Array) -> Array | None:
    """Return the axis angles that reach a flange pose, nearest to ``near_rad``.

    Args:
        base_from_flange: Desired pose of the flange in the robot's base frame.
        near_rad: Reference angles, (6,) rad, which select one of up to eight solutions and the
            turn of A4 and A6.

    Returns:
        Axis angles A1 to A6, (6,) rad, within the limits; None if there is no such solution.
    """
    best: Array | None = None
    for candidate in _solutions(base_from_flange, near_rad):
        if best is None or _distance(candidate, near_rad) < _distance(best, near_rad):
            best = candidate
    return best


def limit_violation(axes_rad: Array, speeds_radps: Array | None = None) -> str | None:
    """Return a message about the first axis beyond a position or speed limit, or None."""
    for i, angle in enumerate(axes_rad.tolist()):
        low, high = float(LOWER_LIMITS_RAD[i]), float(UPPER_LIMITS_RAD[i])
        if not low <= angle <= high:
            return (
                f"axis A{i + 1} at {math.degrees(angle):.1f} degrees, "
                f"limits {math.degrees(low):.0f} to {math.degrees(high):.0f}"
            )
    for i, speed in enumerate([] if speeds_radps is None else speeds_radps.tolist()):
        most = float(SPEED_LIMITS_RADPS[i])
        if not abs(speed) <= most:
            return (
                f"axis A{i + 1} at {math.degrees(speed):.0f} degrees/s, "
                f"limit {math.degrees(most):.0f}"
            )
    return None


def _link(theta: float, d: float, a: float, alpha: float) -> Array:
    ct, st, ca, sa = math.cos(theta), math.sin(theta), math.cos(alpha), math.sin(alpha)
    return np.array(
        (
            (ct, -st * ca, st * sa, a * ct),
            (st, ct * ca, -ct * sa, a * st),
            (0.0, sa, ca, d),
            (0.0, 0.0, 0.0, 1.0),
        )
    )


def _solutions(base_from_flange: Pose, near_rad: Array) -> Iterator[Array]:
    """Yield all solutions within the limits: front/back, elbow up/down, wrist flipped or not."""
    rotation = base_from_flange.rotation
    x, y, z = (base_from_flange.position - _D[5] * rotation[:, 2]).tolist()
    # Ry(-90) maps the flange's axes to those of the last link, with x along the wrist.
    last_link = rotation @ np.array(((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
    heading, reach = math.atan2(y, x), math.hypot(x, y)
    for a1, r in ((-heading, reach - _A[0]), (-heading + math.pi, -reach - _A[0])):
        for a2, a3 in _arm(r, z - _D[0]):
            for wrist in _wrist(last_link, a1, a2 + a3, float(near_rad[3])):
                axes = _within_limits((a1, a2, a3, *wrist), near_rad)
                if axes is not None:
                    yield axes


def _arm(r: float, h: float) -> Iterator[tuple[float, float]]:
    """Yield A2 and A3 that bring the wrist to distance ``r`` and height ``h`` from axis 2, m."""
    cosine = (r * r + h * h - _UPPER_ARM_M**2 - _FOREARM_M**2) / (2.0 * _UPPER_ARM_M * _FOREARM_M)
    if abs(cosine) > 1.0 + 1e-9:
        return
    bend = math.acos(max(-1.0, min(1.0, cosine)))
    for beta in (bend, -bend):
        inner = math.atan2(_FOREARM_M * math.sin(beta), _UPPER_ARM_M + _FOREARM_M * math.cos(beta))
        yield inner - math.atan2(h, r), _FOREARM_OFFSET_RAD - beta


def _wrist(
    last_link: Array, a1: float, pitch: float, near_a4: float
) -> Iterator[tuple[float, float, float]]:
    """Yield A4, A5, A6 from R_forearm^T R_last = Rx(-A4) Ry(A5) Rx(-A6)."""
    c1, s1, cp, sp = math.cos(a1), math.sin(a1), math.cos(pitch), math.sin(pitch)
    forearm = np.array(((c1 * cp, s1, c1 * sp), (-s1 * cp, c1, -s1 * sp), (-sp, 0.0, cp)))
    m = forearm.T @ last_link
    sine = math.hypot(m[1, 0], m[2, 0])
    if sine < _STRAIGHT_WRIST:
        total = math.atan2(m[2, 1], m[1, 1])
        yield near_a4, math.atan2(sine, m[0, 0]), -total - near_a4
        return
    for sign in (1.0, -1.0):
        a = math.atan2(sign * m[1, 0], -sign * m[2, 0])
        c = math.atan2(sign * m[0, 1], sign * m[0, 2])
        yield -a, math.atan2(sign * sine, m[0, 0]), -c


def _within_limits(axes: Sequence[float], near_rad: Array) -> Array | None:
    """Shift each angle by whole turns to the value nearest to ``near_rad`` within its limits.

    Returns:
        Axis angles, (6,) rad; None if an angle has no value within its limits.
    """
    chosen = []
    for angle, near, low, high in zip(
        axes, near_rad.tolist(), LOWER_LIMITS_RAD.tolist(), UPPER_LIMITS_RAD.tolist(), strict=True
    ):
        turns = [angle + 2.0 * math.pi * k for k in range(-2, 3)]
        # Tolerance for rounding: an axis at its limit must stay inside.
        inside = [turn for turn in turns if low - 1e-9 <= turn <= high + 1e-9]
        if not inside:
            return None
        chosen.append(min(inside, key=lambda turn: abs(turn - near)))
    clipped: Array = np.clip(np.array(chosen), LOWER_LIMITS_RAD, UPPER_LIMITS_RAD)
    return clipped


def _distance(axes: Array, near: Array) -> float:
    return float(np.max(np.abs(axes - near)))


def check_axes(axes_rad: Array) -> Array:
    """Return axis angles after checking them against the limits.

    Raises:
        ConfigurationError: The angles are not six finite numbers, or one is outside its limits.
    """
    axes = vector(axes_rad, 6, "axes_rad")
    problem = limit_violation(axes)
    if problem is not None:
        raise ConfigurationError(f"axes_rad: expected angles within the limits, got {problem}")
    return axes
