"""Controllers that are no policies: one that knows the true goal, one that knows nothing."""

from __future__ import annotations

import math

import numpy as np

from der_ros.envs import AssemblyEnv
from der_ros.geometry import (
    quaternion_conjugate,
    quaternion_multiply,
    rotation_vector_from_quaternion,
)

_ENTRY_HEIGHT_M = 0.036


def oracle_action(env: AssemblyEnv) -> np.ndarray:
    """Goes over the true goal first, then down."""
    pose, goal = env.world.held_pose(), env.goal_pose
    offset = goal.position - pose.position
    turn = rotation_vector_from_quaternion(
        quaternion_multiply(goal.quaternion, quaternion_conjugate(pose.quaternion))
    )
    aligned = math.hypot(offset[0], offset[1]) < 5e-5 and float(np.linalg.norm(turn)) < 1e-3
    inside = offset[2] > -_ENTRY_HEIGHT_M + 0.001
    velocity = 5.0 * offset
    velocity[2] = -0.05 if aligned or inside else 0.0
    return np.clip(np.concatenate((velocity, 5.0 * turn)) / env.task.speed_limits, -1.0, 1.0)


def blind_action(env: AssemblyEnv) -> np.ndarray:
    """Straight down."""
    return np.array((0.0, 0.0, -1.0, 0.0, 0.0, 0.0))
