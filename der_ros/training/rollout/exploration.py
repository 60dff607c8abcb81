"""Exploration: action noise, sampling from a stochastic policy, or epsilon-greedy choices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from der_ros.algorithms.mlp_policy import MlpPolicy
from der_ros.replay.array_types import Float32Array
from der_ros.training.config import TrainingConfig


class Noise(Protocol):
    """Interface of noise that is added to actions."""

    def start_episode(self, rng: np.random.Generator) -> None:
        """Reset the noise and draw its scale for this episode."""

    def draw(self, rng: np.random.Generator, size: int) -> Float32Array:
        """Return noise, (size,), to add to an action in [-1, 1]."""

    def state(self) -> dict[str, float | list[float] | None]:
        """Return all that the next draw depends on besides ``rng``, for a checkpoint."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""


class GaussianNoise:
    """Gaussian noise N(0, σ²) on each step; σ is drawn for each episode.

    σ = noise_min · (noise_max / noise_min)^u with u uniform in [i/N, (i+1)/N) for worker i of N:
    Ape-X's geometric spread over workers, continued within each so that few workers cover it too.
    """

    def __init__(self, low: float, high: float, worker: int, workers: int) -> None:
        self._low, self._high = low, high
        self._worker, self._workers = worker, max(1, workers)
        self.sigma = low

    def start_episode(self, rng: np.random.Generator) -> None:
        """Draw σ for the episode that starts."""
        u = (self._worker + rng.random()) / self._workers
        self.sigma = self._low * (self._high / self._low) ** u

    def draw(self, rng: np.random.Generator, size: int) -> Float32Array:
        """Return noise, (size,), independent of the previous step."""
        return (self.sigma * rng.standard_normal(size)).astype(np.float32)

    def state(self) -> dict[str, float | list[float] | None]:
        """Return this episode's σ, for a checkpoint."""
        return {"sigma": self.sigma}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        self.sigma = float(state["sigma"])


class OrnsteinUhlenbeckNoise:
    """Ornstein-Uhlenbeck noise x ← x - θ·x + σ·N(0, 1), with one scale per worker.

    Worker i of N scales by 2 · noise_max · 0.4^(1 + 7i/(N-1)), where 2 is the width of the action
    range (Ape-X DDPG as RLlib had it); a single worker by 2 · noise_max.
    """

    def __init__(self, scale: float, theta: float, sigma: float, worker: int, workers: int) -> None:
        place = worker / (workers - 1) if workers > 1 else 0.0
        self.scale = 2.0 * scale * 0.4 ** (1.0 + 7.0 * place) if workers > 1 else 2.0 * scale
        self._theta, self._sigma = theta, sigma
        self._x: Float32Array | None = None

    def start_episode(self, rng: np.random.Generator) -> None:
        """Start the process at zero, its mean."""
        self._x = None

    def draw(self, rng: np.random.Generator, size: int) -> Float32Array:
        """Return noise, (size,), correlated with the previous step."""
        if self._x is None:
            self._x = np.zeros(size, np.float32)
        step = self._sigma * rng.standard_normal(size) - self._theta * self._x
        self._x = (self._x + step).astype(np.float32)
        return (self.scale * self._x).astype(np.float32)

    def state(self) -> dict[str, float | list[float] | None]:
        """Return the value of the process."""
        return {"x": None if self._x is None else self._x.tolist()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        x = state["x"]
        self._x = None if x is None else np.array(x, np.float32)


class Exploration(Protocol):
    """Interface of exploration, episode by episode."""

    def start_episode(self, rng: np.random.Generator) -> None:
        """Reset and draw this episode's amount of exploration."""

    def act(
        self, policy: MlpPolicy, observation: Float32Array, rng: np.random.Generator
    ) -> Float32Array:
        """Return an exploratory action, (action size,), for a filtered observation."""

    def state(self) -> dict[str, float | list[float] | None]:
        """Return all that the next action depends on besides ``rng``, for a checkpoint."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""


class NoisyActions:
    """Noisy actions clip(m · π(s) + noise, ±1), with a mask m drawn for each episode.

    Each component of m is 0 with probability ``dropout``, else 1: for a whole episode, some
    components of the action are noise alone. An early policy saturates the components for which
    its critic has no values yet (sideways motion above the hole). Then the motions that it has
    learned well (turn, go down) never end in a success. With those components masked, some do.
    """

    def __init__(self, noise: Noise, dropout: float, action_size: int) -> None:
        self._noise, self._dropout = noise, dropout
        self.kept = np.ones(action_size, np.float32)

    def start_episode(self, rng: np.random.Generator) -> None:
        """Draw the noise's strength and the mask."""
        self._noise.start_episode(rng)
        if self._dropout > 0.0:
            self.kept = (rng.random(len(self.kept)) >= self._dropout).astype(np.float32)

    def act(
        self, policy: MlpPolicy, observation: Float32Array, rng: np.random.Generator
    ) -> Float32Array:
        """Return the masked action with noise, clipped to [-1, 1]."""
        noise = self._noise.draw(rng, policy.action_size)
        noisy: Float32Array = self.kept * policy(observation) + noise
        return np.clip(noisy, -1.0, 1.0, out=noisy)

    def state(self) -> dict[str, float | list[float] | None]:
        """Return the noise's state and the mask."""
        return {**self._noise.state(), "kept": self.kept.tolist()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        self._noise.load_state(state)
        self.kept = np.array(state["kept"], np.float32)


class SampledActions:
    """Actions a ~ π(s) sampled from a stochastic policy; stateless."""

    def start_episode(self, rng: np.random.Generator) -> None:
        """Do nothing: there is no state."""

    def act(
        self, policy: MlpPolicy, observation: Float32Array, rng: np.random.Generator
    ) -> Float32Array:
        """Return an action drawn from the policy."""
        return policy.sample(observation, rng)

    def state(self) -> dict[str, float | list[float] | None]:
        """Return an empty state: nothing is remembered."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Do nothing: there is no state."""


class EpsilonGreedy:
    """Random choices with probability ε^(1 + 7u), u = i/(N-1) for worker i of N (Ape-X DQN).

    A single worker draws u for each episode, so that it covers all probabilities.
    """

    def __init__(self, epsilon: float, worker: int, workers: int) -> None:
        self._base = epsilon
        self._alone = workers <= 1
        self._place = 0.0 if self._alone else worker / (workers - 1)
        self.epsilon = self._at(self._place)

    def start_episode(self, rng: np.random.Generator) -> None:
        """Draw u if there is only one worker."""
        if self._alone:
            self.epsilon = self._at(rng.random())

    def act(
        self, policy: MlpPolicy, observation: Float32Array, rng: np.random.Generator
    ) -> Float32Array:
        """Return a random choice or the best one."""
        return policy.random(rng) if rng.random() < self.epsilon else policy(observation)

    def state(self) -> dict[str, float | list[float] | None]:
        """Return this episode's probability of a random choice."""
        return {"epsilon": self.epsilon}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        self.epsilon = float(state["epsilon"])

    def _at(self, place: float) -> float:
        return float(self._base ** (1.0 + 7.0 * place))


def make_exploration(
    config: TrainingConfig, worker: int, workers: int, action_size: int
) -> Exploration:
    """Make the exploration of worker ``worker`` of ``workers``."""
    if config.exploration == "policy":
        return SampledActions()
    if config.exploration == "epsilon_greedy":
        return EpsilonGreedy(config.greedy_epsilon, worker, workers)
    return NoisyActions(make_noise(config, worker, workers), config.action_dropout, action_size)


def make_noise(config: TrainingConfig, worker: int, workers: int) -> Noise:
    """Make the noise on the actions of worker ``worker`` of ``workers``."""
    if config.exploration == "gaussian":
        return GaussianNoise(config.noise_min, config.noise_max, worker, workers)
    return OrnsteinUhlenbeckNoise(
        config.noise_max, config.ou_theta, config.ou_sigma, worker, workers
    )
