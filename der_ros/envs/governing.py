"""Limits of the motion governor of an environment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from der_ros.policy.governor import GovernorLimits
from der_ros.policy.rest import RestLimits
from der_ros.rotation import Six, Triple, limited
from der_ros.sim.robots import find_robot
from der_ros.tasks.base import Task


def with_values(limits: GovernorLimits, **values: float | None) -> GovernorLimits:
    """Return governor limits with other values.

    Args:
        limits: Limits of the motion governor.
        values: Values by field name, such as ``force_budget_n``; None keeps that of ``limits``.

    Raises:
        ConfigurationError: A value is out of range.
    """
    given: dict[str, Any] = {name: each for name, each in values.items() if each is not None}
    return replace(limits, **given)


def default_limits(task: Task, robot: str = "robotless") -> GovernorLimits:
    """Return the motion governor's limits for a task and a robot.

    Speeds, workspace and soft limits are the task's; the robot may lower the linear speed.

    Args:
        task: Task to assemble.
        robot: One of ``sim.robots.ROBOT_NAMES``.
    """
    low, high = task.workspace
    x, y, z = low.tolist()
    u, v, w = high.tolist()
    arm = find_robot(robot)
    return GovernorLimits(
        workspace_min_m=(x, y, z),
        workspace_max_m=(u, v, w),
        max_linear_speed_mps=min(task.max_linear_speed_mps, arm.max_linear_speed_mps),
        max_angular_speed_radps=task.max_angular_speed_radps,
        soft_force_n=task.soft_force_n,
        soft_torque_nm=task.soft_torque_nm,
        contact_mass_kg=arm.contact_mass_kg,
        contact_stiffness_n_per_m=arm.contact_stiffness_n_per_m,
        pressing_stiffness_n_per_m=arm.pressing_stiffness_n_per_m,
    )


def episode_limits(limits: GovernorLimits, ratio: float, tick_s: float) -> GovernorLimits:
    """Return the limits of an episode: with the force budget that was drawn, if it is lower.

    Args:
        limits: Limits of the environment.
        ratio: ``Conditions.force_budget_ratio``.
        tick_s: Period of the governor, s.
    """
    if ratio == 0.0:
        return limits
    budget_n = max(ratio, 1.0) * limits.least_budget_n(tick_s)
    return replace(limits, force_budget_n=min(limits.force_budget_n, budget_n))


def seen_at_rest(bias_error: Six) -> Six:
    """Return the part of a bias error that is removed before an attempt, N and Nm, sensor axes.

    A deployment measures the wrench at rest before each attempt and takes a bias again that is
    wrong by more than the default ``RestLimits``. An error within them is not seen, so that much
    remains.

    Args:
        bias_error: Error of the bias removal, N and Nm, sensor axes.
    """
    allowed = RestLimits()
    fx, fy, fz = _beyond(bias_error[:3], allowed.force_n)
    tx, ty, tz = _beyond(bias_error[3:], allowed.torque_nm)
    return (fx, fy, fz, tx, ty, tz)


def _beyond(error: Triple, allowed: float) -> Triple:
    """Return the part of an error above ``allowed``; all of it is allowed for 0."""
    x, y, z = limited(error, allowed) if allowed else error
    return (error[0] - x, error[1] - y, error[2] - z)
