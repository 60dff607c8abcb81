"""Learner, and its loop over any engine: the trainer's part of the paper's Alg. 1."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from der_ros.algorithms.base import make_algorithm
from der_ros.errors import ConfigurationError
from der_ros.replay.array_types import Float32Array, FloatArray
from der_ros.replay.transitions import Episode, Transitions
from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import (
    ENTROPY_OF_LEARNER,
    Drawn,
    Engine,
    EpisodeSummary,
    EvaluationPart,
    Message,
    PolicySnapshot,
    Report,
    Sizes,
    WorkerFailed,
)
from der_ros.training.evaluation.evaluator import Evaluator
from der_ros.training.evaluation.policy_average import PolicyAverage
from der_ros.training.metrics.windows import EpisodeWindow, StageTimes
from der_ros.training.rollout.observation_filter import ObservationFilter, as_learned, moments

_NO_NETWORKS: Float32Array = np.zeros(0, np.float32)
_UPDATES_BETWEEN_METRICS = 100
# Weight of an initial policy's filter: large, since a quick change of it would change the policy.
_OBSERVATIONS_OF_A_POLICY = 500_000


class Learner:
    """Algorithm, observation filter and counters of a run; uses no processes or files."""

    def __init__(self, config: TrainingConfig, observation_size: int, action_size: int) -> None:
        """Draw the networks from the run's seed."""
        self.config = config
        networks = np.random.SeedSequence((config.seed, ENTROPY_OF_LEARNER))
        seed = int(networks.generate_state(1)[0])
        self.algorithm = make_algorithm(
            config.algorithm, config.learner, observation_size, action_size, seed
        )
        self.filter = ObservationFilter(
            observation_size, config.filter_clip, config.filter_std_floor
        )
        self._statistics = self.filter.statistics()
        self._with_networks = config.first_priority == "td_error"
        self.updates = 0
        self._average: PolicyAverage | None = None
        if config.average_share > 0.0:
            first_policy = self.algorithm.policy_parameters()
            self._average = PolicyAverage(config.average_share, first_policy)
        first = self.snapshot()
        self.sizes = Sizes(
            observation_size, action_size, len(first.parameters), len(first.networks)
        )
        self.env_steps = 0
        self.taught_steps = self.takeovers = 0
        self._latest: dict[str, float] = {}

    @property
    def due(self) -> int:
        """Number of updates that the environment steps so far allow and that are still to do."""
        if self.env_steps < self.config.learning_starts:
            return 0
        since = self.env_steps - self.config.learning_starts
        return int(since * self.config.updates_per_step) - self.updates

    @property
    def worth_publishing(self) -> bool:
        """True if workers need the networks.

        They do after an update, to compute first priorities, and if the run begins with a policy.
        """
        return self.updates > 0 or self._with_networks or bool(self.config.initial_policy)

    def begin_with(self, parameters: Float32Array, mean: FloatArray, std: FloatArray) -> None:
        """Begin with a given policy and filter instead of those drawn from the run's seed.

        Args:
            parameters: Flat vector of the policy's parameters, in the order of ``MlpPolicy``.
            mean: Mean of the filter for the numbers that the policy sees, (input size,).
            std: Standard deviation of the filter for them, (input size,).
        """
        self.algorithm.set_policy_parameters(parameters)
        if self._average is not None:
            self._average.load_state(parameters)
        self.filter.begin_with(mean, std, _OBSERVATIONS_OF_A_POLICY)
        self._statistics = self.filter.statistics()

    def count_in(self, demonstrations: Sequence[Episode]) -> None:
        """Add the observations of ``demonstrations`` to the filter's statistics."""
        for demonstration in demonstrations:
            self.filter.count_in(moments(demonstration.observations))
        self._statistics = self.filter.statistics()

    def take_in(self, report: Report) -> None:
        """Add a fragment's environment steps to the counters and its observations to the filter."""
        self.env_steps += report.env_steps
        self.filter.count_in(report.observed)
        self._statistics = self.filter.statistics()
        self.taught_steps += report.taught_steps
        self.takeovers += report.takeovers
        self._latest["replay/policy_lag"] = float(self.updates - report.policy_updates)

    def learn(self, drawn: Drawn) -> FloatArray:
        """Do one update; return the TD errors, (rows,), as new priorities."""
        batch = drawn.batch
        update = self.algorithm.update(self._as_learned(batch.transitions), batch.weights)
        self.updates += 1
        if self._average is not None and PolicyAverage.due(self.updates):
            self._average.add(self.algorithm.policy_parameters(), self.updates)
        if self.updates % _UPDATES_BETWEEN_METRICS == 0:
            self._latest |= {f"train/{name}": value for name, value in update.metrics.items()}
            self._latest["replay/staleness"] = drawn.staleness
            self._latest["replay/zone_share"] = drawn.zone_share
        return update.td_errors

    def td_errors(self, raw: Transitions) -> FloatArray:
        """Return the TD errors (rows,) of raw transitions, without an update."""
        return self.algorithm.td_errors(self._as_learned(raw))

    def candidate(self) -> PolicySnapshot:
        """Return the policy to evaluate and export: the moving average, or the current one."""
        current = self.snapshot()
        if self._average is None:
            return current
        return current._replace(parameters=self._average.parameters())

    def snapshot(self) -> PolicySnapshot:
        """Return the current policy and filter, which workers explore with."""
        networks = self.algorithm.networks() if self._with_networks else _NO_NETWORKS
        parameters = self.algorithm.policy_parameters()
        return PolicySnapshot(parameters, self._statistics, self.updates, networks)

    def beta(self) -> float | None:
        """Return β, annealed linearly to ``beta_final`` over the run; None if β is constant."""
        final, budget = self.config.beta_final, self.config.max_env_steps
        if final is None or not budget:
            return None
        done = min(1.0, self.env_steps / budget)
        return self.config.beta + (final - self.config.beta) * done

    def metrics(self) -> dict[str, float]:
        """Return the metrics of the latest updates by name, and of takeovers if there were any."""
        taught = {
            "rollout/taught_steps": float(self.taught_steps),
            "rollout/takeovers": float(self.takeovers),
        }
        return self._latest | (taught if self.takeovers else {})

    def state(self) -> dict[str, Any]:
        """Return copies of algorithm, filter and counters, for a checkpoint."""
        return {
            "learner": dict(self.algorithm.state()),
            "average": None if self._average is None else self._average.state(),
            "filter": self.filter.state(),
            "env_steps": self.env_steps,
            "updates": self.updates,
            "taught": [self.taught_steps, self.takeovers],
            "latest": dict(self._latest),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``.

        Raises:
            CheckpointError: The state belongs to other networks or sizes, or has numbers that are
                not finite.
        """
        self.algorithm.load_state(state["learner"])
        if self._average is not None:
            # Without a saved average, it starts with the newest policy.
            saved = state.get("average")
            newest = self.algorithm.policy_parameters()
            self._average.load_state(newest if saved is None else saved)
        self.filter.load_state(state["filter"])
        self.env_steps, self.updates = int(state["env_steps"]), int(state["updates"])
        # Checkpoints of releases without takeover lack these counts.
        self.taught_steps, self.takeovers = map(int, state.get("taught", (0, 0)))
        self._latest = dict(state["latest"])
        self._statistics = self.filter.statistics()

    def _as_learned(self, raw: Transitions) -> Transitions:
        return as_learned(raw, self._statistics, self.config.reward_scale)


_TURN_S = 0.02  # longest time for updates in one turn; workers, pause and stop wait up to this
_PATIENCE_S = 0.02


class LearnerLoop:
    """Loop that receives reports, does due updates and starts evaluations."""

    def __init__(
        self,
        config: TrainingConfig,
        learner: Learner,
        engine: Engine,
        on_report: Callable[[Report, int], None] | None = None,
    ) -> None:
        """Prepare the loop; ``turn`` does the work.

        Args:
            config: Configuration of the run.
            learner: Learner of the run.
            engine: Engine with replay and workers; the caller enters it as a context manager.
            on_report: Callback for each fragment's report and the run's environment steps so far.
        """
        self._config, self._learner, self._engine = config, learner, engine
        self._on_report = on_report
        self._one_process = config.engine == "local" and config.worker_count() == 0
        self.episodes = EpisodeWindow()
        self.evaluator = Evaluator(config)
        self.stages = StageTimes()
        self._evaluated: list[dict[str, float]] = []

    def turn(self) -> None:
        """Receive messages, do the due updates and publish; checkpoints go between two turns."""
        learner = self._learner
        # Evaluate first: in a single process the result then arrives within this turn.
        if self.evaluator.due(learner.env_steps, self.episodes.greedy_success_rate()):
            self.start_evaluation()
        if not 0 < self._config.update_lag <= learner.due:
            timeout_s = 0.0 if learner.due > 0 else _PATIENCE_S
            with self.stages.of("receive"):
                messages = self._engine.receive(timeout_s)
            self._take_in(messages)
        self._learn()

    def start_evaluation(self) -> None:
        """Start an evaluation of the learner's candidate policy."""
        request = self.evaluator.start(self._learner.candidate())
        self.evaluator.expect(self._engine.evaluate(request))

    def finish_evaluation(self) -> None:
        """Wait up to 0.1 s for parts of the evaluation; drop the workers' reports.

        Raises:
            ConfigurationError: A worker has failed, and so would its replacements.
        """
        for message in self._engine.receive(0.1):
            if isinstance(message, EvaluationPart):
                self._take_in_evaluation(message)
            elif isinstance(message, WorkerFailed):
                raise _failed(message)

    def evaluation_metrics(self) -> list[dict[str, float]]:
        """Return one set of metrics per evaluation that has ended since the last call."""
        ended, self._evaluated = self._evaluated, []
        return ended

    def metrics(self) -> dict[str, float]:
        """Return all current metrics by name."""
        return {
            **self.stages.metrics(),
            **self.episodes.metrics(),
            **self._learner.metrics(),
            **self._engine.metrics(),
        }

    def state(self) -> dict[str, Any]:
        """Return the state of loop, learner and engine for a checkpoint."""
        return {
            "learning": self._learner.state(),
            "engine": self._engine.state(),
            "evaluations": self.evaluator.state(),
            "episodes": self.episodes.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``; before the engine is started."""
        self._learner.load_state(state["learning"])
        self._engine.load_state(state["engine"], self._learner.env_steps)
        self.evaluator.load_state(state["evaluations"])
        self.episodes.load_state(state["episodes"])

    def _take_in(self, messages: list[Message]) -> None:
        learner = self._learner
        for message in messages:
            if isinstance(message, Report):
                learner.take_in(message)
                self.stages.acted(message)
                for episode in message.episodes:
                    self._check_verdict(episode)
                    self.episodes.add(episode)
                if self._on_report is not None:
                    self._on_report(message, learner.env_steps)
            elif isinstance(message, EvaluationPart):
                self._take_in_evaluation(message)
            elif isinstance(message, WorkerFailed):
                raise _failed(message)
        if messages:
            self._engine.insert_if_due(learner.env_steps)
            if learner.worth_publishing:
                self._engine.publish(learner.snapshot())

    def _check_verdict(self, episode: EpisodeSummary) -> None:
        """Check that the environment reports the success of episodes, which DER needs."""
        if self._config.der and not episode.judged:
            raise ConfigurationError(
                f"der: expected {self._config.env} to report success in info['success'] at the end "
                "of an episode, or to have a reward threshold, got neither; set "
                f"success_return (this episode's return was {episode.episode_return:.4g}), or "
                "turn der off"
            )

    def _learn(self) -> None:
        """Do all due updates; with several processes, for at most one turn's time."""
        learner, stages = self._learner, self.stages
        ends = math.inf if self._one_process else time.monotonic() + _TURN_S
        for _ in range(learner.due):
            with stages.of("sample"):
                drawn = self._engine.sample(learner.beta())
            if drawn is None:
                return
            with stages.of("update"):
                td_errors = learner.learn(drawn)
            self._engine.write_back(drawn, td_errors)
            if time.monotonic() >= ends:
                return

    def _take_in_evaluation(self, part: EvaluationPart) -> None:
        report = self.evaluator.take_in(part, self._learner.env_steps)
        if report is not None:
            self._evaluated.append(
                {
                    "rollout/evaluation_success_rate": report.success_rate,
                    "rollout/evaluation_return": report.mean_return,
                }
            )


def _failed(message: WorkerFailed) -> ConfigurationError:
    return ConfigurationError(f"rollout worker {message.worker}: {message.reason}")
