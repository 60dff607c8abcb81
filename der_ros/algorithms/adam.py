"""Adam (Kingma and Ba 2014) on one flat vector.

It computes the same numbers as ``torch.optim.Adam``. Without that class's bookkeeping an update
takes a third of the time, and ``torch.optim`` is not imported: it loads a compiler, which takes
seconds both when a process starts and when it ends.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from der_ros.algorithms.base import State

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8


class Adam:
    """m ← β₁m + (1-β₁)g; v ← β₂v + (1-β₂)g²; θ ← θ - lr·m̂ / (√v̂ + ε), with m̂, v̂ unbiased."""

    def __init__(self, parameters: torch.Tensor, learning_rate: float) -> None:
        """Optimise ``parameters`` (size,) in place."""
        self._parameters = parameters
        self._learning_rate = learning_rate
        self._mean = torch.zeros_like(parameters)
        self._square = torch.zeros_like(parameters)
        self._steps = 0

    @torch.no_grad()
    def step(self, gradient: torch.Tensor) -> None:
        """Take one step down ``gradient`` (size,)."""
        self._steps += 1
        self._mean.lerp_(gradient, 1.0 - _BETA_1)
        self._square.mul_(_BETA_2).addcmul_(gradient, gradient, value=1.0 - _BETA_2)
        # √v̂ = √v / root: dividing the whole fraction by root saves a pass over the vector.
        root = (1.0 - _BETA_2**self._steps) ** 0.5
        size = self._learning_rate * root / (1.0 - _BETA_1**self._steps)
        spread = self._square.sqrt().add_(_EPSILON * root)
        self._parameters.addcdiv_(self._mean, spread, value=-size)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of all that the next step depends on besides the parameters."""
        return {
            "exp_avg": self._mean.cpu().numpy().copy(),
            "exp_avg_sq": self._square.cpu().numpy().copy(),
            "step": np.array(self._steps, np.int64),
        }

    def load_state(self, state: State) -> None:
        """Restore what ``state`` returned."""
        self._mean.copy_(torch.from_numpy(np.array(state["exp_avg"])))
        self._square.copy_(torch.from_numpy(np.array(state["exp_avg_sq"])))
        self._steps = int(state["step"].item())
