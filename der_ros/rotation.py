"""Vectors and rotations as plain numbers, for inner loops, where small arrays are slower.

Every rotation formula is written here once; `geometry` calls it for arrays. Quaternions are unit
quaternions (x, y, z, w), as everywhere in this package.
"""

from __future__ import annotations

import math
from typing import TypeAlias

Triple: TypeAlias = tuple[float, float, float]
Quadruple: TypeAlias = tuple[float, float, float, float]
Six: TypeAlias = tuple[float, float, float, float, float, float]

ZERO3: Triple = (0.0, 0.0, 0.0)
ZERO6: Six = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def rotate(q: Quadruple, x: float, y: float, z: float) -> Triple:
    """Return the vector (x, y, z) rotated by a unit xyzw quaternion."""
    qx, qy, qz, qw = q
    tx, ty, tz = 2.0 * (qy * z - qz * y), 2.0 * (qz * x - qx * z), 2.0 * (qx * y - qy * x)
    return (
        x + qw * tx + qy * tz - qz * ty,
        y + qw * ty + qz * tx - qx * tz,
        z + qw * tz + qx * ty - qy * tx,
    )


def rotate_both(q: Quadruple, six: Six) -> Six:
    """Rotate both halves of a twist or wrench by a unit quaternion, about the same point."""
    a, b, c, d, e, f = six
    return (*rotate(q, a, b, c), *rotate(q, d, e, f))


def wrench_seen_from(position: Triple, quaternion: Quadruple, wrench: Six) -> Six:
    """Transform a wrench from a body's frame to the outer frame (axes and reference point).

    This is ``Wrench.seen_from`` in plain numbers; ``position`` and ``quaternion`` are the pose of
    the body in the outer frame.
    """
    fx, fy, fz, tx, ty, tz = rotate_both(quaternion, wrench)
    x, y, z = position
    return (fx, fy, fz, tx + y * fz - z * fy, ty + z * fx - x * fz, tz + x * fy - y * fx)


def moved(position: Triple, quaternion: Quadruple, offset: Triple) -> Triple:
    """Return the point ``offset`` of a body's frame in the outer frame of the body's pose."""
    x, y, z = rotate(quaternion, *offset)
    return (position[0] + x, position[1] + y, position[2] + z)


def product(a: Quadruple, b: Quadruple) -> Quadruple:
    """Return the Hamilton product of two quaternions, which rotates by b, then by a."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def conjugate(q: Quadruple) -> Quadruple:
    """Return the inverse of a unit quaternion."""
    return (-q[0], -q[1], -q[2], q[3])


def between(a: Quadruple, b: Quadruple) -> Quadruple:
    """Return the rotation from a to b in the axes of a: ``a^-1 b``."""
    return product(conjugate(a), b)


def scaled(v: Triple, scale: float) -> Triple:
    """Return the vector ``scale * v``."""
    return (v[0] * scale, v[1] * scale, v[2] * scale)


def added(v: Triple, n: Triple, scale: float) -> Triple:
    """Return the vector ``v + scale * n``."""
    return (v[0] + scale * n[0], v[1] + scale * n[1], v[2] + scale * n[2])


def dot(a: Triple, b: Triple) -> float:
    """Return the scalar product of two vectors."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def limited(v: Triple, limit: float) -> Triple:
    """Return ``v``, shortened to length ``limit`` if it is longer."""
    norm = math.hypot(v[0], v[1], v[2])
    return v if norm <= limit else scaled(v, limit / norm)
