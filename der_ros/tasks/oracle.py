"""Controller that knows the true goal, for demonstrations and as a check of the tasks."""

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
# Largest fraction of an offset that one action removes; beyond 1 it overshoots.
_LARGEST_SHARE = 0.5
# Alignment tolerance as a fraction of the clearance; half the clearance is the play on each side.
_ACROSS, _TURNED_RAD_PER_M = 0.1, 5.0
# Depth below the engagement height from which the ground piece guides the held one securely.
_ENGAGED_M = 0.001
# Approach speed at the rim: every change of speed makes an arm oscillate sideways.
_CAREFUL_MPS = 0.005


def oracle_action(
    task: Task, pose: Pose, goal: Pose, touching: bool, period_s: float = 0.0
) -> Array:
    """Return the action that aligns the piece above the true goal and then moves it down.

    Args:
        task: Task to assemble.
        pose: Pose of the held piece, task frame.
        goal: True assembled pose of the held piece, task frame; for a symmetric piece, the nearest
            equivalent goal is used.
        touching: True if the ground piece pushes the held piece upwards.
        period_s: Time for which the action is kept, s; 0 for a short one.

    Returns:
        Action, (6,) in [-1, 1].
    """
    goal = task.nearest_goal(pose, goal)
    offset = goal.position - pose.position
    turn = rotation_vector_from_quaternion(
        quaternion_multiply(goal.quaternion, quaternion_conjugate(pose.quaternion))
    )
    gain = min(_GAIN_PER_S, _LARGEST_SHARE / max(period_s, 1e-9))
    velocity = gain * offset
    velocity[2] = _descent(task, offset, float(np.linalg.norm(turn)), touching)
    twist = np.concatenate((velocity, gain * turn))
    action: Array = np.clip(twist / task.speed_limits, -1.0, 1.0)
    return action


def _descent(task: Task, offset: Array, angle_rad: float, touching: bool) -> float:
    """Return the velocity along z, m/s, for the offset of the goal from the piece, (3,) m."""
    fastest = task.max_linear_speed_mps
    height_m = -float(offset[2]) - task.engagement_height_m
    if height_m < -_ENGAGED_M:
        return -fastest
    across = math.hypot(offset[0], offset[1]) < _ACROSS * task.clearance_m
    if across and angle_rad < _TURNED_RAD_PER_M * task.clearance_m:
        return -min(fastest, max(_CAREFUL_MPS, _GAIN_PER_S * height_m))
    # Lift a misaligned piece off the ground piece, or friction would hold it there.
    return _CAREFUL_MPS if touching else 0.0
