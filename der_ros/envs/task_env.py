"""Environments of the registered tasks, for ``gymnasium.make("der_ros/…")``."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, signature
from typing import Any

import gymnasium

from der_ros.envs.assembly import AssemblyEnv
from der_ros.errors import ConfigurationError
from der_ros.tasks import TASKS, make_task, option_names

_ENVIRONMENT_OPTIONS = tuple(
    parameter.name
    for parameter in signature(AssemblyEnv).parameters.values()
    if parameter.kind is Parameter.KEYWORD_ONLY
)


class TaskEnv(AssemblyEnv):
    """``AssemblyEnv`` of a registered task.

    Args:
        task: One of ``tasks.TASK_NAMES``; set by the environment's id.
        clearance: Total lateral clearance, m; default: the task's.
        task_options: Further fields of the task's class.
        **options: Fields of the task's class, such as ``epsilon_m``, and arguments of
            ``AssemblyEnv``.

    Raises:
        ConfigurationError: An argument is out of its range, or an option is given twice.
    """

    def __init__(
        self,
        task: str,
        clearance: float | None = None,
        task_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        known = option_names(task)
        if not (task_options is None or isinstance(task_options, Mapping)):
            raise ConfigurationError(f"task_options: expected a dict, got {task_options!r}")
        unknown = sorted(set(options) - set(known) - set(_ENVIRONMENT_OPTIONS))
        if unknown:
            raise ConfigurationError(
                f"task {task}: unknown option {', '.join(unknown)}; it has {', '.join(known)}, and "
                f"an environment {', '.join(_ENVIRONMENT_OPTIONS)}"
            )
        given = {name: options.pop(name) for name in sorted(options) if name in known}
        if clearance is not None:
            given["clearance_m"] = clearance
        twice = sorted(set(given) & set(task_options or {}))
        if twice:
            raise ConfigurationError(
                f"task_options: expected each option once, got {', '.join(twice)} here and as a "
                "keyword; remove one of them"
            )
        super().__init__(make_task(task, **given, **(task_options or {})), **options)


def register_tasks() -> None:
    """Register all tasks for ``gymnasium.make``."""
    for name, entry in TASKS.items():
        gymnasium.register(
            entry.environment_id,
            entry_point="der_ros.envs.task_env:TaskEnv",
            kwargs={"task": name},
        )
