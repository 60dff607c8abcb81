"""Rollout worker: acts in one environment and makes n-step transitions (paper, Alg. 1)."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from der_ros.algorithms.mlp_policy import make_policy
from der_ros.errors import ConfigurationError
from der_ros.replay.array_types import Float32Array
from der_ros.replay.transitions import Episode, EpisodeRecorder, Transitions, concatenate
from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import (
    ENTROPY_OF_ROLLOUTS,
    EpisodeSummary,
    Fragment,
    PolicySnapshot,
    Report,
    snapshot_of,
    snapshot_state,
)
from der_ros.training.environment.saving import restore_environment, save_environment
from der_ros.training.environment.wrappers import Environment
from der_ros.training.evaluation.episodes import EvaluationReport, evaluate
from der_ros.training.rollout.exploration import make_exploration
from der_ros.training.rollout.first_priorities import FirstPriorities
from der_ros.training.rollout.helper import Helper
from der_ros.training.rollout.observation_filter import moments
from der_ros.training.rollout.repeated_failures import RepeatedFailures
from der_ros.training.rollout.takeover import Pilot, Takeover

_log = logging.getLogger(__name__)


class _Gathered:
    """Content of a fragment, gathered step by step.

    Args:
        taught: Stretches that a person drove before the fragment.
    """

    def __init__(self, taught: Iterable[Episode]) -> None:
        self.parts: list[Transitions] = []
        self.episodes: list[EpisodeSummary] = []
        self.successes: list[Episode] = []
        self.taught = list(taught)

    def take(self, recorder: EpisodeRecorder, ended: Episode | None) -> None:
        """Take the recorder's new transitions and taught stretches; at the end, all that remain."""
        self.parts.append(recorder.take(ended))
        self.taught += recorder.take_taught(ended)

    def end_episode(
        self, recorder: EpisodeRecorder, episode: Episode, summary: EpisodeSummary
    ) -> None:
        """Take what remains of an episode that has ended."""
        self.take(recorder, episode)
        self.episodes.append(summary)
        if episode.success:
            self.successes.append(episode)


class RolloutWorker:
    """Rollout worker that acts in one environment with its latest policy snapshot."""

    def __init__(
        self,
        config: TrainingConfig,
        environment: Environment,
        worker: int,
        workers: int,
        seed: np.random.SeedSequence,
        pilot: Pilot | None = None,
    ) -> None:
        """Make a worker before its first reset.

        Args:
            config: Configuration of the run.
            environment: Environment from ``make_environment``; the worker does not close it.
            worker: Index of the worker, from 0.
            workers: Number of workers.
            seed: Seed of exploration, random actions and the environment's first reset.
            pilot: Interface to a person who may take over at any step; None for no person.
        """
        self._config, self._environment, self._worker = config, environment, worker
        self._rng = np.random.default_rng(seed)
        self._random_steps = config.learning_starts // max(1, workers)
        observed = (environment.observation_space.shape or (0,))[0]
        acted = (environment.action_space.shape or (0,))[0]
        self._sizes = observed, acted
        self._exploration = make_exploration(config, worker, workers, acted)
        self._helper = Helper(environment, config.helped_share, config.helped_after_steps)
        self._failures = RepeatedFailures(config.repeated_share)
        self._takeover = Takeover(pilot, environment)
        self._cut_off: tuple[Episode, ...] = ()  # stretches of a person that an evaluation ended
        self._policy = make_policy(
            config.algorithm,
            observed - config.learner.privileged,
            config.learner.hidden,
            acted,
        )
        self._first_priorities: FirstPriorities | None = None
        if config.first_priority == "td_error":
            drawn = int(self._rng.integers(1 << 30))
            self._first_priorities = FirstPriorities(config, observed, acted, drawn)
        self._snapshot: PolicySnapshot | None = None
        self._recorder: EpisodeRecorder | None = None
        self._saved: Any = None  # the environment's current state
        self._steps_with_policy = 0
        self._episodes_started = 0
        self._greedy = False

    def set_policy(self, snapshot: PolicySnapshot) -> None:
        """Use ``snapshot`` from the next step."""
        self._snapshot = snapshot
        self._policy.set_parameters(snapshot.parameters)
        if self._first_priorities is not None:
            self._first_priorities.set_policy(snapshot)
        self._steps_with_policy = 0

    @property
    def wants_policy(self) -> bool:
        """True without a policy, or after ``policy_interval`` steps with the current one."""
        old = self._steps_with_policy >= self._config.policy_interval
        return self._snapshot is None or old

    def skip_random_steps(self) -> None:
        """Skip the initial random actions: taken already, or not needed with a policy."""
        self._random_steps = 0

    def collect(self, steps: int) -> Fragment:
        """Take ``steps`` environment steps, over as many episodes as needed.

        The fragment holds the executed actions, including those of a person.
        """
        started = time.perf_counter()
        self._saved = None
        gathered, self._cut_off = _Gathered(self._cut_off), ()
        for _ in range(steps):
            recorder = self._recorder or self._start_episode()
            ended = self._step(recorder)
            if ended is not None:
                gathered.end_episode(recorder, *ended)
                self._recorder = None
        if self._recorder is not None:
            gathered.take(self._recorder, None)
        self._steps_with_policy += steps
        transitions = concatenate(gathered.parts)
        report = Report(
            self._worker,
            steps,
            tuple(gathered.episodes),
            moments(transitions.observation),
            0 if self._snapshot is None else self._snapshot.updates,
            time.perf_counter() - started,
            *self._takeover.take_counts(),
        )
        first = None if self._first_priorities is None else self._first_priorities(transitions)
        successes, taught = tuple(gathered.successes), tuple(gathered.taught)
        return Fragment(report, transitions, first, successes, taught)

    def _step(self, recorder: EpisodeRecorder) -> tuple[Episode, EpisodeSummary] | None:
        """Take one step and record it; return the episode and its summary if it has ended."""
        driven = self._takeover.action()
        action = self._act(recorder) if driven is None else self._give_way(driven)
        observation, reward, terminated, truncated, info = self._environment.step(action)
        recorder.add(action, float(reward), observation, driven is not None)
        self._takeover.show(info)
        if not (terminated or truncated):
            return None
        verdict = _verdict(info)
        episode = recorder.finish(terminated, truncated, bool(verdict))
        self._failures.end_episode(episode.success)
        return episode, self._summary(episode, verdict is not None)

    def evaluate(
        self, snapshot: PolicySnapshot, seeds: tuple[int, ...], should_stop: Any = lambda: False
    ) -> EvaluationReport:
        """Run noise-free episodes with ``snapshot``; the current episode is dropped.

        Its stretches that a person drove are returned with the next fragment.
        """
        if self._recorder is not None:
            so_far = self._recorder.finish(False, False, False)
            self._cut_off += self._recorder.take_taught(so_far)
        self._recorder = self._saved = None
        self._policy.set_parameters(snapshot.parameters)

        def act(observation: Float32Array) -> Float32Array:
            return self._policy(snapshot.filter(observation))

        report = evaluate(self._environment, act, seeds, should_stop)
        if self._snapshot is not None:
            self._policy.set_parameters(self._snapshot.parameters)
        # The next episodes must not depend on the evaluation's seeds.
        self._environment.reset(seed=int(self._rng.integers(1 << 30)))
        return report

    def settle(self) -> None:
        """Save the environment, so that a later ``state`` has no side effect.

        Saving may clear a physics engine's caches. Saving after every fragment, with or without a
        checkpoint, makes the run independent of the time of checkpoints.
        """
        if self._saved is None and self._episodes_started:
            self._saved = save_environment(self._environment)

    def state(self) -> dict[str, Any]:
        """Return the worker's state for a checkpoint, as plain data.

        If the environment cannot be saved, the current episode is omitted.
        """
        self.settle()
        environment = self._saved
        going_on = self._recorder is not None and environment is not None
        priorities = self._first_priorities
        return {
            "random": self._rng.bit_generator.state,
            "exploration": self._exploration.state(),
            "random_steps": self._random_steps,
            "steps_with_policy": self._steps_with_policy,
            "episodes_started": self._episodes_started,
            "greedy": self._greedy,
            "snapshot": None if self._snapshot is None else snapshot_state(self._snapshot),
            "recorder": self._recorder.state() if going_on and self._recorder else None,
            "environment": environment,
            "helper": self._helper.state(),
            "failures": self._failures.state(),
            "first_priorities": None if priorities is None else priorities.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        if state["snapshot"] is not None:
            self.set_policy(snapshot_of(state["snapshot"]))
        self._rng.bit_generator.state = state["random"]
        self._exploration.load_state(state["exploration"])
        self._random_steps = int(state["random_steps"])
        self._steps_with_policy = int(state["steps_with_policy"])
        self._greedy = bool(state["greedy"])
        # Checkpoints of releases without the helper lack this entry.
        self._helper.load_state(state.get("helper", {"from": None}))
        # Those of releases without repeated failures lack this one.
        self._failures.load_state(state.get("failures", {"failed": [], "current": None}))
        if self._first_priorities is not None:
            self._first_priorities.load_state(state["first_priorities"])
        if state["environment"] is None:
            return  # a fresh episode, in an environment seeded with the next draw
        try:
            self._restore_episode(state)
        except ConfigurationError as error:
            _log.warning("the saved episode is dropped, a fresh one begins: %s", error)
            self._recorder, self._episodes_started = None, 0

    def _restore_episode(self, state: Mapping[str, Any]) -> None:
        """Restore the episode that was under way.

        Raises:
            ConfigurationError: The episode belongs to an environment of another kind or release.
        """
        self._episodes_started = int(state["episodes_started"])
        steps = 0
        if state["recorder"] is not None:
            self._recorder = EpisodeRecorder(
                np.zeros(0, np.float32), self._config.n_step, self._config.gamma
            )
            self._recorder.load_state(state["recorder"], *self._sizes)
            steps = self._recorder.steps
        restore_environment(self._environment, state["environment"], steps)

    def _start_episode(self) -> EpisodeRecorder:
        first = self._episodes_started == 0
        self._episodes_started += 1
        self._greedy = self._episodes_started % self._config.greedy_every == 0
        seed = self._failures.start_episode(self._rng, self._greedy)
        if seed is None and first:
            seed = int(self._rng.integers(1 << 30))
        observation, _ = self._environment.reset(seed=seed)
        self._exploration.start_episode(self._rng)
        self._helper.start_episode(self._rng, self._greedy)
        self._takeover.start_episode()
        self._recorder = EpisodeRecorder(observation, self._config.n_step, self._config.gamma)
        return self._recorder

    def _summary(self, episode: Episode, judged: bool) -> EpisodeSummary:
        total = float(episode.rewards.sum())
        return EpisodeSummary(total, episode.steps, episode.success, self._greedy, judged)

    def _act(self, recorder: EpisodeRecorder) -> Float32Array:
        """Return an action: random at first, then exploratory, or noise-free in greedy episodes."""
        if self._helper.acts(recorder.steps):
            self._random_steps -= 1
            return self._helper.act(self._rng)
        if self._random_steps > 0 or self._snapshot is None:
            self._random_steps -= 1
            self._greedy = False
            return self._policy.random(self._rng)
        filtered = self._snapshot.filter(recorder.observation)
        if self._greedy:
            return self._policy(filtered)
        return self._exploration.act(self._policy, filtered, self._rng)

    def _give_way(self, driven: Float32Array) -> Float32Array:
        """Return the person's action; the episode no longer counts as greedy."""
        self._random_steps -= 1
        self._greedy = False
        return driven


def _verdict(info: dict[str, Any]) -> bool | None:
    """Return the environment's success verdict at an episode's end; None without a verdict."""
    verdict = info.get("success", info.get("is_success"))
    return None if verdict is None else bool(verdict)


class Job(NamedTuple):
    """Identity of a worker in its process or actor."""

    config: TrainingConfig
    worker: int
    workers: int
    start: int  # 0, 1, … for each process that has been this worker
    resumed_at: int  # environment steps of the resumed run; 0 for a new one


def make_worker(job: Job, environment: Environment, pilot: Pilot | None = None) -> RolloutWorker:
    """Make the worker of a process; a replacement gets other random numbers.

    Args:
        job: Identity of the worker.
        environment: Environment of the worker.
        pilot: Interface to a person who may take over its episodes; None for no person.
    """
    entropy = (job.config.seed, ENTROPY_OF_ROLLOUTS, job.worker, job.start, job.resumed_at)
    seed = np.random.SeedSequence(entropy)
    worker = RolloutWorker(job.config, environment, job.worker, job.workers, seed, pilot)
    if job.resumed_at or job.start or job.config.initial_policy:
        worker.skip_random_steps()
    if job.config.first_priority == "td_error":
        import torch

        torch.set_num_threads(1)  # small products are slower on several threads
    return worker
