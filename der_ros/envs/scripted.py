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
# What counts as aligned, of the clearance: across, and as an angle. Half of it is the play.
_ACROSS, _TURNED_RAD_PER_M = 0.1, 5.0
# Deeper than this below where it engages, the ground piece holds the held one.
_ENGAGED_M = 0.001
# The rim is met this slowly: each change of speed sets an arm swinging sideways.
_CAREFUL_MPS = 0.005


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
    velocity = _GAIN_PER_S * offset
    velocity[2] = _descent(env, offset, float(np.linalg.norm(turn)))
    return np.clip(
        np.concatenate((velocity, _GAIN_PER_S * turn)) / env.task.speed_limits, -1.0, 1.0
    )


def _descent(env: AssemblyEnv, offset: NDArray[np.float64], angle_rad: float) -> float:
    """Velocity along z, m/s, of an oracle whose goal is ``offset`` away."""
    task, fastest = env.task, env.task.max_linear_speed_mps
    height_m = -float(offset[2]) - task.engagement_height_m
    if height_m < -_ENGAGED_M:
        return -fastest
    across = math.hypot(offset[0], offset[1]) < _ACROSS * task.clearance_m
    if across and angle_rad < _TURNED_RAD_PER_M * task.clearance_m:
        return -min(fastest, max(_CAREFUL_MPS, _GAIN_PER_S * height_m))
    # A piece that stands beside is lifted: its friction would hold it there.
    return _CAREFUL_MPS if env.world.contact_wrench().force[2] > 0.0 else 0.0


def blind_action(env: AssemblyEnv) -> NDArray[np.float64]:
    """Straight down at full speed, (6,)."""
    return np.array((0.0, 0.0, -1.0, 0.0, 0.0, 0.0))
