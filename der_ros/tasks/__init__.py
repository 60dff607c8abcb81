"""What is assembled: piece geometry, goal, reward, success, initial-state ranges."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from der_ros.errors import ConfigurationError
from der_ros.tasks.base import InitialState, Judgement, Task
from der_ros.tasks.lap_joint import LapJoint
from der_ros.tasks.peg_in_hole import PegInHole
from der_ros.tasks.pieces import Box, Frustum, Part, Piece

_TASKS: dict[str, type[Task]] = {cls.name: cls for cls in (LapJoint, PegInHole)}

TASK_NAMES: tuple[str, ...] = tuple(sorted(_TASKS))

__all__ = [
    "TASK_NAMES",
    "Box",
    "Frustum",
    "InitialState",
    "Judgement",
    "LapJoint",
    "Part",
    "PegInHole",
    "Piece",
    "Task",
    "make_task",
]


def make_task(name: str, **options: Any) -> Task:
    """Builds a task by its name.

    Args:
        name: one of ``TASK_NAMES``.
        **options: fields of the task's class, such as ``clearance_m``.

    Raises:
        ConfigurationError: the task or an option is unknown, or a value is out of its range.
    """
    if name not in _TASKS:
        raise ConfigurationError(f"task: expected one of {', '.join(TASK_NAMES)}, got {name!r}")
    known = sorted(field.name for field in fields(_TASKS[name]))
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigurationError(
            f"task {name}: unknown option {', '.join(unknown)}; it has {', '.join(known)}"
        )
    return _TASKS[name](**options)
