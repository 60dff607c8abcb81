"""The learner loop: the paper's Alg. 1 "for the trainer", over any engine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from der_ros.errors import ConfigurationError
from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import Engine
from der_ros.training.engine.messages import (
    EpisodeSummary,
    EvaluationPart,
    Message,
    Report,
    WorkerFailed,
)
from der_ros.training.evaluation.candidates import Evaluations
from der_ros.training.learner.learning import Learning
from der_ros.training.learner.stages import Stages
from der_ros.training.metrics.log import EpisodeWindow

_TURN_S = 0.02  # of updates in one turn, or one of them: no worker, pause or stop waits longer
_PATIENCE_S = 0.02


class LearnerLoop:
    """Takes in what workers report, learns what is due, and has promising policies evaluated."""

    def __init__(
        self,
        config: TrainingConfig,
        learning: Learning,
        engine: Engine,
        on_report: Callable[[Report, int], None] | None = None,
    ) -> None:
        """Before the first turn.

        Args:
            config: the run.
            learning: its learner.
            engine: its replay and workers; the caller enters it.
            on_report: called with each fragment's report and the run's environment steps with it.
        """
        self._config, self._learning, self._engine = config, learning, engine
        self._on_report = on_report
        self._one_process = config.engine == "local" and config.worker_count() == 0
        self.episodes = EpisodeWindow()
        self.evaluations = Evaluations(config)
        self.stages = Stages()
        self._evaluated: list[dict[str, float]] = []

    def turn(self) -> None:
        """Once around. A checkpoint may be taken between two turns."""
        learning = self._learning
        # First, so that in a single process the answer is in before the turn ends.
        if self.evaluations.due(learning.env_steps, self.episodes.greedy_success_rate()):
            self.start_evaluation()
        if not 0 < self._config.update_lag <= learning.due:
            timeout_s = 0.0 if learning.due > 0 else _PATIENCE_S
            with self.stages.of("receive"):
                messages = self._engine.receive(timeout_s)
            self._take_in(messages)
        self._learn()

    def start_evaluation(self) -> None:
        """Has the policy as it is now evaluated."""
        request = self.evaluations.start(self._learning.snapshot())
        self.evaluations.expect(self._engine.evaluate(request))

    def finish_evaluation(self) -> None:
        """Waits a little for the evaluation under way; workers' reports are let go."""
        for message in self._engine.receive(0.1):
            if isinstance(message, EvaluationPart):
                self._take_in_evaluation(message)

    def evaluation_metrics(self) -> list[dict[str, float]]:
        """One set for each evaluation that has ended since the last call."""
        ended, self._evaluated = self._evaluated, []
        return ended

    def metrics(self) -> dict[str, float]:
        """Of everything as it stands."""
        return {
            **self.stages.metrics(),
            **self.episodes.metrics(),
            **self._learning.metrics(),
            **self._engine.metrics(),
        }

    def state(self) -> dict[str, Any]:
        """For a checkpoint, of loop, learning and engine."""
        return {
            "learning": self._learning.state(),
            "engine": self._engine.state(),
            "evaluations": self.evaluations.state(),
            "episodes": self.episodes.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Takes over what ``state`` gave; before the engine is started."""
        self._learning.load_state(state["learning"])
        self._engine.load_state(state["engine"], self._learning.env_steps)
        self.evaluations.load_state(state["evaluations"])
        self.episodes.load_state(state["episodes"])

    def _take_in(self, messages: list[Message]) -> None:
        learning = self._learning
        for message in messages:
            if isinstance(message, Report):
                learning.take_in(message)
                self.stages.acted(message)
                for episode in message.episodes:
                    self._check_verdict(episode)
                    self.episodes.add(episode)
                if self._on_report is not None:
                    self._on_report(message, learning.env_steps)
            elif isinstance(message, EvaluationPart):
                self._take_in_evaluation(message)
            elif isinstance(message, WorkerFailed):
                raise ConfigurationError(f"rollout worker {message.worker}: {message.reason}")
        if messages:
            self._engine.insert_if_due(learning.env_steps)
            if learning.worth_publishing:
                self._engine.publish(learning.snapshot())

    def _check_verdict(self, episode: EpisodeSummary) -> None:
        """Without successes the pool stays empty and DER would do nothing, silently."""
        if self._config.der and not episode.judged:
            raise ConfigurationError(
                f"der: expected {self._config.env} to say in info['success'] at an episode's end "
                "whether it succeeded, or to have a reward threshold, got neither; set "
                f"success_return (this episode's return was {episode.episode_return:.4g}), or "
                "turn der off"
            )

    def _learn(self) -> None:
        """The updates that are due; with several processes, as many as a turn has time for."""
        learning, stages = self._learning, self.stages
        ends = math.inf if self._one_process else time.monotonic() + _TURN_S
        for _ in range(learning.due):
            with stages.of("sample"):
                drawn = self._engine.sample(learning.beta())
            if drawn is None:
                return
            with stages.of("update"):
                td_errors = learning.learn(drawn)
            self._engine.write_back(drawn, td_errors)
            if time.monotonic() >= ends:
                return

    def _take_in_evaluation(self, part: EvaluationPart) -> None:
        report = self.evaluations.take_in(part, self._learning.env_steps)
        if report is not None:
            self._evaluated.append(
                {
                    "rollout/evaluation_success_rate": report.success_rate,
                    "rollout/evaluation_return": report.mean_return,
                }
            )
