"""Poses, twists, wrenches and the frames between them.

Conventions throughout this package:

* metres, radians, newtons, newton metres, seconds;
* quaternions are ``(x, y, z, w)``, of unit length, canonical with ``w >= 0``;
* ``Pose`` named ``a_from_b`` (or "pose of b in a") maps coordinates in frame b to frame a;
* a wrench acts from the environment on the body that carries the sensor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from der_ros.errors import ConfigurationError
from der_ros.rotation import Quadruple, Triple, between, conjugate, product

Array: TypeAlias = NDArray[np.float64]

# A shorter quaternion has no defined direction.
_SHORTEST_QUATERNION = 1e-9
# A norm this close to 1 is rounding. Normalising again would change the last digits, so that a
# pose written to a file would not be read back as the same pose.
_UNIT_TOLERANCE = 1e-14


def vector(values: ArrayLike, size: int, name: str) -> Array:
    """Return ``values`` as a finite float64 vector of length ``size``.

    Raises:
        ConfigurationError: ``values`` has another shape or holds a NaN or an infinity.
    """
    array = np.array(values, dtype=np.float64)
    if array.shape != (size,):
        raise ConfigurationError(f"{name}: expected {size} numbers, got shape {array.shape}")
    numbers = array.tolist()
    # A finite sum implies finite terms, and for so few numbers takes a tenth of numpy's time.
    if not (math.isfinite(sum(numbers)) or all(map(math.isfinite, numbers))):
        raise ConfigurationError(f"{name}: expected finite numbers, got {numbers}")
    return array


def quaternion_multiply(a: Array, b: Array) -> Array:
    """Return the Hamilton product of two xyzw quaternions, which rotates by b, then by a."""
    return np.array(product(_four(a), _four(b)))


def quaternion_conjugate(q: Array) -> Array:
    """Return the inverse rotation of a unit xyzw quaternion."""
    return np.array(conjugate(_four(q)))


def quaternion_between(a: Array, b: Array) -> Quadruple:
    """Return the rotation from one xyzw quaternion to another, in the axes of the first."""
    return between(_four(a), _four(b))


def _four(q: Array) -> Quadruple:
    x, y, z, w = q.tolist()
    return x, y, z, w


def quaternion_canonical(q: ArrayLike) -> Array:
    """Return an xyzw quaternion normalised to unit length and ``w >= 0``.

    Raises:
        ConfigurationError: The values are not four finite numbers, or the length is zero.
    """
    array = vector(q, 4, "quaternion (x, y, z, w)")
    x, y, z, w = array.tolist()
    norm = math.sqrt(x * x + y * y + z * z + w * w)
    if norm < _SHORTEST_QUATERNION:
        raise ConfigurationError("quaternion (x, y, z, w): expected a rotation, got length zero")
    norm = 1.0 if abs(norm - 1.0) < _UNIT_TOLERANCE else norm
    return array / (norm if w >= 0.0 else -norm)


def quaternion_from_rotation_vector(rotation: ArrayLike) -> Array:
    """Return the xyzw quaternion of a rotation vector (axis times angle), shape (3,), rad."""
    x, y, z = np.asarray(rotation, dtype=np.float64).tolist()
    angle = math.sqrt(x * x + y * y + z * z)
    # Series of sin(a/2)/a near zero, where the quotient loses precision.
    scale = 0.5 - angle * angle / 48.0 if angle < 1e-4 else math.sin(0.5 * angle) / angle
    return quaternion_canonical((x * scale, y * scale, z * scale, math.cos(0.5 * angle)))


def rotation_vector_from_quaternion(q: Array) -> Array:
    """Return the rotation vector of an xyzw quaternion: axis times angle in [0, pi], (3,), rad."""
    x, y, z, w = q.tolist()
    if w < 0.0:
        x, y, z, w = -x, -y, -z, -w
    sine = math.sqrt(x * x + y * y + z * z)
    scale = 2.0 / w if sine < 1e-9 else 2.0 * math.atan2(sine, w) / sine
    return np.array((x * scale, y * scale, z * scale))


def quaternion_from_euler_zyx(yaw: float, pitch: float, roll: float) -> Array:
    """Return ``Rz(yaw) Ry(pitch) Rx(roll)`` as an xyzw quaternion; KUKA's A, B, C in radians."""
    return quaternion_canonical(_euler_zyx_numbers(yaw, pitch, roll))


def _euler_zyx_numbers(yaw: float, pitch: float, roll: float) -> tuple[float, float, float, float]:
    cy, sy = math.cos(0.5 * yaw), math.sin(0.5 * yaw)
    cp, sp = math.cos(0.5 * pitch), math.sin(0.5 * pitch)
    cr, sr = math.cos(0.5 * roll), math.sin(0.5 * roll)
    return (
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
        cr * cp * cy + sr * sp * sy,
    )


def euler_zyx_from_quaternion(q: Array) -> tuple[float, float, float]:
    """Return (yaw, pitch, roll), rad, of an xyzw quaternion; roll is 0 at pitch = +-pi/2."""
    r = rotation_matrix(q)
    pitch = math.atan2(-r[2, 0], math.hypot(r[0, 0], r[1, 0]))
    if math.hypot(r[0, 0], r[1, 0]) < 1e-9:
        return math.atan2(-r[0, 1], r[1, 1]), pitch, 0.0
    return math.atan2(r[1, 0], r[0, 0]), pitch, math.atan2(r[2, 1], r[2, 2])


def rotation_matrix(q: Array) -> Array:
    """Return the (3, 3) rotation matrix of a unit xyzw quaternion."""
    x, y, z, w = q.tolist()
    return np.array(
        (
            (1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w)),
            (2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)),
            (2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)),
        )
    )


def angle_between(a: Array, b: Array) -> float:
    """Return the angle, rad in [0, pi], of the rotation between two xyzw quaternions."""
    x, y, z, w = quaternion_between(a, b)
    return 2.0 * math.atan2(math.sqrt(x * x + y * y + z * z), abs(w))


def quaternion_from_rotation_matrix(rotation: Array) -> Array:
    """Return the canonical xyzw quaternion of a (3, 3) rotation matrix.

    The result is derived from its largest component, which is numerically stable.
    """
    r = rotation
    squares = (
        1.0 + r[0, 0] - r[1, 1] - r[2, 2],
        1.0 - r[0, 0] + r[1, 1] - r[2, 2],
        1.0 - r[0, 0] - r[1, 1] + r[2, 2],
        1.0 + r[0, 0] + r[1, 1] + r[2, 2],
    )
    a, b, c = r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]
    d, e, f = r[1, 0] + r[0, 1], r[0, 2] + r[2, 0], r[2, 1] + r[1, 2]
    rows = (
        (squares[0], d, e, a),
        (d, squares[1], f, b),
        (e, f, squares[2], c),
        (a, b, c, squares[3]),
    )
    return quaternion_canonical(rows[int(np.argmax(squares))])


@dataclass(frozen=True)
class Pose:
    """A rigid transform: ``position`` (3,) m and ``quaternion`` (4,) xyzw, validated."""

    position: Array
    quaternion: Array

    def __post_init__(self) -> None:
        """Copy, validate and normalise the numbers.

        Raises:
            ConfigurationError: A number is not finite, a shape is wrong, or the quaternion is zero.
        """
        object.__setattr__(self, "position", vector(self.position, 3, "position"))
        object.__setattr__(self, "quaternion", quaternion_canonical(self.quaternion))

    @classmethod
    def identity(cls) -> Pose:
        """Return the pose without translation and rotation."""
        return cls(np.zeros(3), np.array((0.0, 0.0, 0.0, 1.0)))

    @classmethod
    def from_numbers(
        cls,
        position: tuple[float, float, float],
        quaternion: tuple[float, float, float, float],
    ) -> Pose:
        """Return ``Pose(position, quaternion)`` in a third of the time."""
        return cls._of(np.array(position), quaternion)

    @classmethod
    def _of(cls, position: Array, quaternion: Quadruple) -> Pose:
        """Return ``Pose(position, quaternion)`` that keeps the array ``position``."""
        x, y, z, w = quaternion
        norm = math.sqrt(x * x + y * y + z * z + w * w)
        if not (math.isfinite(sum(position.tolist()) + norm) and norm >= _SHORTEST_QUATERNION):
            return cls(position, np.array(quaternion))  # raises the error
        norm = 1.0 if abs(norm - 1.0) < _UNIT_TOLERANCE else norm
        norm = norm if w >= 0.0 else -norm
        pose = cls.__new__(cls)
        object.__setattr__(pose, "position", position)
        object.__setattr__(pose, "quaternion", np.array((x / norm, y / norm, z / norm, w / norm)))
        return pose

    @classmethod
    def from_euler_zyx(
        cls, position: tuple[float, float, float], yaw: float, pitch: float, roll: float
    ) -> Pose:
        """Return a pose with R = Rz(yaw) Ry(pitch) Rx(roll), rad; as fast as ``from_numbers``."""
        return cls.from_numbers(position, _euler_zyx_numbers(yaw, pitch, roll))

    @classmethod
    def from_sequence(cls, values: ArrayLike, name: str = "pose") -> Pose:
        """Return a pose from seven numbers x, y, z, qx, qy, qz, qw.

        Raises:
            ConfigurationError: The numbers are no pose; the message begins with ``name``.
        """
        array = vector(values, 7, f"{name} (x, y, z, qx, qy, qz, qw)")
        try:
            return cls(array[:3], array[3:])
        except ConfigurationError as error:
            raise ConfigurationError(f"{name}: {error}") from error

    def to_numbers(self) -> tuple[Triple, Quadruple]:
        """Return position, m, and quaternion, xyzw, as plain numbers for inner loops."""
        x, y, z = self.position.tolist()
        return (x, y, z), _four(self.quaternion)

    def to_sequence(self) -> list[float]:
        """Return the seven numbers x, y, z, qx, qy, qz, qw."""
        return [*self.position.tolist(), *self.quaternion.tolist()]

    def __matmul__(self, other: Pose) -> Pose:
        """Return ``a_from_c`` for ``a_from_b @ b_from_c``."""
        return Pose._of(
            self.position + self.rotation @ other.position,
            product(_four(self.quaternion), _four(other.quaternion)),
        )

    @cached_property
    def rotation(self) -> Array:
        """Rotation matrix, shape (3, 3)."""
        return rotation_matrix(self.quaternion)

    def inverse(self) -> Pose:
        """Return ``b_from_a`` for this ``a_from_b``."""
        return Pose(-(self.rotation.T @ self.position), quaternion_conjugate(self.quaternion))

    def moved(self, displacement: Array, rotation_vector: Array) -> Pose:
        """Return the pose shifted by ``displacement`` and rotated by ``rotation_vector``.

        Args:
            displacement: Translation (3,), m, in the outer frame.
            rotation_vector: Rotation (3,), rad, in the axes of the outer frame, about the pose's
                origin.
        """
        turned = quaternion_multiply(
            quaternion_from_rotation_vector(rotation_vector), self.quaternion
        )
        return Pose(self.position + displacement, turned)


@dataclass(frozen=True)
class Twist:
    """Linear velocity (3,), m/s, and angular velocity (3,), rad/s; each use states the frame."""

    linear: Array
    angular: Array

    @classmethod
    def zero(cls) -> Twist:
        """Return a zero twist, of a body at rest."""
        return cls(np.zeros(3), np.zeros(3))

    @classmethod
    def from_array(cls, values: Array) -> Twist:
        """Return a twist from six numbers vx, vy, vz, wx, wy, wz."""
        return cls(np.array(values[:3], dtype=np.float64), np.array(values[3:6], dtype=np.float64))

    def to_array(self) -> Array:
        """Return vx, vy, vz, wx, wy, wz as an array, (6,)."""
        return np.concatenate((self.linear, self.angular))

    def is_finite(self) -> bool:
        """Return True if all numbers are finite."""
        return all(map(math.isfinite, (*self.linear.tolist(), *self.angular.tolist())))

    def rotated(self, rotation: Array) -> Twist:
        """Return the twist of the same point in the axes that ``rotation`` (3, 3) maps to."""
        return Twist(rotation @ self.linear, rotation @ self.angular)


@dataclass(frozen=True)
class Wrench:
    """Force (3,), N, and torque (3,), Nm; each use states the frame and the reference point."""

    force: Array
    torque: Array

    @classmethod
    def zero(cls) -> Wrench:
        """Return a wrench of zero force and torque."""
        return cls(np.zeros(3), np.zeros(3))

    @classmethod
    def from_array(cls, values: Array) -> Wrench:
        """Return a wrench from six numbers fx, fy, fz, tx, ty, tz."""
        return cls(np.array(values[:3], dtype=np.float64), np.array(values[3:6], dtype=np.float64))

    def to_array(self) -> Array:
        """Return fx, fy, fz, tx, ty, tz as an array, (6,)."""
        return np.concatenate((self.force, self.torque))

    def to_numbers(self) -> tuple[float, ...]:
        """Return fx, fy, fz, tx, ty, tz as plain numbers, which are faster than an array."""
        return (*self.force.tolist(), *self.torque.tolist())

    def norms(self) -> tuple[float, float]:
        """Return the norms of force, N, and torque, Nm."""
        # For three numbers numpy takes several times as long.
        return math.hypot(*self.force.tolist()), math.hypot(*self.torque.tolist())

    def __add__(self, other: Wrench) -> Wrench:
        """Return the sum of two wrenches about the same point in the same axes."""
        return Wrench(self.force + other.force, self.torque + other.torque)

    def __sub__(self, other: Wrench) -> Wrench:
        """Return the difference of two wrenches about the same point in the same axes."""
        return Wrench(self.force - other.force, self.torque - other.torque)

    def rotated(self, rotation: Array) -> Wrench:
        """Return the wrench about the same point in the axes that ``rotation`` (3, 3) maps to."""
        return Wrench(rotation @ self.force, rotation @ self.torque)

    def seen_from(self, a_from_b: Pose) -> Wrench:
        """Transform this wrench from frame b to frame a (axes and reference point).

        Args:
            a_from_b: Pose of frame b in frame a.
        """
        rotation = a_from_b.rotation
        force = rotation @ self.force
        # The cross product p x f in plain numbers, since np.cross would dominate the time here.
        px, py, pz = a_from_b.position.tolist()
        fx, fy, fz = force.tolist()
        moment = np.array((py * fz - pz * fy, pz * fx - px * fz, px * fy - py * fx))
        return Wrench(force, rotation @ self.torque + moment)
