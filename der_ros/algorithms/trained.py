"""Networks that are being trained: gradient and Adam, and a slow copy beside them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from der_ros.algorithms.adam import Adam
from der_ros.algorithms.base import LearnerConfig, State
from der_ros.algorithms.networks import Mlps, Trace


class Trained:
    """K perceptrons with what an optimiser needs."""

    def __init__(self, networks: Mlps, config: LearnerConfig) -> None:
        """Before the first step.

        Args:
            networks: already drawn.
            config: gives learning rate and l2.
        """
        self.online = networks
        self._gradient = torch.zeros_like(networks.flat)
        self._gradients = networks.views(self._gradient)
        self._adam = Adam(networks.flat, config.learning_rate)
        self._l2 = config.l2

    def differentiate(self, trace: Trace, gradient: Tensor, coefficient: float) -> None:
        """Sets the gradient of coefficient · (loss + 0.5·l2·|weights|²), biases left out.

        Args:
            trace: of the online networks' forward pass.
            gradient: of the loss with respect to their outputs, (K, rows, outputs).
            coefficient: scales it all.
        """
        self.online.backward(trace, gradient, self._gradients)
        if self._l2:
            for own, layer in zip(self._gradients, self.online.layers, strict=True):
                own.weight.add_(layer.weight, alpha=self._l2)
        if coefficient != 1.0:
            self._gradient.mul_(coefficient)

    def step(self) -> None:
        """One step of Adam down the gradient that ``differentiate`` has set."""
        self._adam.step(self._gradient)

    def optimiser_state(self) -> dict[str, NDArray[np.generic]]:
        """Adam's; the parameters are kept by who keeps the networks."""
        return self._adam.state()

    def load_optimiser_state(self, state: State) -> None:
        """Takes over what ``optimiser_state`` gave."""
        self._adam.load_state(state)


class Followed(Trained):
    """With a target: a copy that follows slowly."""

    def __init__(self, networks: Mlps, config: LearnerConfig) -> None:
        """The target starts equal; arguments as of ``Trained``."""
        super().__init__(networks, config)
        self.target = networks.copy()

    def move_target(self, tau: float) -> None:
        """θ′ ← (1 - τ)·θ′ + τ·θ."""
        self.target.flat.lerp_(self.online.flat, tau)
