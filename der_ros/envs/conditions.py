"""Random conditions of one episode, as plain numbers.

Every episode draws the same number of random numbers in the same order, whatever is switched on. So
a switch changes only its own quantity, in this and in all later episodes.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np

from der_ros.envs.drives import DriveErrors
from der_ros.envs.randomization import COMPLIANCE_STIFFNESS_RANGE, Randomization
from der_ros.rotation import ZERO6, Six

# Number of clearances, the nominal one included; the world caches at least as many ground pieces.
CLEARANCE_STEPS = 7
_LEAST_BUDGET_SHARE = 0.1
_LARGEST_SEED = 2**63 - 1

Seeds: TypeAlias = tuple[int, int, int]


class Conditions(NamedTuple):
    """Conditions of one episode besides its initial state.

    Attributes:
        friction_scale: Factor of the friction coefficient.
        stiffness_scale: Factor of the arm's stiffnesses.
        mass_scale: Factor of the held piece's mass.
        clearance_change_m: Change of the task's clearance, m.
        bias_error: Error of the bias removal, N and Nm, sensor axes.
        grasp: Pose of the held piece in the tcp frame: three m and a rotation vector, rad.
        goal_error: Pose of the assumed task frame in the true one: three m and a rotation vector,
            rad.
        wrench_latency_s: Latency of the measured wrench, s.
        pose_latency_s: Latency of the measured pose, s.
        command_latency_s: Latency from the governor to the arm, s.
        force_budget_ratio: Force budget of the governor as a multiple of the least that the robot
            can keep; 0 if none is drawn.
        compliance_stiffness_scale: Factor of the stiffnesses of the cell's compliance.
        noise_seeds: Seeds of the noise of wrench, pose and action.
        severity: Factor of the ground piece's displacement and yaw. Those of the other errors are
            already applied to their fields.
        drives: Errors of the arm's drives.
    """

    friction_scale: float = 1.0
    stiffness_scale: float = 1.0
    mass_scale: float = 1.0
    clearance_change_m: float = 0.0
    bias_error: Six = ZERO6
    grasp: Six = ZERO6
    goal_error: Six = ZERO6
    wrench_latency_s: float = 0.0
    pose_latency_s: float = 0.0
    command_latency_s: float = 0.0
    force_budget_ratio: float = 0.0
    compliance_stiffness_scale: float = 1.0
    noise_seeds: Seeds = (0, 0, 0)
    severity: float = 1.0
    drives: DriveErrors = DriveErrors()


def draw_conditions(randomization: Randomization, rng: np.random.Generator) -> Conditions:
    """Draw the conditions of an episode.

    Args:
        randomization: Switches and magnitudes.
        rng: Random generator of the episode; it advances equally for all switch settings.
    """
    r = randomization
    friction, *gaussian = rng.standard_normal(13).tolist()
    stiffness, mass, *grasp = rng.uniform(-1.0, 1.0, 8).tolist()
    wrench_age, pose_age, command_age = rng.random(3).tolist()
    step = int(rng.integers(CLEARANCE_STEPS)) - CLEARANCE_STEPS // 2
    wrench_seed, pose_seed, action_seed = rng.integers(_LARGEST_SEED, size=3).tolist()
    severity, (bias, grasped, goal, late, driven, limited) = _severities(r, action_seed)
    return Conditions(
        friction_scale=_friction_scale(r, friction),
        stiffness_scale=1.0 + r.stiffness_spread * stiffness,
        mass_scale=1.0 + r.held_mass_spread * mass,
        clearance_change_m=r.clearance_spread_m * step / (CLEARANCE_STEPS // 2),
        bias_error=_scaled(gaussian[:6], bias * r.force_bias_std_n, bias * r.torque_bias_std_nm),
        grasp=_scaled(
            grasp, grasped * r.grasp_position_spread_m, grasped * r.grasp_rotation_spread_rad
        ),
        goal_error=_scaled(
            gaussian[6:],
            goal * r.goal_position_error_std_m,
            goal * r.goal_rotation_error_std_rad,
        ),
        wrench_latency_s=late * r.wrench_latency_max_s * wrench_age,
        pose_latency_s=late * r.pose_latency_max_s * pose_age,
        command_latency_s=late * r.command_latency_max_s * command_age,
        force_budget_ratio=_budget_ratio(r, pose_seed, limited),
        compliance_stiffness_scale=_stiffness_scale(r, action_seed),
        noise_seeds=(wrench_seed, pose_seed, action_seed),
        severity=severity,
        drives=_drives(r, action_seed, driven),
    )


def _severities(randomization: Randomization, seed: int) -> tuple[float, list[float]]:
    """Return the severity of the ground piece's displacement, and those of the other six errors.

    They use a generator of their own, so the draws of the other switches do not change. Those of
    the other errors are independent and uniform: in most episodes few errors are large at once.
    """
    least = 1.0 - randomization.severity_spread
    rng = np.random.default_rng((seed, 2))
    return math.sqrt(rng.uniform(least**2, 1.0)), rng.uniform(least, 1.0, 6).tolist()


def _friction_scale(randomization: Randomization, number: float) -> float:
    """Return the friction factor for a standard normal number."""
    if randomization.friction_ratio > 0.0:
        uniform = math.erf(number / math.sqrt(2.0))  # uniform in (-1, 1)
        return float((1.0 + randomization.friction_ratio) ** uniform)
    return max(0.0, 1.0 + randomization.friction_std * number)


def _budget_ratio(randomization: Randomization, seed: int, severity: float) -> float:
    """Return a log-uniform ratio of the force budget; a lower severity raises its lower bound.

    It uses a generator of its own, so the draws of the other switches do not change.
    """
    share = np.random.default_rng((seed, 3)).uniform(severity * math.log(_LEAST_BUDGET_SHARE), 0.0)
    return randomization.force_budget_max_ratio * math.exp(share)


def _stiffness_scale(randomization: Randomization, seed: int) -> float:
    """Return the factor of the cell's stiffness, log-uniform in the switch's part of the range.

    It uses a generator of its own, so the draws of the other switches do not change.
    """
    share = randomization.compliance_spread
    if share == 0.0:
        return 1.0
    low, high = (share * math.log(bound) for bound in COMPLIANCE_STIFFNESS_RANGE)
    return math.exp(np.random.default_rng((seed, 1)).uniform(low, high))


def _drives(randomization: Randomization, seed: int, severity: float) -> DriveErrors:
    """Return the errors of the drives, from a separate generator that leaves other draws alone."""
    r = randomization
    largest = (
        r.dead_zone_max_mps,
        r.dead_zone_max_radps,
        r.stiction_max_m,
        r.stiction_max_rad,
        r.backlash_max_m,
        r.backlash_max_rad,
    )
    if not any(largest):
        return DriveErrors()
    shares = np.random.default_rng((seed, 4)).random(6).tolist()
    drawn = [severity * most * share for most, share in zip(largest, shares, strict=True)]
    return DriveErrors(*drawn)


def _scaled(numbers: list[float], first: float, second: float) -> Six:
    """Multiply three numbers by ``first`` and three by ``second``."""
    a, b, c, d, e, f = numbers
    return (first * a, first * b, first * c, second * d, second * e, second * f)
