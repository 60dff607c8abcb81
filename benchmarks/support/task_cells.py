"""Cells of the simulation benchmarks: every task, with both shapes of peg, on every robot."""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

from der_ros.envs import PRESETS, TaskEnv
from der_ros.sim.robots import ROBOT_NAMES
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import TASK_NAMES, make_task

# Variants of a task, as options.
_VARIANTS: dict[str, tuple[dict[str, Any], ...]] = {"peg_in_hole": ({}, {"shape": "round"})}


class TaskCell(NamedTuple):
    """One task variant on one robot.

    Attributes:
        task: Name of the task, one of ``TASK_NAMES``.
        robot: Name of the robot, one of ``ROBOT_NAMES``.
        options: Options of the task.
    """

    task: str
    robot: str
    options: dict[str, Any]

    @property
    def kind(self) -> str:
        """The task and its options, such as ``peg_in_hole_round``."""
        return "_".join((self.task, *map(str, self.options.values())))

    @property
    def name(self) -> str:
        """Name for tables and files, such as ``peg_in_hole_round_iiwa``."""
        return f"{self.kind}_{self.robot}"

    def env(self, **options: Any) -> TaskEnv:
        """Return an environment of this cell."""
        return TaskEnv(self.task, robot=self.robot, task_options=self.options, **options)

    def world(self, **options: Any) -> AssemblyWorld:
        """Return an unopened world of this cell, with further options of the task."""
        return AssemblyWorld(make_task(self.task, **self.options, **options), robot=self.robot)


def add_cells(parser: argparse.ArgumentParser) -> None:
    """Add options that select cells."""
    parser.add_argument("--task", choices=TASK_NAMES, help="task; default: all")
    parser.add_argument("--robot", choices=ROBOT_NAMES, help="robot; default: all")


def add_randomization(parser: argparse.ArgumentParser, default: str) -> None:
    """Add an option that selects a randomization preset."""
    parser.add_argument(
        "--randomization", choices=tuple(PRESETS), default=default, help="preset (%(default)s)"
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for keywords of the environment."""
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        type=_option,
        metavar="NAME=VALUE",
        help="keyword of the environment; may be repeated",
    )


def options_of(text: str) -> dict[str, Any]:
    """Return keywords of the environment from ``NAME=VALUE`` separated by spaces."""
    return dict(_option(each) for each in text.split())


def _option(text: str) -> tuple[str, Any]:
    """Split ``NAME=VALUE`` into name and value, a number or else a text."""
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        return name, value


def chosen_cells(arguments: argparse.Namespace) -> list[TaskCell]:
    """Return the cells selected on the command line."""
    return [
        cell
        for cell in all_cells()
        if arguments.task in (None, cell.task) and arguments.robot in (None, cell.robot)
    ]


def all_cells() -> list[TaskCell]:
    """Return every cell: each kind of task on each robot."""
    return [
        TaskCell(task, robot, options)
        for task in TASK_NAMES
        for options in _VARIANTS.get(task, ({},))
        for robot in ROBOT_NAMES
    ]
