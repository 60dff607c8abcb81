"""Saving an environment in the middle of an episode, where it can be."""

from __future__ import annotations

from typing import Any

import gymnasium

from der_ros.tasks.base import Task
from der_ros.training.environment import Environment, GivenUp


def save_environment(environment: Environment) -> Any:
    """Plain data that ``restore_environment`` takes; None where it cannot be saved.

    An environment can be saved whose innermost one has ``save_state()`` and
    ``restore_state(state)``, as all of this package have; Gymnasium knows no such thing.
    """
    save = getattr(environment.unwrapped, "save_state", None)
    if save is None:
        return None
    state = save()
    return state.to_data() if hasattr(state, "to_data") else state


def restore_environment(environment: Environment, state: Any, steps: int) -> None:
    """Puts ``environment`` back to where ``state`` was taken, ``steps`` steps after a reset."""
    environment.reset()  # wrappers refuse to step an environment that was never reset
    inner: Any = environment.unwrapped
    if isinstance(getattr(inner, "task", None), Task):
        from der_ros.envs.state import EnvironmentState  # pulls the physics engine in

        state = EnvironmentState.from_data(state)
    inner.restore_state(state)
    wrapper: Any = environment
    while isinstance(wrapper, gymnasium.Wrapper):
        if isinstance(wrapper, GivenUp):
            wrapper.go_on_at(steps)
        wrapper = wrapper.env
