"""The steps of the episode under way, and which of them have been sent as transitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from der_ros.replay.transitions import Episode, Float32Array, Transitions, n_step_transitions


class EpisodeRecorder:
    """One episode from its reset on."""

    def __init__(self, observation: Float32Array, n_step: int, gamma: float) -> None:
        """Starts at the ``observation`` of the reset."""
        self._observations = [observation]
        self._actions: list[Float32Array] = []
        self._rewards: list[float] = []
        self._n_step, self._gamma = n_step, gamma
        self._sent = 0

    @property
    def observation(self) -> Float32Array:
        """The newest."""
        return self._observations[-1]

    @property
    def steps(self) -> int:
        """How many have been taken in."""
        return len(self._rewards)

    def add(self, action: Float32Array, reward: float, observation: Float32Array) -> None:
        """Takes one step in."""
        self._actions.append(action)
        self._rewards.append(reward)
        self._observations.append(observation)

    def finish(self, terminated: bool, truncated: bool, success: bool) -> Episode:
        """The steps so far as an episode that ended like this."""
        return Episode(
            np.array(self._observations, np.float32),
            np.array(self._actions, np.float32),
            np.array(self._rewards, np.float32),
            bool(terminated),
            bool(truncated),
            success,
        )

    def take(self, ended: Episode | None) -> Transitions:
        """The transitions not sent yet: all at the end, else those that span n steps already."""
        episode = ended or self.finish(False, False, False)
        steps = episode.steps
        stop = steps if ended else max(self._sent, steps - self._n_step + 1)
        transitions = n_step_transitions(episode, self._n_step, self._gamma, self._sent, stop)
        self._sent = stop
        return transitions

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "observations": np.array(self._observations),
            "actions": np.array(self._actions),
            "rewards": list(self._rewards),
            "sent": self._sent,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Takes over what ``state`` gave."""
        self._observations = list(state["observations"])
        self._actions = list(state["actions"])
        self._rewards = list(state["rewards"])
        self._sent = int(state["sent"])
