"""Gymnasium wrappers for observations, one-hot actions, success verdicts and early ends."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from der_ros.policy.policy_view import PolicyView
from der_ros.policy.symmetry import fold

Environment = gymnasium.Env[Any, Any]


class Folded(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Wrapper that folds each observation by the held piece's symmetry (``policy.symmetry``).

    Args:
        environment: Environment of this package, with observations of shape (13,).
        symmetry: Symmetry of the task, not 1.
    """

    def __init__(self, environment: Environment, symmetry: int) -> None:
        super().__init__(environment)
        self.symmetry = symmetry

    def observation(self, observation: NDArray[Any]) -> NDArray[Any]:
        """Return the folded observation, (13,)."""
        return fold(observation, self.symmetry)


def folded_symmetry(environment: Environment) -> int:
    """Return the symmetry by which an environment's observations are folded, 1 for none."""
    while isinstance(environment, gymnasium.Wrapper):
        if isinstance(environment, Folded):
            return environment.symmetry
        environment = environment.env
    return 1


class Viewed(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Wrapper whose observations are the policy network's inputs (``policy.policy_view``).

    Args:
        environment: Environment of this package, with observations of shape (13,).
        view: View of the policies.
    """

    def __init__(self, environment: Environment, view: PolicyView) -> None:
        super().__init__(environment)
        self.view = view
        bound = environment.observation_space.high  # type: ignore[attr-defined]
        largest = np.concatenate([bound, *[2.0 * bound for _ in view.lags]])
        self.observation_space = gymnasium.spaces.Box(-largest, largest, dtype=np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and clear the view's history."""
        observation, info = self.env.reset(seed=seed, options=options)
        self.view.begin()
        return self.view(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment; return the view's observation, which includes earlier ones."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self.view(observation), reward, terminated, truncated, info


class Privileged(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Wrapper that appends the privileged state to each observation (``envs.privileged``).

    Args:
        environment: Environment of this package.
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        from der_ros.envs.privileged import PRIVILEGED_NAMES  # pulls the physics engine in

        self.size = len(PRIVILEGED_NAMES)
        bound = environment.observation_space.high  # type: ignore[attr-defined]
        largest = np.concatenate([bound, np.full(self.size, 1e6)]).astype(np.float32)
        self.observation_space = gymnasium.spaces.Box(-largest, largest, dtype=np.float32)

    def observation(self, observation: NDArray[Any]) -> NDArray[Any]:
        """Return the observation with the privileged state appended."""
        inner: Any = self.env.unwrapped
        return np.concatenate([observation, inner.privileged_state()])


def viewed(environment: Environment, view: PolicyView) -> Environment:
    """Wrap the environment with a view; return it unchanged if the view is plain."""
    return environment if view.is_plain else Viewed(environment, view)


def view_of(environment: Environment) -> PolicyView:
    """Return the view of an environment's policies; a plain one if it is not wrapped."""
    while isinstance(environment, gymnasium.Wrapper):
        if isinstance(environment, Viewed):
            return environment.view
        environment = environment.env
    return PolicyView()


class OneHotActions(gymnasium.ActionWrapper[Any, Any, Any]):
    """Wrapper that takes one-hot actions, (n,), for an environment with n discrete actions."""

    def __init__(self, environment: Environment, choices: gymnasium.spaces.Discrete) -> None:
        super().__init__(environment)
        self.action_space = gymnasium.spaces.Box(0.0, 1.0, (int(choices.n),), np.float32)
        self._first = choices.start

    def action(self, action: Any) -> Any:
        """Return the discrete action of a one-hot ``action``, (n,)."""
        return self._first + int(np.argmax(action))


class SuccessByReturn(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Wrapper that sets ``info["success"]`` at an episode's end, for foreign environments.

    The verdict follows the given return threshold; else the environment's own verdict; else the
    ``reward_threshold`` of its Gymnasium spec, if any.
    """

    def __init__(self, environment: Environment, success_return: float | None) -> None:
        super().__init__(environment)
        self._given = success_return is not None
        spec = environment.spec
        registered = None if spec is None else spec.reward_threshold
        self._threshold = success_return if self._given else registered
        self._return = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and the count."""
        self._return = 0.0
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment; at an episode's end, add the verdict to ``info``."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._return += float(reward)
        ended = terminated or truncated
        own_word = info.get("success", info.get("is_success"))
        if ended and self._threshold is not None and (self._given or own_word is None):
            info = {**info, "success": self._return >= self._threshold}
        elif own_word is not None:
            info = {**info, "success": bool(own_word)}
        return observation, reward, terminated, truncated, info


class GivenUp(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Wrapper that turns an early truncation into a termination with the remaining value.

    An environment of this package truncates early when the held piece leaves the workspace or the
    governor latches. That is not a time limit: bootstrapping through it would use values of states
    that are never learned about, and would draw the policy to them. On the robot the piece stays
    where it is, so the last reward r becomes r + γ·r + γ²·r + … = r / (1 - γ), and the step ends
    the episode as terminated.
    """

    def __init__(self, environment: Environment, gamma: float) -> None:
        super().__init__(environment)
        self._gamma = gamma
        self._time_limit: int = environment.unwrapped.max_steps  # type: ignore[attr-defined]
        self._steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and the count."""
        self._steps = 0
        return self.env.reset(seed=seed, options=options)

    def go_on_at(self, steps: int) -> None:
        """Set the step count of an environment restored to ``steps`` steps after its reset."""
        self._steps = steps

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment; terminate an early truncation with reward r / (1 - γ)."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._steps += 1
        if truncated and self._steps < self._time_limit:
            return observation, float(reward) / (1.0 - self._gamma), True, False, info
        return observation, reward, terminated, truncated, info
