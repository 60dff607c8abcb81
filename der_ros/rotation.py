"""Rotations of plain numbers, for what runs in each tick or cycle: small arrays cost more.

Quaternions are (x, y, z, w) and of unit length, as everywhere in this package.
"""

from __future__ import annotations

from typing import TypeAlias

Triple: TypeAlias = tuple[float, float, float]
Quadruple: TypeAlias = tuple[float, float, float, float]
Six: TypeAlias = tuple[float, float, float, float, float, float]


def rotate(q: Quadruple, x: float, y: float, z: float) -> Triple:
    """The vector (x, y, z) turned by a unit xyzw quaternion."""
    qx, qy, qz, qw = q
    tx, ty, tz = 2.0 * (qy * z - qz * y), 2.0 * (qz * x - qx * z), 2.0 * (qx * y - qy * x)
    return (
        x + qw * tx + qy * tz - qz * ty,
        y + qw * ty + qz * tx - qx * tz,
        z + qw * tz + qx * ty - qy * tx,
    )


def rotate_both(q: Quadruple, six: Six) -> Six:
    """Both halves of a twist or wrench, about the same point, turned by a unit quaternion."""
    a, b, c, d, e, f = six
    return (*rotate(q, a, b, c), *rotate(q, d, e, f))


def wrench_seen_from(position: Triple, quaternion: Quadruple, wrench: Six) -> Six:
    """A wrench of a body at a pose (its axes, its origin) in the axes and about the origin outside.

    ``Wrench.seen_from`` in plain numbers.
    """
    fx, fy, fz, tx, ty, tz = rotate_both(quaternion, wrench)
    x, y, z = position
    return (fx, fy, fz, tx + y * fz - z * fy, ty + z * fx - x * fz, tz + x * fy - y * fx)


def moved(position: Triple, quaternion: Quadruple, offset: Triple) -> Triple:
    """A point that is given in the frame of a body at a pose, outside of it."""
    x, y, z = rotate(quaternion, *offset)
    return (position[0] + x, position[1] + y, position[2] + z)


def product(a: Quadruple, b: Quadruple) -> Quadruple:
    """The rotation b, then a."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def conjugate(q: Quadruple) -> Quadruple:
    """The inverse of a unit quaternion."""
    return (-q[0], -q[1], -q[2], q[3])
