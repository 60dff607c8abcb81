"""Observation filter with running mean and standard deviation (paper, App. A)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from der_ros.errors import CheckpointError
from der_ros.replay.array_types import Float32Array, FloatArray
from der_ros.replay.finite_arrays import require_finite
from der_ros.replay.transitions import Transitions


class FilterStatistics(NamedTuple):
    """Statistics of the filter clip((observation - mean) / std, ±clip), in float32."""

    mean: Float32Array  # (observation size,)
    std: Float32Array  # (observation size,)
    clip: float

    def __call__(self, observation: Float32Array) -> Float32Array:
        """Filter raw observations, (…, observation size), as the exported graph does."""
        filtered: Float32Array = (observation - self.mean) / self.std
        return np.clip(filtered, -self.clip, self.clip, out=filtered)


def as_learned(raw: Transitions, statistics: FilterStatistics, reward_scale: float) -> Transitions:
    """Return transitions with filtered observations and scaled returns, for the learner."""
    return Transitions(
        statistics(raw.observation),
        raw.action,
        raw.n_step_return * np.float32(reward_scale),
        raw.discount,
        statistics(raw.next_observation),
    )


class Moments(NamedTuple):
    """Count, mean and squared deviations of a batch of observations."""

    rows: int
    mean: NDArray[np.float64]  # (observation size,)
    squares: NDArray[np.float64]  # (observation size,) sum of squared deviations from the mean


def moments(observations: Float32Array) -> Moments:
    """Return the moments of observations (rows, size)."""
    rows, size = observations.shape
    if rows == 0:
        return Moments(0, np.zeros(size), np.zeros(size))
    values = observations.astype(np.float64)
    mean = values.mean(axis=0)
    return Moments(rows, mean, np.square(values - mean).sum(axis=0))


class ObservationFilter:
    """Running statistics over all observations that workers send.

    The replay holds raw observations. All transitions, also demonstrations and restored ones, are
    filtered with the current statistics when they are sampled.
    """

    def __init__(self, size: int, clip: float, std_floor: float) -> None:
        """Start with mean 0 and standard deviation 1."""
        self._clip, self._floor = clip, std_floor
        self._count = np.zeros(size, np.int64)  # observations of each number
        self._mean = np.zeros(size)
        self._squares = np.zeros(size)  # sum of squared deviations from the mean

    def count_in(self, observed: Moments) -> None:
        """Add observations by their moments (Chan et al. 1979, exact for any grouping)."""
        if observed.rows == 0:
            return
        difference = observed.mean - self._mean
        total = self._count + observed.rows
        self._squares += observed.squares
        self._squares += np.square(difference) * (self._count * observed.rows / total)
        self._mean += difference * (observed.rows / total)
        self._count = total

    def begin_with(self, mean: FloatArray, std: FloatArray, count: int) -> None:
        """Set the statistics of the first numbers, as if ``count`` observations had shown them.

        Args:
            mean: Mean of the first numbers, (n,), n at most the observation size.
            std: Their standard deviation, (n,).
            count: Number of observations that they stand for, at least 2.
        """
        first = slice(0, len(mean))
        self._count[first], self._mean[first] = count, mean
        self._squares[first] = (count - 1) * np.square(std)

    def statistics(self) -> FilterStatistics:
        """Return the current statistics."""
        spread = np.sqrt(self._squares / np.maximum(1, self._count - 1))
        std = np.where(self._count > 1, np.maximum(spread, self._floor), 1.0)
        return FilterStatistics(
            self._mean.astype(np.float32), std.astype(np.float32), float(self._clip)
        )

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return the state for a checkpoint, as plain data."""
        return {
            "count": self._count.copy(),
            "mean": self._mean.copy(),
            "squares": self._squares.copy(),
        }

    def load_state(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Restore a state returned by ``state``.

        Raises:
            CheckpointError: The state has another observation size, or a number is not finite.
        """
        require_finite("mean of the filter", state["mean"])
        require_finite("squares of the filter", state["squares"], least=0.0)
        require_finite("count of the filter", state["count"], least=0.0)
        for part in ("mean", "squares"):
            numbers = state[part]
            if numbers.shape != self._mean.shape:
                raise CheckpointError(
                    f"checkpoint: expected a filter of {self._mean.shape} numbers, got "
                    f"{numbers.shape}"
                )
        # Checkpoints of earlier releases have one count for all numbers.
        counts = np.broadcast_to(state["count"], self._mean.shape)
        self._count = counts.astype(np.int64)
        self._mean = state["mean"].astype(np.float64)
        self._squares = state["squares"].astype(np.float64)
