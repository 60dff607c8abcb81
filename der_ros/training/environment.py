"""The environment that a configuration asks for."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.policy.contract import PolicyContract
from der_ros.tasks import TASK_NAMES
from der_ros.training.config import TrainingConfig

ENVIRONMENT_OF_TASK = {
    "lap_joint": "der_ros/LapJoint-v0",
    "peg_in_hole": "der_ros/PegInHole-v0",
}

Environment = gymnasium.Env[Any, Any]


def make_environment(config: TrainingConfig, robot: str | None = None) -> Environment:
    """Makes it, with actions in [-1, 1] whatever the environment's own range.

    Args:
        config: names task or environment, and its options.
        robot: the environment's ``robot``; None for its default.

    Raises:
        ConfigurationError: unknown task or environment, or spaces that are no vectors.
    """
    options = {
        "clearance": config.clearance_m,
        "randomization": config.randomization,
        "control_dt": config.control_dt_s,
        "robot": robot,
    }
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if config.env:
        environment = _make(config.env, given)
    else:
        environment = _make(_environment_of(config.task), given)
    for name, space in (
        ("observation", environment.observation_space),
        ("action", environment.action_space),
    ):
        if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
            raise ConfigurationError(
                f"{environment}: expected {name}s that are vectors of numbers, got {space}"
            )
    space = environment.action_space
    if not (np.all(space.low == -1.0) and np.all(space.high == 1.0)):  # type: ignore[attr-defined]
        environment = gymnasium.wrappers.RescaleAction(
            environment, np.float32(-1.0), np.float32(1.0)
        )
    return environment


def policy_contract(environment: Environment) -> PolicyContract | None:
    """The contract of policies for this environment; None where it is none of this package's."""
    contract = getattr(environment.unwrapped, "contract", None)
    if contract is None or isinstance(contract, PolicyContract):
        return contract
    task = environment.unwrapped.task  # type: ignore[attr-defined]
    return PolicyContract.for_task(task, contract.control_dt_s)


def _environment_of(task: str) -> str:
    if task not in TASK_NAMES or task not in ENVIRONMENT_OF_TASK:
        raise ConfigurationError(f"task: expected one of {', '.join(TASK_NAMES)}, got {task!r}")
    import der_ros.envs  # noqa: F401  (registers the environments; pulls the physics engine in)

    return ENVIRONMENT_OF_TASK[task]


def _make(name: str, options: dict[str, Any]) -> Environment:
    try:
        return gymnasium.make(name, disable_env_checker=True, **options)
    except (gymnasium.error.Error, TypeError, ModuleNotFoundError) as error:
        raise ConfigurationError(f"environment {name}: {error}") from error
