"""Evaluator: decides when to evaluate a policy, and keeps the best one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import (
    EvaluationPart,
    EvaluationRequest,
    PolicySnapshot,
    snapshot_of,
    snapshot_state,
)
from der_ros.training.evaluation.episodes import (
    NO_EPISODES,
    TRAINING_EVALUATION_SEED,
    EvaluationReport,
)

logger = logging.getLogger(__name__)


class Best(NamedTuple):
    """Best evaluated policy so far; the newest one of equals."""

    snapshot: PolicySnapshot
    report: EvaluationReport


class Evaluator:
    """Evaluations of a run: at most one at a time, each on seeds not used before."""

    def __init__(self, config: TrainingConfig) -> None:
        """Start without any evaluation."""
        self._config = config
        self.best: Best | None = None
        self._request: EvaluationRequest | None = None
        self._report, self._parts_due = NO_EPISODES, 0
        self._started = 0
        self._next_seed = TRAINING_EVALUATION_SEED
        self._ended_at = 0

    @property
    def under_way(self) -> bool:
        """True while parts of an evaluation are missing."""
        return self._request is not None

    @property
    def solved(self) -> bool:
        """True if the best policy reaches ``target_success``."""
        return (
            self.best is not None and self.best.report.success_rate >= self._config.target_success
        )

    def due(self, env_steps: int, greedy_success_rate: float) -> bool:
        """Return True if greedy episodes reach the threshold and the interval has passed."""
        promising = greedy_success_rate >= self._config.evaluation_threshold
        rested = env_steps - self._ended_at >= self._config.evaluation_steps
        return not self.under_way and promising and rested

    def start(self, snapshot: PolicySnapshot) -> EvaluationRequest:
        """Return a new request; then call ``expect`` with the number of parts of the answer."""
        first = self._next_seed
        self._next_seed += self._config.evaluation_episodes
        self._started += 1
        seeds = tuple(range(first, self._next_seed))
        self._request = EvaluationRequest(self._started, snapshot, seeds)
        self._report = NO_EPISODES
        return self._request

    def expect(self, parts: int) -> None:
        """Set the number of parts of the answer."""
        self._parts_due = parts

    def take_in(self, part: EvaluationPart, env_steps: int) -> EvaluationReport | None:
        """Add a part; return the complete report after the last part, else None."""
        request = self._request
        if request is None or part.number != request.number:
            return None
        self._report = self._report.joined(part.report)
        self._parts_due -= 1
        if self._parts_due:
            return None
        self._request, self._ended_at = None, env_steps
        if self._report.episodes < len(request.seeds):
            return None  # stopped half-way
        report = self._report
        logger.info("evaluation: %d of %d", sum(report.success), report.episodes)
        if self.best is None or report.success_rate >= self.best.report.success_rate:
            self.best = Best(request.snapshot, report)
        return report

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint, without an unfinished evaluation."""
        best = self.best
        return {
            "best_snapshot": None if best is None else snapshot_state(best.snapshot),
            "best_report": None if best is None else best.report._asdict(),
            "started": self._started,
            "next_seed": self._next_seed,
            "ended_at": self._ended_at,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        self.best = best_in(state)
        self._started, self._ended_at = int(state["started"]), int(state["ended_at"])
        # Releases that did not save the next seed had used these many of the same evaluations.
        used = self._started * self._config.evaluation_episodes
        self._next_seed = int(state.get("next_seed", TRAINING_EVALUATION_SEED + used))


def best_in(state: Mapping[str, Any]) -> Best | None:
    """Return the best evaluated policy in the state of an ``Evaluator``, None without one."""
    if state["best_snapshot"] is None:
        return None
    return Best(snapshot_of(state["best_snapshot"]), EvaluationReport(**state["best_report"]))
