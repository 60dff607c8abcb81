"""Division of a control period into ticks of the governor and steps of the physics."""

from __future__ import annotations

import math

from der_ros.errors import ConfigurationError

PHYSICS_DT_S = 0.004
GOVERNOR_DT_S = 0.012


def whole_steps(time_limit_s: float, control_dt: float) -> int:
    """Return the number of whole control periods within a time limit.

    Raises:
        ConfigurationError: The period is longer than the limit.
    """
    steps = math.floor(time_limit_s / control_dt + 1e-9)
    if steps < 1:
        raise ConfigurationError(
            f"control_dt: expected at most the task's time limit, {time_limit_s} s, "
            f"got {control_dt} s"
        )
    return steps


def split_control_period(control_dt: float) -> tuple[int, int]:
    """Divide a control period into governor ticks and physics steps.

    Args:
        control_dt: Control period, s.

    Returns:
        Ticks per control period and physics steps per tick. A tick is 12 ms (the robot's cycle) if
        the period is a multiple of it, else one physics step.

    Raises:
        ConfigurationError: The period is not a multiple of the physics step.
    """
    is_number = isinstance(control_dt, (int, float)) and not isinstance(control_dt, bool)
    steps = control_dt / PHYSICS_DT_S if is_number else math.nan
    if not (math.isfinite(steps) and steps > 0.5 and abs(steps - round(steps)) < 1e-6):
        raise ConfigurationError(
            f"control_dt: expected a whole multiple of the physics step {PHYSICS_DT_S} s, "
            f"got {control_dt!r} s"
        )
    per_tick = round(GOVERNOR_DT_S / PHYSICS_DT_S)
    whole = round(steps)
    return (whole // per_tick, per_tick) if whole % per_tick == 0 else (whole, 1)
