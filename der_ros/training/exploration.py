"""Noise on a worker's actions: how much, and drawn how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from der_ros.replay.transitions import Float32Array
from der_ros.training.config import TrainingConfig


class Noise(Protocol):
    """Something that is added to actions, one episode after another."""

    def start_episode(self, rng: np.random.Generator) -> None:
        """Forgets the last episode and draws how strong this one's noise is."""

    def draw(self, rng: np.random.Generator, size: int) -> Float32Array:
        """(size,) to add to an action in [-1, 1]."""

    def state(self) -> dict[str, float | list[float] | None]:
        """What the next draw depends on besides ``rng``, for a checkpoint."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Takes over what ``state`` gave."""


class GaussianNoise:
    """N(0, σ²) on each step; σ is drawn anew for each episode.

    σ = noise_min · (noise_max / noise_min)^u with u uniform in [i/N, (i+1)/N) for worker i of N:
    Ape-X's geometric spread over workers, carried on inside each so that few workers cover it too.
    """

    def __init__(self, low: float, high: float, worker: int, workers: int) -> None:
        self._low, self._high = low, high
        self._worker, self._workers = worker, max(1, workers)
        self.sigma = low

    def start_episode(self, rng: np.random.Generator) -> None:
        """Draws σ."""
        u = (self._worker + rng.random()) / self._workers
        self.sigma = self._low * (self._high / self._low) ** u

    def draw(self, rng: np.random.Generator, size: int) -> Float32Array:
        """(size,) independent of the last step's."""
        return (self.sigma * rng.standard_normal(size)).astype(np.float32)

    def state(self) -> dict[str, float | list[float] | None]:
        """This episode's σ."""
        return {"sigma": self.sigma}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Takes over what ``state`` gave."""
        self.sigma = float(state["sigma"])


class OrnsteinUhlenbeckNoise:
    """Noise that drifts: x ← x - θ·x + σ·N(0, 1), times a scale that differs by worker.

    Worker i of N scales by noise_max · 0.4^(1 + 7i/(N-1)) · 2, the 2 being the width of the action
    range (Ape-X DDPG as RLlib had it).
    """

    def __init__(self, scale: float, theta: float, sigma: float, worker: int, workers: int) -> None:
        place = worker / (workers - 1) if workers > 1 else 0.0
        self.scale = 2.0 * scale * 0.4 ** (1.0 + 7.0 * place) if workers > 1 else 2.0 * scale
        self._theta, self._sigma = theta, sigma
        self._x: Float32Array | None = None

    def start_episode(self, rng: np.random.Generator) -> None:
        """Starts from zero."""
        self._x = None

    def draw(self, rng: np.random.Generator, size: int) -> Float32Array:
        """(size,) near the last step's."""
        if self._x is None:
            self._x = np.zeros(size, np.float32)
        step = self._sigma * rng.standard_normal(size) - self._theta * self._x
        self._x = (self._x + step).astype(np.float32)
        return (self.scale * self._x).astype(np.float32)

    def state(self) -> dict[str, float | list[float] | None]:
        """Where the process is."""
        return {"x": None if self._x is None else self._x.tolist()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Takes over what ``state`` gave."""
        x = state["x"]
        self._x = None if x is None else np.array(x, np.float32)


def make_noise(config: TrainingConfig, worker: int, workers: int) -> Noise:
    """The noise of worker ``worker`` of ``workers``."""
    if config.exploration == "gaussian":
        return GaussianNoise(config.noise_min, config.noise_max, worker, workers)
    return OrnsteinUhlenbeckNoise(
        config.noise_max, config.ou_theta, config.ou_sigma, worker, workers
    )
