"""Interface and configuration of all off-policy algorithms; does not import torch."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from der_ros.errors import ConfigurationError
from der_ros.replay.array_types import Float32Array, FloatArray
from der_ros.replay.transitions import Transitions
from der_ros.settings import check_ranges, setting

ALGORITHM_NAMES = ("ddpg", "td3", "sac", "dqn")
_MODULES = {"ddpg": "actor_critic", "td3": "actor_critic", "sac": "sac", "dqn": "dqn"}
CHOICE_ALGORITHMS = ("dqn",)  # one-hot actions; all others use [-1, 1]

State = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class LearnerConfig:
    """Settings of networks, losses and targets, shared by all algorithms.

    A setting that only one algorithm uses names that algorithm in its text.
    """

    hidden: tuple[int, ...] = setting(
        (128, 128), "Units of each hidden layer, policy and critics alike"
    )
    layer_norm: bool = setting(
        True, "LayerNorm after each hidden layer of the critics (Ball et al. 2023)"
    )
    learning_rate: float = setting(1e-3, "Learning rate of Adam, for policy and critics")
    policy_loss_coefficient: float = setting(
        1.0, "Factor of the policy's loss (paper: 0.1)", minimum=0.0
    )
    critic_loss_coefficient: float = setting(
        1.0, "Factor of the critics' loss (paper: 1.0)", minimum=0.0
    )
    l2: float = setting(
        0.0, "Factor of the loss 0.5 · l2 · |weights|², without the biases", minimum=0.0
    )
    huber: bool = setting(True, "Huber loss of the TD error with δ = 1; else half its square")
    tau: float = setting(
        0.005,
        "Step of the soft target update, 0 < tau <= 1; 1: a full copy every target_interval",
    )
    target_interval: int = setting(
        0, "Trained samples from one target update to the next; 0: every update", minimum=0
    )
    policy_delay: int = setting(2, "Critic updates for one policy update (TD3)", minimum=1)
    policy_starts: int = setting(
        0, "First updates, in which only the critics are trained (DDPG, TD3)", minimum=0
    )
    target_noise: float = setting(
        0.2, "Standard deviation of the target policy's smoothing noise (TD3)", minimum=0.0
    )
    target_noise_clip: float = setting(0.5, "Bound of the smoothing noise (TD3)", minimum=0.0)
    temperature: float = setting(0.2, "Entropy coefficient before the first update, above 0 (SAC)")
    target_entropy: float | None = setting(
        None, "Entropy that the coefficient is adapted to; None: minus the action's size (SAC)"
    )
    double: bool = setting(True, "Let the online network choose the target's action (DQN)")
    dueling: bool = setting(True, "Estimate value and advantages apart (DQN)")
    privileged: int = setting(
        0,
        "Count of the last numbers of an observation that only the critics see (asymmetric "
        "actor-critic, Pinto et al. 2018); 0: none",
        minimum=0,
    )
    device: str = setting("cpu", "Torch device")

    def __post_init__(self) -> None:
        """Reject invalid settings."""
        check_ranges(self)
        if not self.hidden or min(self.hidden) < 1:
            raise ConfigurationError(
                f"hidden: expected one or more layers of at least one unit, got {self.hidden}"
            )
        if self.temperature <= 0.0:
            raise ConfigurationError(f"temperature: expected above 0, got {self.temperature}")
        if not 0.0 < self.tau <= 1.0 or self.learning_rate <= 0.0:
            raise ConfigurationError(
                f"learner: expected 0 < tau <= 1 and learning_rate > 0, got {self.tau} and "
                f"{self.learning_rate}"
            )


@dataclass(frozen=True)
class Update:
    """Result of one update: TD errors and metrics."""

    td_errors: FloatArray  # (rows,) target minus estimate, y - Q(s, a)
    measure: Callable[[], Mapping[str, float]]

    @property
    def metrics(self) -> Mapping[str, float]:
        """Metrics by name without prefix, as defined in `training.metrics.definitions`."""
        return self.measure()


class Algorithm(Protocol):
    """Off-policy algorithm; all transitions passed to it hold filtered observations."""

    def update(self, transitions: Transitions, weights: Float32Array) -> Update:
        """Do one update, with importance ``weights``, (rows,); return TD errors and metrics."""

    def td_errors(self, transitions: Transitions) -> FloatArray:
        """Return the TD errors, (rows,), without an update."""

    def policy_parameters(self) -> Float32Array:
        """Return a copy of the policy's parameters as a flat vector, in ``MlpPolicy`` order."""

    def set_policy_parameters(self, parameters: Float32Array) -> None:
        """Set the policy, and its target, to a flat vector in ``MlpPolicy`` order."""

    def networks(self) -> Float32Array:
        """Return a copy of all network parameters that ``td_errors`` uses, as a flat vector."""

    def load_networks(self, networks: Float32Array) -> None:
        """Load the parameters that another instance's ``networks`` returned."""

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of networks, targets, optimiser and random state, as plain arrays."""

    def load_state(self, state: State) -> None:
        """Restore a state returned by ``state``."""


def make_algorithm(
    name: str, config: LearnerConfig, observation_size: int, action_size: int, seed: int
) -> Algorithm:
    """Make the algorithm called ``name``; torch is imported on the first call.

    Raises:
        ConfigurationError: ``name`` is not in ``ALGORITHM_NAMES``.
    """
    if name not in ALGORITHM_NAMES:
        raise ConfigurationError(
            f"algorithm: expected one of {', '.join(ALGORITHM_NAMES)}, got {name!r}"
        )
    module = importlib.import_module(f"der_ros.algorithms.{_MODULES[name]}")
    algorithm: Algorithm = getattr(module, name.capitalize())(
        config, observation_size, action_size, seed
    )
    return algorithm
