"""Factory of the environment that a configuration names."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from der_ros.algorithms.base import CHOICE_ALGORITHMS
from der_ros.errors import ConfigurationError
from der_ros.policy.contract import PolicyContract
from der_ros.policy.policy_view import PolicyView
from der_ros.tasks import task_entry
from der_ros.tasks.base import Task
from der_ros.training.config import TrainingConfig
from der_ros.training.environment.several_robots import SeveralRobots
from der_ros.training.environment.wrappers import (
    Environment,
    Folded,
    GivenUp,
    OneHotActions,
    Privileged,
    SuccessByReturn,
    folded_symmetry,
    view_of,
    viewed,
)


def make_environment(
    config: TrainingConfig, robot: str | None = None, render_mode: str | None = None
) -> Environment:
    """Make the environment, with actions in [-1, 1] or one-hot.

    Args:
        config: Configuration with the task or environment and its options.
        robot: Robot that overrides the configuration's; several, separated by commas, are drawn
            from for each episode.
        render_mode: Gymnasium's render mode.

    Raises:
        ConfigurationError: Unknown task or environment, or spaces that do not fit the algorithm.
    """
    options = {
        "clearance": config.clearance_m,
        "randomization": config.randomization,
        "control_dt": config.control_dt_s,
        "render_mode": render_mode,
    }
    taken = sorted({*options, "robot"} & set(config.env_options))
    if taken:
        raise ConfigurationError(
            f"env_options: {', '.join(taken)} cannot be given here; use the run's own setting of it"
        )
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    given |= config.env_options
    environment: Environment
    if config.env:
        if config.robot is not None:
            given["robot"] = config.robot
        environment = SuccessByReturn(_make(config.env, given), config.success_return)
    else:
        robots = robot if robot is not None else config.robot
        environment = GivenUp(_with_robots(config.task, given, robots), config.gamma)
        symmetry = environment.unwrapped.task.symmetry  # type: ignore[attr-defined]
        if config.orientation == "quaternion" and config.fold_symmetry and symmetry != 1:
            environment = Folded(environment, symmetry)
        view = PolicyView(config.history, config.orientation, symmetry)
        environment = viewed(environment, view)
        environment = _with_privileged(environment, config.learner.privileged)
    return _with_vector_actions(environment, config.algorithm)


def _with_privileged(environment: Environment, count: int) -> Environment:
    """Append ``count`` privileged numbers to the observations, all that there are, or none."""
    if count == 0:
        return environment
    privileged = Privileged(environment)
    if count != privileged.size:
        raise ConfigurationError(f"privileged: expected 0 or {privileged.size}, got {count}")
    return privileged


def _with_vector_actions(environment: Environment, algorithm: str) -> Environment:
    """Wrap the environment so that actions are in [-1, 1], or one-hot if discrete."""
    observations, actions = environment.observation_space, environment.action_space
    if not isinstance(observations, gymnasium.spaces.Box) or len(observations.shape) != 1:
        raise ConfigurationError(
            f"{environment}: expected observations that are vectors of numbers, got {observations}"
        )
    if algorithm in CHOICE_ALGORITHMS:
        if not isinstance(actions, gymnasium.spaces.Discrete):
            raise ConfigurationError(
                f"{environment}: expected choices with {algorithm}, got actions {actions}; "
                "take another algorithm"
            )
        return OneHotActions(environment, actions)
    if not isinstance(actions, gymnasium.spaces.Box) or len(actions.shape) != 1:
        raise ConfigurationError(
            f"{environment}: expected actions that are vectors of numbers with {algorithm}, got "
            f"{actions}; for choices take {', '.join(CHOICE_ALGORITHMS)}"
        )
    if not (np.all(actions.low == -1.0) and np.all(actions.high == 1.0)):
        return gymnasium.wrappers.RescaleAction(environment, np.float32(-1.0), np.float32(1.0))
    return environment


def policy_contract(environment: Environment) -> PolicyContract | None:
    """Return the contract of this environment's policies, None for a foreign environment."""
    inner = environment.unwrapped
    if not isinstance(getattr(inner, "task", None), Task):
        return None
    view = view_of(environment)
    axes = view.orientation == "axes"
    return PolicyContract.for_task(
        inner.task,  # type: ignore[attr-defined]
        inner.control_dt_s,  # type: ignore[attr-defined]
        environment.get_wrapper_attr("governor_limits"),
        symmetry=view.symmetry if axes else folded_symmetry(environment),
        history=view.lags,
        orientation=view.orientation,
        sensor_filter_hz=environment.get_wrapper_attr("sensor_filter_hz"),
    )


def _with_robots(task: str, options: dict[str, Any], robots: str | None) -> Environment:
    """Make the task's environment with one robot, or several separated by commas."""
    name = _environment_of(task)
    if robots is None:
        return _make(name, options)
    environments = [_make(name, {**options, "robot": robot.strip()}) for robot in robots.split(",")]
    return environments[0] if len(environments) == 1 else SeveralRobots(environments)


def _environment_of(task: str) -> str:
    entry = task_entry(task)
    import der_ros.envs  # noqa: F401  (registers the environments; pulls the physics engine in)

    return entry.environment_id


def _make(name: str, options: dict[str, Any]) -> Environment:
    try:
        return gymnasium.make(name, disable_env_checker=True, **options)
    except (gymnasium.error.Error, TypeError, ModuleNotFoundError) as error:
        raise ConfigurationError(f"environment {name}: {error}") from error
