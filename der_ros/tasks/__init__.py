"""Assembly tasks: geometry of the pieces, goal, reward, success, ranges of the initial state.

``TASKS`` lists all tasks; names, environments, command lines and launch files derive from it.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, NamedTuple

from der_ros.errors import ConfigurationError
from der_ros.tasks.base import InitialState, Judgement, Task
from der_ros.tasks.key_slot import KeySlot
from der_ros.tasks.lap_joint import LapJoint
from der_ros.tasks.peg_in_hole import PegInHole
from der_ros.tasks.pieces import Box, Frustum, Part, Piece, Turned


class TaskEntry(NamedTuple):
    """Entry of one task in the table of tasks.

    Attributes:
        task: Class of the task; its field defaults are the task's defaults.
        environment_id: Id for ``gymnasium.make``.
    """

    task: type[Task]
    environment_id: str


TASKS: dict[str, TaskEntry] = {
    entry.task.name: entry
    for entry in (
        TaskEntry(LapJoint, "der_ros/LapJoint-v0"),
        TaskEntry(PegInHole, "der_ros/PegInHole-v0"),
        TaskEntry(KeySlot, "der_ros/KeySlot-v0"),
    )
}

TASK_NAMES: tuple[str, ...] = tuple(sorted(TASKS))

__all__ = [
    "TASKS",
    "TASK_NAMES",
    "Box",
    "Frustum",
    "InitialState",
    "Judgement",
    "KeySlot",
    "LapJoint",
    "Part",
    "PegInHole",
    "Piece",
    "Task",
    "TaskEntry",
    "Turned",
    "make_task",
    "option_names",
    "task_entry",
]


def task_entry(name: str) -> TaskEntry:
    """Return the table entry of a task.

    Raises:
        ConfigurationError: There is no such task.
    """
    if name not in TASK_NAMES:
        raise ConfigurationError(f"task: expected one of {', '.join(TASK_NAMES)}, got {name!r}")
    return TASKS[name]


def option_names(name: str) -> list[str]:
    """Return the names of a task's options, sorted.

    Raises:
        ConfigurationError: There is no such task.
    """
    return sorted(field.name for field in fields(task_entry(name).task))


def make_task(name: str, **options: Any) -> Task:
    """Return a task by its registered name.

    Args:
        name: One of ``TASK_NAMES``.
        **options: Fields of the task's class, such as ``clearance_m``.

    Raises:
        ConfigurationError: The task or an option is unknown, or a value is out of its range.
    """
    known = option_names(name)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigurationError(
            f"task {name}: unknown option {', '.join(unknown)}; it has {', '.join(known)}"
        )
    return task_entry(name).task(**options)
