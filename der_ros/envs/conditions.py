"""The conditions of one episode: what was drawn for it, as plain numbers.

Each episode draws the same count of numbers in the same order, whatever is switched on. So a
switch changes what it is for and nothing else, in this and in all later episodes.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np

from der_ros.envs.randomization import COMPLIANCE_STIFFNESS_RANGE, Randomization
from der_ros.rotation import Six

_ZERO6: Six = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
# The world keeps so many ground pieces ready, and the nominal one is among them.
CLEARANCE_STEPS = 7
_LEAST_BUDGET_SHARE = 0.05
_LARGEST_SEED = 2**63 - 1

Seeds: TypeAlias = tuple[int, int, int]


class Conditions(NamedTuple):
    """Conditions of one episode besides its initial state.

    Attributes:
        friction_scale: of the coefficient of friction.
        stiffness_scale: of the arm's stiffnesses.
        mass_scale: of the held piece's mass.
        clearance_change_m: added to the task's clearance.
        bias_error: what the bias removal gets wrong, N and Nm, sensor axes.
        grasp: pose of the held piece in the tcp frame: m, and a rotation vector in rad.
        goal_error: pose of the task frame that everybody believes in, in the true one; the same.
        wrench_latency_s: age of the wrench.
        pose_latency_s: age of the pose.
        command_latency_s: of what the governor lets pass.
        force_budget_n: that the governor keeps; 0: none is drawn.
        compliance_stiffness_scale: of the stiffnesses of the cell's compliance.
        noise_seeds: of the noise of the wrench, the pose and the action.
        severity: factor of the ground piece's place and yaw; the others here have it already.
    """

    friction_scale: float = 1.0
    stiffness_scale: float = 1.0
    mass_scale: float = 1.0
    clearance_change_m: float = 0.0
    bias_error: Six = _ZERO6
    grasp: Six = _ZERO6
    goal_error: Six = _ZERO6
    wrench_latency_s: float = 0.0
    pose_latency_s: float = 0.0
    command_latency_s: float = 0.0
    force_budget_n: float = 0.0
    compliance_stiffness_scale: float = 1.0
    noise_seeds: Seeds = (0, 0, 0)
    severity: float = 1.0


def draw_conditions(randomization: Randomization, rng: np.random.Generator) -> Conditions:
    """Draw the conditions of an episode.

    Args:
        randomization: the switches.
        rng: of the episode; it goes on by the same way whatever the switches are.
    """
    r = randomization
    friction, *gaussian = rng.standard_normal(13).tolist()
    stiffness, mass, *grasp = rng.uniform(-1.0, 1.0, 8).tolist()
    wrench_age, pose_age, command_age = rng.random(3).tolist()
    step = int(rng.integers(CLEARANCE_STEPS)) - CLEARANCE_STEPS // 2
    wrench_seed, pose_seed, action_seed = rng.integers(_LARGEST_SEED, size=3).tolist()
    severity = _severity(r, action_seed)
    return Conditions(
        friction_scale=_friction_scale(r, friction),
        stiffness_scale=1.0 + r.stiffness_spread * stiffness,
        mass_scale=1.0 + r.held_mass_spread * mass,
        clearance_change_m=r.clearance_spread_m * step / (CLEARANCE_STEPS // 2),
        bias_error=_scaled(
            gaussian[:6], severity * r.force_bias_std_n, severity * r.torque_bias_std_nm
        ),
        grasp=_scaled(
            grasp, severity * r.grasp_position_spread_m, severity * r.grasp_rotation_spread_rad
        ),
        goal_error=_scaled(
            gaussian[6:],
            severity * r.goal_position_error_std_m,
            severity * r.goal_rotation_error_std_rad,
        ),
        wrench_latency_s=severity * r.wrench_latency_max_s * wrench_age,
        pose_latency_s=severity * r.pose_latency_max_s * pose_age,
        command_latency_s=severity * r.command_latency_max_s * command_age,
        force_budget_n=_budget(r, pose_seed, severity) if r.force_budget_max_n else 0.0,
        compliance_stiffness_scale=_stiffness_scale(r, action_seed),
        noise_seeds=(wrench_seed, pose_seed, action_seed),
        severity=severity,
    )


def _severity(randomization: Randomization, seed: int) -> float:
    """Return the factor of an episode, from a seed of its own: the draws before it stay."""
    return float(1.0 - randomization.severity_spread * np.random.default_rng((seed, 2)).random())


def _friction_scale(randomization: Randomization, number: float) -> float:
    """Return the factor of the friction that a standard normal number gives."""
    if randomization.friction_ratio > 0.0:
        uniform = math.erf(number / math.sqrt(2.0))  # within plus and minus 1
        return float((1.0 + randomization.friction_ratio) ** uniform)
    return max(0.0, 1.0 + randomization.friction_std * number)


def _budget(randomization: Randomization, seed: int, severity: float) -> float:
    """Return a force budget, N, uniform in its logarithm; an easy episode has a large one.

    A generator of its own, seeded by the episode, leaves the draws of the other switches alone.
    """
    share = np.random.default_rng((seed, 3)).uniform(severity * math.log(_LEAST_BUDGET_SHARE), 0.0)
    return randomization.force_budget_max_n * math.exp(share)


def _stiffness_scale(randomization: Randomization, seed: int) -> float:
    """Return the share of the cell's stiffness, log-uniform within the switch's part of the range.

    A generator that grows from a seed of the episode: the draws of the switches before stay.
    """
    share = randomization.compliance_spread
    if share == 0.0:
        return 1.0
    low, high = (share * math.log(bound) for bound in COMPLIANCE_STIFFNESS_RANGE)
    return math.exp(np.random.default_rng((seed, 1)).uniform(low, high))


def _scaled(numbers: list[float], first: float, second: float) -> Six:
    """Three numbers times ``first``, three times ``second``."""
    a, b, c, d, e, f = numbers
    return (first * a, first * b, first * c, second * d, second * e, second * f)
