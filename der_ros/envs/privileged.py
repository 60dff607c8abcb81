"""Privileged state of an episode: the unknowns that a simulation knows and a policy must infer.

In training a critic may see them while the policy does not (asymmetric actor-critic, Pinto et al.
2018): the value of an action is then known without a guess, and only the policy, which runs on
the robot, has to work with what the robot measures.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from der_ros.envs.conditions import Conditions
from der_ros.envs.frames import FrameErrors
from der_ros.geometry import Pose, rotation_vector_from_quaternion
from der_ros.sim.robots import ROBOT_NAMES

PRIVILEGED_NAMES = (
    *(f"goal_{axis}_mm" for axis in "xyz"),
    *(f"goal_rotation_{axis}_mrad" for axis in "xyz"),
    *(f"force_bias_{axis}_n" for axis in "xyz"),
    *(f"torque_bias_{axis}_nm" for axis in "xyz"),
    "wrench_latency_ms",
    "pose_latency_ms",
    "command_latency_ms",
    "clearance_change_mm",
    "log_friction_scale",
    "log_stiffness_scale",
    "log_compliance_stiffness_scale",
    "log_force_budget_n",
    *(f"robot_{name}" for name in ROBOT_NAMES),
)
"""Names and units of the privileged state."""


def privileged_state(
    goal: Pose, conditions: Conditions, force_budget_n: float, robot: str
) -> NDArray[np.float32]:
    """Return the privileged state of an episode, (len(PRIVILEGED_NAMES),) float32.

    Args:
        goal: True goal of the held piece, true task frame.
        conditions: Conditions of the episode.
        force_budget_n: Force budget of the governor in this episode, N.
        robot: Name of the robot, one of ``ROBOT_NAMES``.
    """
    assumed = _assumed_goal(goal, conditions)
    c = conditions
    numbers = (
        *(1e3 * assumed.position).tolist(),
        *(1e3 * rotation_vector_from_quaternion(assumed.quaternion)).tolist(),
        *c.bias_error,
        1e3 * c.wrench_latency_s,
        1e3 * c.pose_latency_s,
        1e3 * c.command_latency_s,
        1e3 * c.clearance_change_m,
        math.log(max(c.friction_scale, 0.01)),
        math.log(c.stiffness_scale),
        math.log(c.compliance_stiffness_scale),
        math.log(force_budget_n),
        *(float(name == robot) for name in ROBOT_NAMES),
    )
    return np.array(numbers, np.float32)


def _assumed_goal(goal: Pose, conditions: Conditions) -> Pose:
    """Return the measured pose, assumed task frame, at which the piece is truly assembled."""
    frames = FrameErrors.of(conditions.goal_error, conditions.grasp)
    if frames is None:
        return goal
    return Pose.from_numbers(*frames.measured(*goal.to_numbers()))
