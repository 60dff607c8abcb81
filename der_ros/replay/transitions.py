"""Episodes, their recorder, and n-step transitions."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from der_ros.errors import CheckpointError
from der_ros.replay.array_types import Float32Array
from der_ros.replay.finite_arrays import require_finite, require_width


class Transitions(NamedTuple):
    """N-step transitions, one per row, with raw observations: the learner filters its batches.

    For a transition that starts at step t and spans k <= n steps

        n_step_return = r_t + γ r_{t+1} + … + γ^(k-1) r_{t+k-1}
        discount      = γ^k, or 0 where step t+k-1 terminated the episode
        target        = n_step_return + discount · Q(next_observation, …)

    Truncation (a time limit) keeps ``discount = γ^k``, so the target bootstraps through it.
    """

    observation: Float32Array  # (rows, observation size)
    action: Float32Array  # (rows, action size)
    n_step_return: Float32Array  # (rows,)
    discount: Float32Array  # (rows,)
    next_observation: Float32Array  # (rows, observation size)

    @property
    def size(self) -> int:
        """Number of transitions, one per row."""
        return len(self.n_step_return)


class Episode(NamedTuple):
    """Raw steps of an episode, or of a part of one, in order.

    ``terminated`` and ``truncated`` belong to the last step; both are False for an unfinished
    episode. ``success`` is the task's verdict on the whole episode, False if unfinished.
    """

    observations: Float32Array  # (steps + 1, observation size)
    actions: Float32Array  # (steps, action size)
    rewards: Float32Array  # (steps,)
    terminated: bool
    truncated: bool
    success: bool

    @property
    def steps(self) -> int:
        """Number of environment steps."""
        return len(self.rewards)

    @property
    def bytes(self) -> int:
        """Size of the arrays in bytes."""
        return self.observations.nbytes + self.actions.nbytes + self.rewards.nbytes

    def part(self, start: int, stop: int) -> Episode:
        """Return steps [start, stop); its flags are False unless it includes the last step."""
        ends = stop == self.steps
        return Episode(
            self.observations[start : stop + 1],
            self.actions[start:stop],
            self.rewards[start:stop],
            self.terminated and ends,
            self.truncated and ends,
            self.success and ends,
        )


def n_step_transitions(
    episode: Episode, n_step: int, gamma: float, start: int = 0, stop: int | None = None
) -> Transitions:
    """Return the transitions that start at steps [start, stop), each over up to ``n_step`` steps.

    A transition is shorter than ``n_step`` only where the recorded steps end; its discount is then
    the lower power of γ. While an episode is running, pass ``stop = steps - n_step + 1``; at its
    end, use the default. Then every transition is as long as possible.
    """
    steps = episode.steps
    stop = steps if stop is None else stop
    first = np.arange(start, stop)
    ends = np.minimum(first + n_step, steps)
    returns = np.zeros(len(first))
    for k in range(min(n_step, steps)):
        inside = first + k < ends
        returns[inside] += gamma**k * episode.rewards[first[inside] + k]
    discount = np.power(gamma, ends - first)
    if episode.terminated:
        discount[ends == steps] = 0.0
    return Transitions(
        observation=episode.observations[start:stop],
        action=episode.actions[start:stop],
        n_step_return=returns.astype(np.float32),
        discount=discount.astype(np.float32),
        next_observation=episode.observations[ends],
    )


def concatenate(parts: list[Transitions]) -> Transitions:
    """Concatenate transitions along the rows; ``parts`` must not be empty."""
    return Transitions(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


class EpisodeRecorder:
    """Recorder of one episode that returns transitions as soon as they are complete."""

    def __init__(self, observation: Float32Array, n_step: int, gamma: float) -> None:
        """Start an episode with the first ``observation``, returned by the reset."""
        self._observations = [observation]
        self._actions: list[Float32Array] = []
        self._rewards: list[float] = []
        self._taught: list[bool] = []  # one entry per step: True if a person drove it
        self._n_step, self._gamma = n_step, gamma
        self._sent = 0
        self._taught_sent = 0

    @property
    def observation(self) -> Float32Array:
        """Latest observation, (observation size,)."""
        return self._observations[-1]

    @property
    def steps(self) -> int:
        """Number of steps recorded so far."""
        return len(self._rewards)

    def add(
        self,
        action: Float32Array,
        reward: float,
        observation: Float32Array,
        taught: bool = False,
    ) -> None:
        """Record one step and the observation after it.

        Args:
            action: Executed action, (action size,).
            reward: Reward of the step.
            observation: Observation after the step, (observation size,).
            taught: True if a person drove the step.
        """
        self._actions.append(action)
        self._rewards.append(reward)
        self._observations.append(observation)
        self._taught.append(taught)

    def finish(self, terminated: bool, truncated: bool, success: bool) -> Episode:
        """Return the steps recorded so far as an episode with these flags."""
        return Episode(
            np.array(self._observations, np.float32),
            np.array(self._actions, np.float32),
            np.array(self._rewards, np.float32),
            bool(terminated),
            bool(truncated),
            success,
        )

    def take(self, ended: Episode | None) -> Transitions:
        """Return the complete transitions not returned before; at the end, all remaining ones."""
        episode = ended or self.finish(False, False, False)
        steps = episode.steps
        stop = steps if ended else max(self._sent, steps - self._n_step + 1)
        transitions = n_step_transitions(episode, self._n_step, self._gamma, self._sent, stop)
        self._sent = stop
        return transitions

    def take_taught(self, ended: Episode | None) -> tuple[Episode, ...]:
        """Return the complete stretches of steps that a person drove, each exactly once.

        A stretch is complete when the policy acts again or the episode has ended.
        """
        start, stop = self._taught_sent, self.steps
        while ended is None and stop > start and self._taught[stop - 1]:
            stop -= 1
        self._taught_sent = stop
        if not any(self._taught[start:stop]):
            return ()
        episode = ended or self.finish(False, False, False)
        runs = groupby(range(start, stop), lambda step: self._taught[step])
        stretches = [list(steps) for taught, steps in runs if taught]
        return tuple(episode.part(steps[0], steps[-1] + 1) for steps in stretches)

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint, as plain data."""
        return {
            "observations": np.array(self._observations),
            "actions": np.array(self._actions),
            "rewards": list(self._rewards),
            "sent": self._sent,
            "taught": list(self._taught),
            "taught_sent": self._taught_sent,
        }

    def load_state(self, state: Mapping[str, Any], observation_size: int, action_size: int) -> None:
        """Restore a state returned by ``state``.

        Args:
            state: The state.
            observation_size: Length of an observation.
            action_size: Length of an action.

        Raises:
            CheckpointError: The arrays differ in length, are of other sizes, or a number is not
                finite.
        """
        arrays = {name: np.asarray(state[name]) for name in ("observations", "actions", "rewards")}
        for name, values in arrays.items():
            require_finite(f"{name} of the episode", values)
        require_width("observations of the episode", arrays["observations"], observation_size)
        require_width("actions of the episode", arrays["actions"], action_size)
        self._observations = list(state["observations"])
        self._actions = list(state["actions"])
        self._rewards = list(state["rewards"])
        self._sent = int(state["sent"])
        # Checkpoints of releases without takeover lack these entries.
        self._taught = list(state.get("taught", [False] * self.steps))
        lengths = len(self._observations) - 1, len(self._actions), len(self._taught)
        if lengths != (self.steps,) * 3 or not 0 <= self._sent <= self.steps:
            raise CheckpointError(
                f"checkpoint: episode: expected all parts to have {self.steps} steps, got "
                f"{lengths}; take an earlier checkpoint"
            )
        self._taught_sent = int(state.get("taught_sent", self.steps))
