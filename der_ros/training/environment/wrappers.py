"""Wrappers: what policies see, one-hot actions, successes by return, attempts given up."""

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
        environment: of this package; its observations have 13 numbers.
        symmetry: of its task, not 1.
    """

    def __init__(self, environment: Environment, symmetry: int) -> None:
        super().__init__(environment)
        self.symmetry = symmetry

    def observation(self, observation: NDArray[Any]) -> NDArray[Any]:
        """Return the observation, folded."""
        return fold(observation, self.symmetry)


def folded_symmetry(environment: Environment) -> int:
    """Return the symmetry by which an environment's observations are folded, 1 for none."""
    while isinstance(environment, gymnasium.Wrapper):
        if isinstance(environment, Folded):
            return environment.symmetry
        environment = environment.env
    return 1


class Viewed(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Wrapper whose observations are those that a policy's network gets (``policy.policy_view``).

    Args:
        environment: of this package; its observations have 13 numbers.
        view: of its policies.
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
        """Reset the environment and forget the last episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        self.view.begin()
        return self.view(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment; return the observation with those before it."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self.view(observation), reward, terminated, truncated, info


class Privileged(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Wrapper that appends the privileged state to each observation (``envs.privileged``).

    Args:
        environment: of this package.
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        from der_ros.envs.privileged import PRIVILEGED_NAMES  # pulls the physics engine in

        self.size = len(PRIVILEGED_NAMES)
        bound = environment.observation_space.high  # type: ignore[attr-defined]
        largest = np.concatenate([bound, np.full(self.size, 1e6)]).astype(np.float32)
        self.observation_space = gymnasium.spaces.Box(-largest, largest, dtype=np.float32)

    def observation(self, observation: NDArray[Any]) -> NDArray[Any]:
        """Return the observation with the privileged state behind it."""
        inner: Any = self.env.unwrapped
        return np.concatenate([observation, inner.privileged_state()])


def viewed(environment: Environment, view: PolicyView) -> Environment:
    """Return the environment with the observations of a view; itself where the view is plain."""
    return environment if view.is_plain else Viewed(environment, view)


def view_of(environment: Environment) -> PolicyView:
    """Return the view of an environment's policies, a plain one where nothing changes it."""
    while isinstance(environment, gymnasium.Wrapper):
        if isinstance(environment, Viewed):
            return environment.view
        environment = environment.env
    return PolicyView()


class OneHotActions(gymnasium.ActionWrapper[Any, Any, Any]):
    """Wrapper with a one-hot vector of n as the action, for an environment of n choices."""

    def __init__(self, environment: Environment, choices: gymnasium.spaces.Discrete) -> None:
        super().__init__(environment)
        self.action_space = gymnasium.spaces.Box(0.0, 1.0, (int(choices.n),), np.float32)
        self._first = choices.start

    def action(self, action: Any) -> Any:
        """Return the number of the choice of a one-hot ``action``."""
        return self._first + int(np.argmax(action))


class SuccessByReturn(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Wrapper that sets ``info["success"]`` at an episode's end, for foreign environments.

    A given threshold decides; else the environment's own verdict; else the return at which
    Gymnasium counts the environment as solved, if it has one.
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
        """Step the environment; add the verdict at an episode's end."""
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
    """Wrapper that gives an attempt that the cell gives up early its value.

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
        """Set the count: the environment was restored to ``steps`` steps after its reset."""
        self._steps = steps

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment; end an attempt given up as terminated, its value the reward."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._steps += 1
        if truncated and self._steps < self._time_limit:
            return observation, float(reward) / (1.0 - self._gamma), True, False, info
        return observation, reward, terminated, truncated, info
