"""Initial priorities computed by the worker, as in Ape-X (Horgan et al. 2018, Sec. 3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from der_ros.algorithms.base import make_algorithm
from der_ros.replay.array_types import FloatArray
from der_ros.replay.transitions import Transitions
from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import PolicySnapshot
from der_ros.training.rollout.observation_filter import as_learned


class FirstPriorities:
    """TD errors of new transitions, computed with a copy of the learner's networks."""

    def __init__(
        self, config: TrainingConfig, observation_size: int, action_size: int, seed: int
    ) -> None:
        """Make the copy; ``seed`` seeds the target's smoothing noise."""
        own = dataclasses.replace(config.learner, device="cpu")
        self._learner = make_algorithm(config.algorithm, own, observation_size, action_size, seed)
        self._reward_scale = config.reward_scale
        self._snapshot: PolicySnapshot | None = None

    def set_policy(self, snapshot: PolicySnapshot) -> None:
        """Use the networks and the filter of ``snapshot``."""
        self._learner.load_networks(snapshot.networks)
        self._snapshot = snapshot

    def __call__(self, raw: Transitions) -> FloatArray | None:
        """Return TD errors, (rows,); None, which means top priority, before the first snapshot."""
        if self._snapshot is None or raw.size == 0:
            return None
        return self._learner.td_errors(as_learned(raw, self._snapshot.filter, self._reward_scale))

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint, without the snapshot, which the worker saves."""
        return dict(self._learner.state())

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        self._learner.load_state(state)
