"""Pool of successful episodes, the source of insertions (paper, Alg. 1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from der_ros.errors import CheckpointError, ConfigurationError
from der_ros.replay.finite_arrays import require_finite, require_width
from der_ros.replay.transitions import Episode


class SuccessPool:
    """Pool of whole successful episodes; the oldest is dropped when a bound is exceeded."""

    def __init__(self, max_episodes: int, max_bytes: int) -> None:
        """Hold at most ``max_episodes`` episodes and at most ``max_bytes`` bytes of arrays."""
        if max_episodes < 1 or max_bytes < 1:
            raise ConfigurationError(
                f"success pool: expected bounds of at least one episode and one byte, got "
                f"{max_episodes} episodes and {max_bytes} bytes"
            )
        self._max_episodes, self._max_bytes = max_episodes, max_bytes
        self._episodes: deque[Episode] = deque()
        self.bytes = 0
        self.added = 0

    def __len__(self) -> int:
        """Return the number of episodes."""
        return len(self._episodes)

    def __iter__(self) -> Iterator[Episode]:
        """Iterate over the episodes, oldest first."""
        return iter(self._episodes)

    def add(self, episode: Episode) -> None:
        """Add a whole successful episode.

        Raises:
            ConfigurationError: The episode did not succeed, has not ended, or alone exceeds the
                bound in bytes.
        """
        if not episode.success or not (episode.terminated or episode.truncated):
            raise ConfigurationError("success pool: expected a whole episode that succeeded")
        if episode.bytes > self._max_bytes:
            raise ConfigurationError(
                f"success pool: expected episodes of at most {self._max_bytes} bytes, got "
                f"{episode.bytes}; raise the bound"
            )
        self._episodes.append(episode)
        self.bytes += episode.bytes
        self.added += 1
        while len(self._episodes) > self._max_episodes or self.bytes > self._max_bytes:
            self.bytes -= self._episodes.popleft().bytes

    def draw(self, rng: np.random.Generator) -> Episode:
        """Return a randomly drawn episode; the pool is unchanged.

        Raises:
            ConfigurationError: The pool is empty.
        """
        if not self._episodes:
            raise ConfigurationError("success pool: expected an episode to draw, it is empty")
        return self._episodes[int(rng.integers(len(self._episodes)))]

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint, as plain data."""
        return {"episodes": [episode._asdict() for episode in self], "added": self.added}

    def load_state(self, state: Mapping[str, Any], observation_size: int, action_size: int) -> None:
        """Restore a state returned by ``state``.

        Args:
            state: The state.
            observation_size: Length of an observation.
            action_size: Length of an action.

        Raises:
            CheckpointError: The arrays of an episode are no episode's, or of other sizes.
        """
        for values in state["episodes"]:
            episode = Episode(**values)
            for name in ("observations", "actions", "rewards"):
                require_finite(f"{name} of a success", values[name])
            shapes = tuple(np.shape(array) for array in episode[:3])
            if [len(shape) for shape in shapes] != [2, 2, 1] or not (
                shapes[0][0] - 1 == shapes[1][0] == shapes[2][0] > 0
            ):
                raise CheckpointError(
                    "checkpoint: success pool: expected as many actions as rewards and one "
                    f"observation more, got arrays of {shapes}; take an earlier checkpoint"
                )
            require_width("observations of a success", episode.observations, observation_size)
            require_width("actions of a success", episode.actions, action_size)
            self.add(episode)
        self.added = int(state["added"])
