"""Gymnasium environments of the assembly tasks in simulation; importing registers them."""

from __future__ import annotations

from der_ros.envs.assembly import AssemblyEnv
from der_ros.envs.governing import default_limits
from der_ros.envs.randomization import PRESETS, Randomization
from der_ros.envs.task_env import TaskEnv, register_tasks

__all__ = [
    "PRESETS",
    "AssemblyEnv",
    "Randomization",
    "TaskEnv",
    "default_limits",
]

register_tasks()
