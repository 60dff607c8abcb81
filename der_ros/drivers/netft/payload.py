"""Payload of the sensor and its weight in any orientation."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Wrench, rotation_matrix, vector

STANDARD_GRAVITY_MPS2 = 9.80665


@dataclass(frozen=True)
class Payload:
    """Everything that the sensor carries, such as the tool.

    Attributes:
        mass_kg: Mass, kg; 0 disables weight compensation.
        center_of_mass_m: Centre of mass, (3,) m, sensor frame.
    """

    mass_kg: float = 0.0
    center_of_mass_m: Array = field(default_factory=lambda: np.zeros(3))

    def __post_init__(self) -> None:
        """Check mass and centre of mass.

        Raises:
            ConfigurationError: The mass is negative or not finite, or the centre is not three
                finite numbers.
        """
        if not 0.0 <= self.mass_kg < math.inf:
            raise ConfigurationError(f"payload mass: expected 0 kg or more, got {self.mass_kg}")
        center = vector(self.center_of_mass_m, 3, "payload center of mass")
        object.__setattr__(self, "center_of_mass_m", center)

    def weight(self, world_from_sensor: Array, gravity_mps2: Array) -> Wrench:
        """Return the payload's wrench at rest, sensor axes, about the sensor's origin.

        Args:
            world_from_sensor: Orientation of the sensor, (4,) xyzw.
            gravity_mps2: Acceleration of free fall, (3,) m/s^2, world axes.
        """
        fx, fy, fz = (self.mass_kg * (rotation_matrix(world_from_sensor).T @ gravity_mps2)).tolist()
        cx, cy, cz = self.center_of_mass_m.tolist()
        torque = np.array((cy * fz - cz * fy, cz * fx - cx * fz, cx * fy - cy * fx))
        return Wrench(np.array((fx, fy, fz)), torque)


def payload_from_one_reading(reading: Wrench, gravity_mps2: float) -> Payload:
    """Return mass and centre of mass from one reading, for a centre of mass on the z axis.

    One orientation does not determine more, and does not separate weight from the sensor's offset;
    ``identify_payload`` does both from several orientations.

    Args:
        reading: Reading at rest without bias, sensor axes and origin.
        gravity_mps2: Magnitude of gravity, m/s^2.

    Raises:
        ConfigurationError: The weight is almost zero, or the z axis is so close to the vertical
            that the weight has no lever.
    """
    fx, fy, _ = reading.force.tolist()
    tx, ty, _ = reading.torque.tolist()
    force = float(np.linalg.norm(reading.force))
    across = math.hypot(fx, fy)
    if force < 1e-3 or across < 0.1 * force:
        raise ConfigurationError(
            "payload: expected the sensor's z axis tilted by 6 degrees or more from the vertical, "
            f"so that its weight has a lever, got a force of {reading.force.round(3).tolist()} N; "
            "tilt it, or use identify_payload"
        )
    lever = (fx * ty - fy * tx) / across**2
    return Payload(force / gravity_mps2, np.array((0.0, 0.0, lever)))
