"""Identification of mass, centre of mass and sensor offset from readings at rest.

At rest a sensor reads, in its own axes and about its own origin (w: world from sensor, g: free fall
in world axes)::

    force  = m (w^T g) + f0
    torque = (m c) x (w^T g) + t0

which is linear in the mass m and the offset f0, and in the first moment h = m c and the offset t0.
Both systems are solved by least squares. The readings may be biased, because the offsets are free.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from der_ros.drivers.netft.payload import Payload
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Wrench, rotation_matrix

MIN_ORIENTATIONS = 4
MAX_CONDITION = 15.0
"""Largest condition number of either system, in equal units; well-spread readings give 1 to 3."""
MIN_MASS_KG = 0.02


class RestReading(NamedTuple):
    """Wrench at rest with the sensor's orientation.

    Attributes:
        wrench: Wrench, N and Nm, sensor axes, about the sensor's origin.
        world_from_sensor: Orientation of the sensor, (4,) xyzw.
    """

    wrench: Wrench
    world_from_sensor: Array


class Identification(NamedTuple):
    """Result of an identification.

    Attributes:
        payload: Mass and centre of mass.
        mass_error_kg: Standard error of the mass, kg.
        center_error_m: Standard errors of the centre of mass, (3,) m.
        offset: Reading without a payload, bias included.
        force_residual_n: Root mean square force residual per axis, N.
        torque_residual_nm: Root mean square torque residual per axis, Nm.
        condition: Larger condition number of the two systems.
        orientations: Number of readings.
    """

    payload: Payload
    mass_error_kg: float
    center_error_m: Array
    offset: Wrench
    force_residual_n: float
    torque_residual_nm: float
    condition: float
    orientations: int


class _Fit(NamedTuple):
    """Solution of a least-squares system: values, standard errors, residual, condition number."""

    values: Array
    errors: Array
    residual: float
    condition: float


def identify(
    readings: list[RestReading],
    gravity_mps2: Array,
    max_force_residual_n: float = 1.0,
    max_torque_residual_nm: float = 0.1,
) -> Identification:
    """Identify the payload from readings at rest.

    Args:
        readings: Readings at rest and without contact, in clearly different orientations.
        gravity_mps2: Acceleration of free fall, (3,) m/s^2, world axes.
        max_force_residual_n: Largest accepted force residual, N.
        max_torque_residual_nm: Largest accepted torque residual, Nm.

    Raises:
        ConfigurationError: There are too few readings, their orientations are too similar, the mass
            is too small, or the readings do not fit a payload at rest.
    """
    if len(readings) < MIN_ORIENTATIONS:
        raise ConfigurationError(
            f"identification: expected readings in {MIN_ORIENTATIONS} orientations or more, got "
            f"{len(readings)}; record more"
        )
    down = np.array([rotation_matrix(r.world_from_sensor).T @ gravity_mps2 for r in readings])
    forces = np.array([r.wrench.force for r in readings])
    torques = np.array([r.wrench.torque for r in readings])
    force = _fit(down[:, :, None], forces, float(np.linalg.norm(gravity_mps2)))
    # h x d = -[d] h
    torque = _fit(-_cross_matrices(down), torques, float(np.linalg.norm(gravity_mps2)))
    condition = max(force.condition, torque.condition)
    if condition > MAX_CONDITION:
        raise ConfigurationError(
            f"identification: expected orientations that differ more (condition number up to "
            f"{MAX_CONDITION:g}), got {condition:.3g}; tilt the sensor by 30 degrees and more, "
            "about two axes"
        )
    _check_fit(force, torque, max_force_residual_n, max_torque_residual_nm)
    mass, moment = float(force.values[0]), torque.values[:3]
    center = moment / mass
    center_error = np.hypot(torque.errors[:3] / mass, np.abs(center) * force.errors[0] / mass)
    return Identification(
        Payload(mass, center),
        float(force.errors[0]),
        center_error,
        Wrench(force.values[1:], torque.values[3:]),
        force.residual,
        torque.residual,
        condition,
        len(readings),
    )


def _check_fit(force: _Fit, torque: _Fit, max_force_n: float, max_torque_nm: float) -> None:
    mass = float(force.values[0])
    if mass < MIN_MASS_KG:
        raise ConfigurationError(
            f"identification: expected a mass of {MIN_MASS_KG:g} kg or more, got {mass:.3f} kg; "
            "was the weight compensated already (payload_mass_kg), or is a sign in axis_signs or a "
            "rotation in tcp_from_sensor wrong?"
        )
    if not (force.residual <= max_force_n and torque.residual <= max_torque_nm):
        raise ConfigurationError(
            f"identification: expected readings of a payload at rest to within {max_force_n:g} N "
            f"and {max_torque_nm:g} Nm, got residuals of {force.residual:.3g} N and "
            f"{torque.residual:.3g} Nm; did it touch something, move, or is tcp_from_sensor wrong?"
        )


def _fit(physical: Array, measured: Array, gravity: float) -> _Fit:
    """Fit ``measured`` (n, 3) by ``physical`` (n, 3, k) and an offset (3,), by least squares."""
    count = len(measured)
    offsets = np.broadcast_to(gravity * np.eye(3), (count, 3, 3))
    # Offsets are scaled by gravity: the condition number needs equal units.
    matrix = np.concatenate((physical, offsets), axis=2).reshape(3 * count, -1)
    singular = np.linalg.svd(matrix, compute_uv=False)
    condition = float(singular[0] / singular[-1]) if singular[-1] > 0.0 else float("inf")
    scaled = np.linalg.lstsq(matrix, measured.ravel(), rcond=None)[0]
    left = measured.ravel() - matrix @ scaled
    freedom = max(1, left.size - scaled.size)
    scale = np.append(np.ones(physical.shape[2]), [gravity] * 3)
    if condition > MAX_CONDITION:
        return _Fit(scaled * scale, np.full(scaled.size, np.inf), 0.0, condition)
    covariance = np.linalg.inv(matrix.T @ matrix) * (left @ left / freedom)
    errors = np.sqrt(np.diag(covariance)) * scale
    return _Fit(scaled * scale, errors, float(np.sqrt(np.mean(left**2))), condition)


def _cross_matrices(vectors: Array) -> Array:
    """Return the cross-product matrices of vectors v (n, 3), (n, 3, 3): ``[v] u = v x u``."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    rows = ((zero, -z, y), (z, zero, -x), (-y, x, zero))
    return np.moveaxis(np.array(rows), 2, 0)
