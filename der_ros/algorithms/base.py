"""The interface of all off-policy algorithms, and their configuration; without torch."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from der_ros.errors import ConfigurationError
from der_ros.replay.sum_tree import FloatArray
from der_ros.replay.transitions import Float32Array, Transitions

ALGORITHM_NAMES = ("ddpg", "td3", "sac", "dqn")
CHOICE_ALGORITHMS = ("dqn",)  # one-hot actions; those of the others are in [-1, 1]

State = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class LearnerConfig:
    """Configuration of an algorithm: networks, losses and targets.

    Attributes:
        hidden: units of each hidden layer, policy and critics alike.
        layer_norm: LayerNorm after each hidden layer of the critics (Ball et al. 2023).
        learning_rate: Adam's, for policy and critics.
        policy_loss_coefficient: factor of the policy's loss (paper: 0.1).
        critic_loss_coefficient: factor of the critics' loss (paper: 1.0).
        l2: the loss takes 0.5 · l2 · |weights|², without the biases.
        huber: Huber loss of the TD error with δ = 1; else half its square.
        tau: 1 copies the targets hard each ``target_interval``; smaller moves them softly.
        target_interval: trained samples from one target update to the next; 0: every update.
        policy_delay: critic updates for one policy update (TD3).
        target_noise: standard deviation of the target policy's smoothing noise (TD3).
        target_noise_clip: its bound (TD3).
        temperature: α before the first update (SAC).
        target_entropy: what α is moved for; None: minus the action's size (SAC).
        double: the online network chooses the target's action (DQN).
        dueling: value and advantages apart (DQN).
        device: torch device.
    """

    hidden: tuple[int, ...] = (128, 128)
    layer_norm: bool = True
    learning_rate: float = 1e-3
    policy_loss_coefficient: float = 1.0
    critic_loss_coefficient: float = 1.0
    l2: float = 0.0
    huber: bool = True
    tau: float = 0.005
    target_interval: int = 0
    policy_delay: int = 2
    target_noise: float = 0.2
    target_noise_clip: float = 0.5
    temperature: float = 0.2
    target_entropy: float | None = None
    double: bool = True
    dueling: bool = True
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        if not self.hidden or min(self.hidden) < 1:
            raise ConfigurationError(
                f"hidden: expected one or more layers of at least one unit, got {self.hidden}"
            )
        if self.temperature <= 0.0:
            raise ConfigurationError(f"temperature: expected above 0, got {self.temperature}")
        if not 0.0 < self.tau <= 1.0 or self.policy_delay < 1 or self.learning_rate <= 0.0:
            raise ConfigurationError(
                "learner: expected 0 < tau <= 1, policy_delay >= 1 and learning_rate > 0, got "
                f"{self.tau}, {self.policy_delay} and {self.learning_rate}"
            )


@dataclass(frozen=True)
class Update:
    """Result of one update: TD errors and metrics."""

    td_errors: FloatArray  # (rows,) target minus estimate
    measure: Callable[[], Mapping[str, float]]

    @property
    def metrics(self) -> Mapping[str, float]:
        """Metrics without prefix; `training.metrics.definitions` defines each of them."""
        return self.measure()


class Algorithm(Protocol):
    """An off-policy algorithm; its transitions are filtered already."""

    def update(self, transitions: Transitions, weights: Float32Array) -> Update:
        """Take one gradient step of everything that is due."""

    def td_errors(self, transitions: Transitions) -> FloatArray:
        """Return TD errors (rows,), without an update."""

    def policy_parameters(self) -> Float32Array:
        """Return a copy of the policy as one flat vector, in the order of ``MlpPolicy``."""

    def networks(self) -> Float32Array:
        """Return a copy of all networks that ``td_errors`` uses, as one flat vector."""

    def load_networks(self, networks: Float32Array) -> None:
        """Load what ``networks`` of another instance returned."""

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of networks, targets, optimiser and random state as plain arrays."""

    def load_state(self, state: State) -> None:
        """Restore what ``state`` returned."""


def make_algorithm(
    name: str, config: LearnerConfig, observation_size: int, action_size: int, seed: int
) -> Algorithm:
    """Make the algorithm called ``name``; torch is imported only now.

    Raises:
        ConfigurationError: unknown name.
    """
    if name not in ALGORITHM_NAMES:
        raise ConfigurationError(
            f"algorithm: expected one of {', '.join(ALGORITHM_NAMES)}, got {name!r}"
        )
    module = importlib.import_module(f"der_ros.algorithms.{name}")
    algorithm: Algorithm = getattr(module, name.capitalize())(
        config, observation_size, action_size, seed
    )
    return algorithm
