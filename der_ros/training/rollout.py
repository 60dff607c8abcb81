"""The rollout worker: acts in one environment and makes n-step transitions (paper, Alg. 1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from der_ros.algorithms.mlp_policy import MlpPolicy
from der_ros.replay.transitions import (
    Episode,
    Float32Array,
    Transitions,
    concatenate,
    n_step_transitions,
)
from der_ros.training.config import TrainingConfig
from der_ros.training.environment import Environment
from der_ros.training.evaluator import EvaluationReport, evaluate
from der_ros.training.exploration import make_noise
from der_ros.training.messages import EpisodeSummary, Fragment, PolicySnapshot


class RolloutWorker:
    """Knows its environment and the newest policy it was given; not where it runs."""

    def __init__(
        self,
        config: TrainingConfig,
        environment: Environment,
        worker: int,
        workers: int,
        seed: np.random.SeedSequence,
    ) -> None:
        """Starts before the first reset.

        Args:
            config: the run.
            environment: actions in [-1, 1]; the worker does not close it.
            worker: which of
            workers: how many.
            seed: of noise, random actions and the environment's first reset.
        """
        self._config, self._environment, self._worker = config, environment, worker
        self._rng = np.random.default_rng(seed)
        self._noise = make_noise(config, worker, workers)
        self._random_steps = config.learning_starts // max(1, workers)
        observation_shape = environment.observation_space.shape or (0,)
        action_shape = environment.action_space.shape or (0,)
        self._action_size = action_shape[0]
        self._policy = MlpPolicy(observation_shape[0], config.hidden, self._action_size)
        self._snapshot: PolicySnapshot | None = None
        self._recorder: _Recorder | None = None
        self._steps_with_policy = 0
        self._episodes_started = 0
        self._greedy = False

    def set_policy(self, snapshot: PolicySnapshot) -> None:
        """Acts with ``snapshot`` from the next step on."""
        self._snapshot = snapshot
        self._policy.set_parameters(snapshot.parameters)
        self._steps_with_policy = 0

    @property
    def wants_policy(self) -> bool:
        """It has none, or has taken ``policy_interval`` steps with the one it has."""
        old = self._steps_with_policy >= self._config.policy_interval
        return self._snapshot is None or old

    def skip_random_steps(self) -> None:
        """A resumed run has had its random actions."""
        self._random_steps = 0

    def collect(self, steps: int) -> Fragment:
        """Takes ``steps`` steps, through as many episodes as they fill."""
        parts: list[Transitions] = []
        episodes: list[EpisodeSummary] = []
        successes: list[Episode] = []
        for _ in range(steps):
            recorder = self._recorder or self._start_episode()
            action = self._act(recorder.observation)
            observation, reward, terminated, truncated, info = self._environment.step(action)
            recorder.add(action, float(reward), observation)
            if terminated or truncated:
                episode = recorder.finish(terminated, truncated, _succeeded(info))
                parts.append(recorder.take(episode))
                episodes.append(
                    EpisodeSummary(
                        float(episode.rewards.sum()), episode.steps, episode.success, self._greedy
                    )
                )
                if episode.success:
                    successes.append(episode)
                self._recorder = None
        if self._recorder is not None:
            parts.append(self._recorder.take(None))
        self._steps_with_policy += steps
        updates = 0 if self._snapshot is None else self._snapshot.updates
        return Fragment(
            self._worker, steps, concatenate(parts), tuple(episodes), tuple(successes), updates
        )

    def evaluate(
        self, snapshot: PolicySnapshot, seeds: tuple[int, ...], should_stop: Any = lambda: False
    ) -> EvaluationReport:
        """Noise-free episodes with ``snapshot``; the episode under way is given up."""
        self._recorder = None
        self._policy.set_parameters(snapshot.parameters)

        def act(observation: Float32Array) -> Float32Array:
            return self._policy(snapshot.filter(observation))

        report = evaluate(self._environment, act, seeds, should_stop)
        if self._snapshot is not None:
            self._policy.set_parameters(self._snapshot.parameters)
        # What follows must not depend on the evaluation's seeds.
        self._environment.reset(seed=int(self._rng.integers(1 << 30)))
        return report

    def _start_episode(self) -> _Recorder:
        first = self._episodes_started == 0
        seed = int(self._rng.integers(1 << 30)) if first else None
        observation, _ = self._environment.reset(seed=seed)
        self._episodes_started += 1
        self._noise.start_episode(self._rng)
        self._greedy = self._episodes_started % self._config.greedy_every == 0
        self._recorder = _Recorder(observation, self._config.n_step, self._config.gamma)
        return self._recorder

    def _act(self, observation: Float32Array) -> Float32Array:
        """The policy's action, with noise unless the episode is greedy; random at first."""
        if self._random_steps > 0 or self._snapshot is None:
            self._random_steps -= 1
            self._greedy = False
            return self._rng.uniform(-1.0, 1.0, self._action_size).astype(np.float32)
        action = self._policy(self._snapshot.filter(observation))
        if self._greedy:
            return action
        noisy: Float32Array = action + self._noise.draw(self._rng, self._action_size)
        return np.clip(noisy, -1.0, 1.0, out=noisy)


class _Recorder:
    """The steps of one episode, and which of them have been sent as transitions."""

    def __init__(self, observation: Float32Array, n_step: int, gamma: float) -> None:
        self._observations = [observation]
        self._actions: list[Float32Array] = []
        self._rewards: list[float] = []
        self._n_step, self._gamma = n_step, gamma
        self._sent = 0

    @property
    def observation(self) -> Float32Array:
        return self._observations[-1]

    def add(self, action: Float32Array, reward: float, observation: Float32Array) -> None:
        self._actions.append(action)
        self._rewards.append(reward)
        self._observations.append(observation)

    def finish(self, terminated: bool, truncated: bool, success: bool) -> Episode:
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


def _succeeded(info: dict[str, Any]) -> bool:
    """The environment's verdict at the end of an episode; without one, no."""
    return bool(info.get("success", info.get("is_success", False)))
