"""What differs from episode to episode besides the initial state: sensors, actions, friction."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from der_ros.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Randomization:
    """One switch for each source; zero switches it off. All are Gaussian with mean zero.

    Attributes:
        force_noise_std_n: of each reading of the sensor, each axis.
        torque_noise_std_nm: the same of the torque, about the sensor's origin.
        force_bias_std_n: error of the bias removal, drawn once an episode, each axis.
        torque_bias_std_nm: the same of the torque.
        position_noise_std_m: of each measured position, each axis.
        rotation_noise_std_rad: of each measured orientation, about each axis.
        action_noise_std: of each commanded velocity, as a fraction of it.
        friction_std: of the coefficient of friction, once an episode, as a fraction of it.
    """

    force_noise_std_n: float = 0.0
    torque_noise_std_nm: float = 0.0
    force_bias_std_n: float = 0.0
    torque_bias_std_nm: float = 0.0
    position_noise_std_m: float = 0.0
    rotation_noise_std_rad: float = 0.0
    action_noise_std: float = 0.0
    friction_std: float = 0.0

    def __post_init__(self) -> None:
        """Refuses a standard deviation that is none.

        Raises:
            ConfigurationError: one of them is negative or not finite.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if not (isinstance(value, (int, float)) and 0.0 <= value < math.inf):
                raise ConfigurationError(
                    f"Randomization.{field.name}: expected 0 or more, got {value!r}"
                )


PRESETS: dict[str, Randomization] = {
    "none": Randomization(),
    # The authors' released environments.
    "paper": Randomization(
        force_noise_std_n=0.5,
        torque_noise_std_nm=0.05,
        force_bias_std_n=2.0,
        torque_bias_std_nm=0.2,
        position_noise_std_m=0.001,
        rotation_noise_std_rad=0.001,
        action_noise_std=0.001,
        friction_std=0.1,
    ),
}


def resolve_randomization(choice: str | Randomization) -> Randomization:
    """Returns a preset by name, or what was given.

    Args:
        choice: one of ``PRESETS`` or a ``Randomization``.

    Raises:
        ConfigurationError: it is neither.
    """
    if isinstance(choice, Randomization):
        return choice
    if choice not in PRESETS:
        raise ConfigurationError(
            f"randomization: expected one of {', '.join(PRESETS)} or a Randomization, "
            f"got {choice!r}"
        )
    return PRESETS[choice]
