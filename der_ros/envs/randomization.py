"""Randomization of episodes besides the initial state, with one switch per source.

The suffix of a switch gives its distribution: ``_std``, Gaussian around the nominal value;
``_spread``, uniform within plus or minus the value; ``_max_`` and a unit, uniform from 0 to the
value; ``_ratio``, a log-uniform factor between 1 / (1 + value) and 1 + value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

from der_ros.errors import ConfigurationError
from der_ros.tasks.base import Task

# Spreads of factors, which must stay above zero.
_FACTOR_SPREADS = ("stiffness_spread", "held_mass_spread")
_LARGEST_FACTOR_SPREAD = 0.9
# Range of the factor of the cell's stiffness with ``compliance_spread`` at 1.
COMPLIANCE_STIFFNESS_RANGE = (0.1, 2.0)
# Largest allowed values, such as small-angle errors of a cell.
_LARGEST = {
    "grasp_position_spread_m": 0.01,
    "grasp_rotation_spread_rad": 0.1,
    "clearance_spread_m": 0.002,
    "wrench_latency_max_s": 0.5,
    "pose_latency_max_s": 0.5,
    "command_latency_max_s": 0.5,
    "friction_ratio": 9.0,
    "ground_position_spread_m": 0.01,
    "ground_yaw_spread_rad": 0.2,
    "severity_spread": 1.0,
    "force_budget_max_ratio": 1e3,
    "compliance_spread": 1.0,
    "dead_zone_max_mps": 0.01,
    "dead_zone_max_radps": 0.1,
    "stiction_max_m": 0.005,
    "stiction_max_rad": 0.05,
    "backlash_max_m": 0.005,
    "backlash_max_rad": 0.05,
    **dict.fromkeys(_FACTOR_SPREADS, _LARGEST_FACTOR_SPREAD),
}


@dataclass(frozen=True, kw_only=True)
class Randomization:
    """Magnitude of each source of randomness; zero disables it.

    Noise is drawn for each measurement or action, everything else once per episode.

    Attributes:
        force_noise_std_n: Noise of the measured force, N, per axis.
        torque_noise_std_nm: Noise of the measured torque about the sensor's origin, Nm, per axis.
        force_bias_std_n: Error of the force bias removal, N, per axis.
        torque_bias_std_nm: Error of the torque bias removal, Nm, per axis.
        position_noise_std_m: Noise of the measured position, m, per axis.
        rotation_noise_std_rad: Noise of the measured orientation, rad, about each axis.
        action_noise_std: Noise of each commanded velocity, as a fraction of it.
        friction_std: Variation of the friction coefficient, as a fraction of it.
        friction_ratio: Log-uniform variation of the friction coefficient; replaces
            ``friction_std``.
        stiffness_spread: Variation of the arm's stiffnesses, as a fraction, at most 0.9.
        compliance_spread: Log-uniform variation of the cell's stiffness: 1 is the whole range of
            factors from 0.1 to 2, 0.5 half of it on the logarithmic scale.
        held_mass_spread: Variation of the held piece's mass, as a fraction, at most 0.9.
        clearance_spread_m: Variation of the clearance, m, in seven equal steps, clipped to the
            task's limits.
        grasp_position_spread_m: Error of the held piece's position in the gripper, m, per axis.
        grasp_rotation_spread_rad: Error of the held piece's orientation in the gripper, rad, about
            each axis.
        goal_position_error_std_m: Error of the task frame's position, m, per axis.
        goal_rotation_error_std_rad: Error of the task frame's orientation, rad, about each axis.
        wrench_latency_max_s: Latency of the wrench for policy and governor, s, rounded to the
            governor's ticks.
        pose_latency_max_s: Latency of the pose for the policy, s, rounded to the governor's ticks;
            independent of the wrench's.
        command_latency_max_s: Latency from the governor to the arm's drives, s.
        dead_zone_max_mps: Speed below which a drive does nothing, m/s, along each axis.
        dead_zone_max_radps: Speed below which a drive does nothing, rad/s, about each axis.
        stiction_max_m: Lag behind the command before a drive at rest moves, m, along each axis.
        stiction_max_rad: Lag behind the command before a drive at rest moves, rad, about each axis.
        backlash_max_m: Motion lost when a drive turns round, m, along each axis.
        backlash_max_rad: Motion lost when a drive turns round, rad, about each axis.
        ground_position_spread_m: Displacement of the ground piece along x and y, m, if larger than
            the task's own.
        ground_yaw_spread_rad: Yaw of the ground piece, rad, if larger than the task's own.
        severity_spread: Range of an episode's severities, factors between 1 minus this and 1. The
            one of the ground piece's displacement has a density proportional to it. Bias, grasp,
            goal, latencies and drives each have their own, which is uniform, and another one
            raises the lower bound of the force budget. So few errors are large at once.
        force_budget_max_ratio: Maximum force budget of the governor, as a multiple of the least
            that the robot can keep; log-uniform from a tenth of it.
    """

    force_noise_std_n: float = 0.0
    torque_noise_std_nm: float = 0.0
    force_bias_std_n: float = 0.0
    torque_bias_std_nm: float = 0.0
    position_noise_std_m: float = 0.0
    rotation_noise_std_rad: float = 0.0
    action_noise_std: float = 0.0
    friction_std: float = 0.0
    friction_ratio: float = 0.0
    stiffness_spread: float = 0.0
    compliance_spread: float = 0.0
    held_mass_spread: float = 0.0
    clearance_spread_m: float = 0.0
    grasp_position_spread_m: float = 0.0
    grasp_rotation_spread_rad: float = 0.0
    goal_position_error_std_m: float = 0.0
    goal_rotation_error_std_rad: float = 0.0
    wrench_latency_max_s: float = 0.0
    pose_latency_max_s: float = 0.0
    command_latency_max_s: float = 0.0
    dead_zone_max_mps: float = 0.0
    dead_zone_max_radps: float = 0.0
    stiction_max_m: float = 0.0
    stiction_max_rad: float = 0.0
    backlash_max_m: float = 0.0
    backlash_max_rad: float = 0.0
    ground_position_spread_m: float = 0.0
    ground_yaw_spread_rad: float = 0.0
    severity_spread: float = 0.0
    force_budget_max_ratio: float = 0.0

    def __post_init__(self) -> None:
        """Check that all values are finite and within their limits.

        Raises:
            ConfigurationError: A value is negative, not finite or above its limit.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            most = _LARGEST.get(field.name, math.inf)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            is_number = is_number and math.isfinite(value)
            if not (is_number and 0.0 <= value <= most):
                most_told = "or more" if most == math.inf else f"to {most}"
                raise ConfigurationError(
                    f"Randomization.{field.name}: expected 0 {most_told}, got {value!r}"
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
    # Errors of a real cell; docs/reference/environments.md gives the reasons.
    "deploy": Randomization(
        force_noise_std_n=0.5,
        torque_noise_std_nm=0.02,
        force_bias_std_n=1.0,
        torque_bias_std_nm=0.05,
        position_noise_std_m=0.00005,
        rotation_noise_std_rad=0.0001,
        action_noise_std=0.01,
        friction_std=0.2,
        stiffness_spread=0.4,
        held_mass_spread=0.2,
        clearance_spread_m=0.0002,
        grasp_position_spread_m=0.0005,
        grasp_rotation_spread_rad=0.005,
        goal_position_error_std_m=0.0005,
        goal_rotation_error_std_rad=0.003,
        wrench_latency_max_s=0.024,
        pose_latency_max_s=0.024,
        command_latency_max_s=0.024,
        dead_zone_max_mps=0.0001,
        dead_zone_max_radps=0.0002,
        stiction_max_m=0.00002,
        stiction_max_rad=0.0001,
        backlash_max_m=0.00005,
        backlash_max_rad=0.0002,
    ),
    # Errors larger than a deployment should have, for training.
    "wide": Randomization(
        force_noise_std_n=0.5,
        torque_noise_std_nm=0.02,
        force_bias_std_n=5.0,
        torque_bias_std_nm=0.1,
        position_noise_std_m=0.00005,
        rotation_noise_std_rad=0.0001,
        action_noise_std=0.01,
        friction_ratio=1.5,
        stiffness_spread=0.4,
        held_mass_spread=0.2,
        clearance_spread_m=0.0008,
        grasp_position_spread_m=0.001,
        grasp_rotation_spread_rad=0.0175,
        goal_position_error_std_m=0.001,
        goal_rotation_error_std_rad=0.01,
        wrench_latency_max_s=0.1,
        pose_latency_max_s=0.1,
        command_latency_max_s=0.1,
        dead_zone_max_mps=0.0001,
        dead_zone_max_radps=0.0002,
        stiction_max_m=0.00002,
        stiction_max_rad=0.0001,
        backlash_max_m=0.00005,
        backlash_max_rad=0.0002,
        ground_position_spread_m=0.007,
        ground_yaw_spread_rad=math.radians(8.0),
        severity_spread=1.0,
        compliance_spread=1.0,
        force_budget_max_ratio=25.0,
    ),
}


def widened(task: Task, randomization: Randomization) -> Task:
    """Return the task with its ground piece's ranges widened to those of a randomization."""
    spread_m, spread_rad = (
        randomization.ground_position_spread_m,
        randomization.ground_yaw_spread_rad,
    )
    low, high = task.ground_yaw_range_rad
    yaws = (min(low, -spread_rad), max(high, spread_rad))
    if spread_m <= task.ground_reach_m and yaws == (low, high):
        return task
    reach_m = max(task.ground_reach_m, spread_m)
    return replace(task, ground_offset_m=reach_m, ground_yaw_range_rad=yaws)


def resolve_randomization(choice: str | Randomization) -> Randomization:
    """Return a preset by its name, or the given randomization itself.

    Args:
        choice: One of ``PRESETS`` or a ``Randomization``.

    Raises:
        ConfigurationError: The choice is neither.
    """
    if isinstance(choice, Randomization):
        return choice
    if not isinstance(choice, str) or choice not in PRESETS:
        raise ConfigurationError(
            f"randomization: expected one of {', '.join(PRESETS)} or a Randomization, "
            f"got {choice!r}"
        )
    return PRESETS[choice]
