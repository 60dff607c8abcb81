"""The learner's side of a run: algorithm, observation filter, counters. No processes or files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from der_ros.algorithms.base import make_learner
from der_ros.errors import CheckpointError
from der_ros.replay.sum_tree import FloatArray
from der_ros.replay.transitions import Episode, Float32Array, Transitions
from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import ENTROPY_OF_LEARNER, Drawn, Sizes
from der_ros.training.engine.messages import PolicySnapshot, Report
from der_ros.training.rollout.observation_filter import ObservationFilter, as_learned, moments

_NO_NETWORKS: Float32Array = np.zeros(0, np.float32)
_UPDATES_BETWEEN_METRICS = 100


class Learning:
    """What Alg. 1 (paper) calls the trainer, but for where its batches come from."""

    def __init__(self, config: TrainingConfig, observation_size: int, action_size: int) -> None:
        """Draws the networks."""
        self.config = config
        networks = np.random.SeedSequence((config.seed, ENTROPY_OF_LEARNER))
        seed = int(networks.generate_state(1)[0])
        self.learner = make_learner(
            config.algorithm, config.learner, observation_size, action_size, seed
        )
        self.filter = ObservationFilter(
            observation_size, config.filter_clip, config.filter_std_floor
        )
        self._statistics = self.filter.statistics()
        self._with_networks = config.first_priority == "td_error"
        self.updates = 0
        first = self.snapshot()
        self.sizes = Sizes(
            observation_size, action_size, len(first.parameters), len(first.networks)
        )
        self.env_steps = 0
        self._latest: dict[str, float] = {}

    @property
    def due(self) -> int:
        """Updates that the environment steps so far allow and that are not done yet."""
        if self.env_steps < self.config.learning_starts:
            return 0
        since = self.env_steps - self.config.learning_starts
        return int(since * self.config.updates_per_step) - self.updates

    @property
    def worth_publishing(self) -> bool:
        """Whether workers have a use for the networks: they have learned, or are to judge."""
        return self.updates > 0 or self._with_networks

    def count_in(self, demonstrations: Sequence[Episode]) -> None:
        """Demonstrations are observations, too."""
        for demonstration in demonstrations:
            self.filter.count_in(moments(demonstration.observations))
        self._statistics = self.filter.statistics()

    def take_in(self, report: Report) -> None:
        """A fragment has gone to a shard."""
        self.env_steps += report.env_steps
        self.filter.count_in(report.observed)
        self._statistics = self.filter.statistics()
        self._latest["replay/policy_lag"] = float(self.updates - report.policy_updates)

    def learn(self, drawn: Drawn) -> FloatArray:
        """One update; returns the rows' TD errors (rows,), their new priorities."""
        batch = drawn.batch
        update = self.learner.update(self._as_learned(batch.transitions), batch.weights)
        self.updates += 1
        if self.updates % _UPDATES_BETWEEN_METRICS == 0:
            self._latest |= {f"train/{name}": value for name, value in update.metrics.items()}
            self._latest["replay/staleness"] = drawn.staleness
            self._latest["replay/zone_share"] = drawn.zone_share
        return update.td_errors

    def td_errors(self, raw: Transitions) -> FloatArray:
        """(rows,) of raw transitions, without learning."""
        return self.learner.td_errors(self._as_learned(raw))

    def snapshot(self) -> PolicySnapshot:
        """The policy and the filter as they stand."""
        networks = self.learner.networks() if self._with_networks else _NO_NETWORKS
        parameters = self.learner.policy_parameters()
        return PolicySnapshot(parameters, self._statistics, self.updates, networks)

    def beta(self) -> float | None:
        """β, moving linearly to ``beta_final`` over the budget of steps where there is one."""
        final, budget = self.config.beta_final, self.config.max_env_steps
        if final is None or not budget:
            return None
        done = min(1.0, self.env_steps / budget)
        return self.config.beta + (final - self.config.beta) * done

    def metrics(self) -> dict[str, float]:
        """Of the latest updates."""
        return dict(self._latest)

    def state(self) -> dict[str, Any]:
        """Everything that learning depends on besides its batches; copies."""
        return {
            "learner": dict(self.learner.state()),
            "filter": self.filter.state(),
            "env_steps": self.env_steps,
            "updates": self.updates,
            "latest": dict(self._latest),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Takes over what ``state`` gave.

        Raises:
            CheckpointError: it is of other networks or sizes.
        """
        try:
            self.learner.load_state(state["learner"])
            self.filter.load_state(state["filter"])
            self.env_steps, self.updates = int(state["env_steps"]), int(state["updates"])
            self._latest = dict(state["latest"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"checkpoint: expected what this release writes, got something else ({error!r})"
            ) from error
        self._statistics = self.filter.statistics()

    def _as_learned(self, raw: Transitions) -> Transitions:
        return as_learned(raw, self._statistics, self.config.reward_scale)
