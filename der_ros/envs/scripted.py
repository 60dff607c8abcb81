"""Controllers that are no policies: one that knows the true goal, one that knows nothing.

The first says whether a task can be solved at all, the second whether it needs a policy.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from der_ros.envs.assembly import AssemblyEnv
from der_ros.geometry import (
    quaternion_conjugate,
    quaternion_multiply,
    rotation_vector_from_quaternion,
)

_GAIN_PER_S = 5.0


def oracle_action(env: AssemblyEnv) -> NDArray[np.float64]:
    """Goes over the true goal, the nearest of them, and aligns first, then down.

    Args:
        env: in an episode; its true goal is used.

    Returns:
        (6,) action.
    """
    pose = env.world.held_pose()
    goal = env.task.nearest_goal(pose, env.goal_pose)
    offset = goal.position - pose.position
    turn = rotation_vector_from_quaternion(
        quaternion_multiply(goal.quaternion, quaternion_conjugate(pose.quaternion))
    )
    aligned = math.hypot(offset[0], offset[1]) < 2e-5 and float(np.linalg.norm(turn)) < 5e-4
    # Engaged, the ground piece holds it; above, it must be aligned before it goes on.
    engaged = offset[2] > -env.task.engagement_height_m
    velocity = _GAIN_PER_S * offset
    velocity[2] = -env.task.max_linear_speed_mps if aligned or engaged else 0.0
    return np.clip(
        np.concatenate((velocity, _GAIN_PER_S * turn)) / env.task.speed_limits, -1.0, 1.0
    )


def blind_action(env: AssemblyEnv) -> NDArray[np.float64]:
    """Straight down at full speed, (6,)."""
    return np.array((0.0, 0.0, -1.0, 0.0, 0.0, 0.0))
