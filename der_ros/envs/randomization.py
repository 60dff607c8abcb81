"""Randomization of episodes besides the initial state, with one switch for each source.

Kinds of spread, told by the end of a switch's name: ``_std``, Gaussian around the nominal;
``_spread``, uniform within plus and minus; ``_max_s``, uniform between none and that; ``_ratio``,
a factor between 1 / (1 + that) and 1 + that, uniform in its logarithm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

from der_ros.errors import ConfigurationError
from der_ros.tasks.base import Task

# A spread of a factor must leave something of it.
_FACTOR_SPREADS = ("stiffness_spread", "held_mass_spread")
_LARGEST_FACTOR_SPREAD = 0.9
# Of the cell's stiffness, with ``compliance_spread`` at 1.
COMPLIANCE_STIFFNESS_RANGE = (0.1, 2.0)
# Small-angle errors; beyond, nothing of a cell would be in place.
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
    "force_budget_max_n": 1e4,
    "compliance_spread": 1.0,
    **dict.fromkeys(_FACTOR_SPREADS, _LARGEST_FACTOR_SPREAD),
}


@dataclass(frozen=True, kw_only=True)
class Randomization:
    """One switch for each source; zero switches it off.

    Attributes:
        force_noise_std_n: of each reading of the sensor, each axis.
        torque_noise_std_nm: the same of the torque, about the sensor's origin.
        force_bias_std_n: error of the bias removal, drawn once an episode, each axis.
        torque_bias_std_nm: the same of the torque.
        position_noise_std_m: of each measured position, each axis.
        rotation_noise_std_rad: of each measured orientation, about each axis.
        action_noise_std: of each commanded velocity, as a fraction of it.
        friction_std: of the coefficient of friction, once an episode, as a fraction of it.
        friction_ratio: of the same, in place of ``friction_std``.
        stiffness_spread: of the arm's stiffnesses, once an episode, as a fraction, at most 0.9.
        compliance_spread: of the stiffness of what gives in the cell, once an episode,
            log-uniform; 1 is the whole range from a tenth to twice of it, 0.5 the inner half.
        held_mass_spread: of the held piece's mass, the same.
        clearance_spread_m: of the clearance, once an episode, in seven equal steps; what comes out
            is kept within the task's own limits.
        grasp_position_spread_m: where the held piece really sits in the gripper, once an episode,
            along each axis.
        grasp_rotation_spread_rad: the same about each axis.
        goal_position_error_std_m: where the task frame really is, once an episode, along each axis.
        goal_rotation_error_std_rad: the same about each axis.
        wrench_latency_max_s: age of the wrench that policy and governor see; once an episode, to
            the nearest tick of the governor.
        pose_latency_max_s: the same of the pose that the policy sees; drawn apart from it.
        command_latency_max_s: time from the governor to the arm's drives.
        ground_position_spread_m: where the ground piece really is, along x and y, where that is
            more than the task's own range.
        ground_yaw_spread_rad: the same of its yaw.
        severity_spread: Once an episode, a factor from 1 minus this to 1 is drawn. It scales all
            that is drawn once an episode except clearance, friction, mass and stiffness, so that
            some episodes are easy.
        force_budget_max_n: Largest force budget of the governor; drawn once an episode, down to a
            twentieth of it, uniform in the logarithm. A robot that cannot keep so small a budget
            gets the smallest that it can keep.
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
    ground_position_spread_m: float = 0.0
    ground_yaw_spread_rad: float = 0.0
    severity_spread: float = 0.0
    force_budget_max_n: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a spread that is negative or not finite.

        Raises:
            ConfigurationError: one of them is negative, not finite or beyond its limit.
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
    # What a real cell has; docs/explanation/simulation.md says why these.
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
    ),
    # All that a cell may get wrong: training meets more than a deployment should.
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
        clearance_spread_m=0.0009,
        grasp_position_spread_m=0.001,
        grasp_rotation_spread_rad=0.0175,
        goal_position_error_std_m=0.001,
        goal_rotation_error_std_rad=0.01,
        wrench_latency_max_s=0.1,
        pose_latency_max_s=0.1,
        command_latency_max_s=0.1,
        ground_position_spread_m=0.005,
        ground_yaw_spread_rad=math.radians(5.0),
        severity_spread=1.0,
        compliance_spread=1.0,
        force_budget_max_n=400.0,
    ),
}


def widened(task: Task, randomization: Randomization) -> Task:
    """Return the task with its ground piece in all the places where this randomization puts it."""
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
    """Return a preset by its name, or the randomization that was given.

    Args:
        choice: one of ``PRESETS`` or a ``Randomization``.

    Raises:
        ConfigurationError: it is neither.
    """
    if isinstance(choice, Randomization):
        return choice
    if not isinstance(choice, str) or choice not in PRESETS:
        raise ConfigurationError(
            f"randomization: expected one of {', '.join(PRESETS)} or a Randomization, "
            f"got {choice!r}"
        )
    return PRESETS[choice]
