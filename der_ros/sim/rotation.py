"""Unit quaternions and vectors as tuples, for what runs in each tick: small arrays cost more."""

from __future__ import annotations

from der_ros.sim.servo import Quadruple, Triple


def rotate(q: Quadruple, x: float, y: float, z: float) -> Triple:
    """The vector (x, y, z) turned by a unit xyzw quaternion."""
    qx, qy, qz, qw = q
    tx, ty, tz = 2.0 * (qy * z - qz * y), 2.0 * (qz * x - qx * z), 2.0 * (qx * y - qy * x)
    return (
        x + qw * tx + qy * tz - qz * ty,
        y + qw * ty + qz * tx - qx * tz,
        z + qw * tz + qx * ty - qy * tx,
    )


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
