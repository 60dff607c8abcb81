"""Saving and restoring an environment within an episode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium

from der_ros.tasks.base import Task
from der_ros.training.environment.several_robots import SeveralRobots
from der_ros.training.environment.wrappers import Environment, GivenUp, view_of


def save_environment(environment: Environment) -> Any:
    """Return plain data for ``restore_environment``; None if the environment cannot be saved.

    An environment can be saved if its innermost one has ``save_state()`` and
    ``restore_state(state)``, as all environments of this package do.
    """
    save = getattr(environment.unwrapped, "save_state", None)
    if save is None:
        return None
    state = save()
    data = state.to_data() if hasattr(state, "to_data") else state
    several = _several_robots(environment)
    if several is not None:
        data = {"robots": several.state(), "environment": data}
    view = view_of(environment)
    return data if not view.lags else {"frames": view.frames(), "environment": data}


def restore_environment(environment: Environment, state: Any, steps: int) -> None:
    """Restore ``environment`` to ``state``, saved ``steps`` steps after a reset."""
    environment.reset()  # wrappers refuse to step an environment that was never reset
    view = view_of(environment)
    if view.lags:
        view.restore(state["frames"])
        state = state["environment"]
    several = _several_robots(environment)
    if several is not None:
        several.load_state(state["robots"])
        several.env.reset()
        state = state["environment"]
    inner: Any = environment.unwrapped
    if isinstance(getattr(inner, "task", None), Task):
        from der_ros.envs.state import EnvironmentState  # pulls the physics engine in

        state = EnvironmentState.from_data(state)
    inner.restore_state(state)
    for wrapper in _wrappers(environment):
        if isinstance(wrapper, GivenUp):
            wrapper.go_on_at(steps)


def _several_robots(environment: Environment) -> SeveralRobots | None:
    found = (each for each in _wrappers(environment) if isinstance(each, SeveralRobots))
    return next(found, None)


def _wrappers(environment: Environment) -> Iterator[Environment]:
    """Yield the wrappers from the outermost inwards."""
    while isinstance(environment, gymnasium.Wrapper):
        yield environment
        environment = environment.env
