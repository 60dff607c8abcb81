"""Moving average of the policies that a training passes through."""

from __future__ import annotations

import numpy as np

from der_ros.errors import CheckpointError
from der_ros.replay.array_types import Float32Array, FloatArray
from der_ros.replay.finite_arrays import require_finite

_UPDATES_BETWEEN_SAMPLES = 20


class PolicyAverage:
    """Moving average of a policy's parameters over a share of all updates so far.

    Sample n counts with the weight ``min(1, 1 / (share n))``, so the average's memory grows with
    the training (polynomial-decay averaging: Shamir and Zhang, "Stochastic gradient descent for
    non-smooth optimization", 2013). The average is steadier than each policy (Izmailov et al.,
    "Averaging weights leads to wider optima and better generalization", 2018).
    """

    def __init__(self, share: float, parameters: Float32Array) -> None:
        """Start with ``parameters``, (n,); ``share`` is above 0."""
        self._share = share
        self._mean: FloatArray = parameters.astype(np.float64)

    @staticmethod
    def due(updates: int) -> bool:
        """Return True if ``add`` should be called after the update with this number."""
        return updates % _UPDATES_BETWEEN_SAMPLES == 0

    def add(self, parameters: Float32Array, updates: int) -> None:
        """Add the parameters (n,) of the policy after ``updates`` updates."""
        samples = updates / _UPDATES_BETWEEN_SAMPLES
        weight = min(1.0, 1.0 / (self._share * samples))
        self._mean += weight * (parameters - self._mean)

    def parameters(self) -> Float32Array:
        """Return the average, (n,)."""
        return np.asarray(self._mean, np.float32)

    def state(self) -> FloatArray:
        """Return a copy of the average, (n,), for a checkpoint."""
        return np.array(self._mean)

    def load_state(self, mean: Float32Array | FloatArray) -> None:
        """Restore the average, (n,).

        Raises:
            CheckpointError: ``mean`` has another shape, or numbers that are not finite.
        """
        require_finite("average of the policy", mean)
        if mean.shape != self._mean.shape:
            raise CheckpointError(
                f"checkpoint: average of the policy: expected the shape {self._mean.shape}, got "
                f"{mean.shape}"
            )
        self._mean = mean.astype(np.float64)
