"""Saving an environment in the middle of an episode, where it can be."""

from __future__ import annotations

from typing import Any

import gymnasium

from der_ros.training.environment import Environment, GivenUp


def save_environment(environment: Environment) -> Any:
    """Plain data that ``restore_environment`` takes; None where it cannot be saved.

    An environment can be saved whose innermost one has ``save_state()`` and
    ``restore_state(state)``, as all of this package have; Gymnasium knows no such thing.
    """
    save = getattr(environment.unwrapped, "save_state", None)
    return None if save is None else save()


def restore_environment(environment: Environment, state: Any, steps: int) -> None:
    """Puts ``environment`` back to where ``state`` was taken, ``steps`` steps after a reset."""
    environment.reset()  # wrappers refuse to step an environment that was never reset
    environment.unwrapped.restore_state(state)  # type: ignore[attr-defined]
    wrapper: Any = environment
    while isinstance(wrapper, gymnasium.Wrapper):
        if isinstance(wrapper, GivenUp):
            wrapper.go_on_at(steps)
        wrapper = wrapper.env
