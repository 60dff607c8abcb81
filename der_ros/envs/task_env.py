"""Environments by the name of their task: what ``gymnasium.make("der_ros/…")`` makes."""

from __future__ import annotations

from typing import Any

import gymnasium

from der_ros.envs.assembly import AssemblyEnv
from der_ros.errors import ConfigurationError
from der_ros.tasks import TASKS, make_task, option_names


class TaskEnv(AssemblyEnv):
    """An ``AssemblyEnv`` of a registered task.

    Args:
        task: one of ``tasks.TASK_NAMES``; an environment's id fixes it.
        clearance: total lateral play, m; default the task's own.
        task_options: further fields of the task's class.
        **options: fields of the task's class as well, such as ``epsilon_m``; all else is for
            ``AssemblyEnv``.

    Raises:
        ConfigurationError: an argument is out of its range, or an option is given twice.
    """

    def __init__(
        self,
        task: str,
        clearance: float | None = None,
        task_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        known = option_names(task)
        given = {name: options.pop(name) for name in sorted(options) if name in known}
        if clearance is not None:
            given["clearance_m"] = clearance
        twice = sorted(set(given) & set(task_options or {}))
        if twice:
            raise ConfigurationError(
                f"task_options: expected options that stand nowhere else, got {', '.join(twice)} "
                "a second time"
            )
        super().__init__(make_task(task, **given, **(task_options or {})), **options)


def register_tasks() -> None:
    """Makes all tasks known to ``gymnasium.make``."""
    for name, entry in TASKS.items():
        gymnasium.register(
            entry.environment_id,
            entry_point="der_ros.envs.task_env:TaskEnv",
            kwargs={"task": name},
        )
