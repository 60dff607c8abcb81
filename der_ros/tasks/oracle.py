"""A controller that knows the true goal, for demonstrations and as a check of the tasks."""

from __future__ import annotations

import math

import numpy as np

from der_ros.geometry import (
    Array,
    Pose,
    quaternion_conjugate,
    quaternion_multiply,
    rotation_vector_from_quaternion,
)
from der_ros.tasks.base import Task

_GAIN_PER_S = 5.0
# A piece this far from its goal, as a share of the clearance, is aligned. Half of it is the play.
_ACROSS, _TURNED_RAD_PER_M = 0.1, 5.0
# Deeper than this below where it engages, the ground piece holds the held one.
_ENGAGED_M = 0.001
# The rim is met this slowly: each change of speed sets an arm swinging sideways.
_CAREFUL_MPS = 0.005


def oracle_action(task: Task, pose: Pose, goal: Pose, touching: bool) -> Array:
    """Move over the true goal and align first, then go down.

    Args:
        task: that is assembled.
        pose: of the held piece, task frame.
        goal: true assembled pose of the held piece, task frame; of a symmetric piece the nearest
            one is taken.
        touching: whether the ground pushes the held piece upwards.

    Returns:
        Action (6,) in [-1, 1].
    """
    goal = task.nearest_goal(pose, goal)
    offset = goal.position - pose.position
    turn = rotation_vector_from_quaternion(
        quaternion_multiply(goal.quaternion, quaternion_conjugate(pose.quaternion))
    )
    velocity = _GAIN_PER_S * offset
    velocity[2] = _descent(task, offset, float(np.linalg.norm(turn)), touching)
    twist = np.concatenate((velocity, _GAIN_PER_S * turn))
    action: Array = np.clip(twist / task.speed_limits, -1.0, 1.0)
    return action


def _descent(task: Task, offset: Array, angle_rad: float, touching: bool) -> float:
    """Return the velocity along z, m/s, towards a goal that is ``offset`` (3,) m away."""
    fastest = task.max_linear_speed_mps
    height_m = -float(offset[2]) - task.engagement_height_m
    if height_m < -_ENGAGED_M:
        return -fastest
    across = math.hypot(offset[0], offset[1]) < _ACROSS * task.clearance_m
    if across and angle_rad < _TURNED_RAD_PER_M * task.clearance_m:
        return -min(fastest, max(_CAREFUL_MPS, _GAIN_PER_S * height_m))
    # A piece that stands beside the joint is lifted: its friction would hold it there.
    return _CAREFUL_MPS if touching else 0.0
