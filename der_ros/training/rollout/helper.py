"""Scripted helper that completes some exploration episodes with knowledge of the true goal.

A policy learns little before its first successes, which are rare with wide randomization. The
controller of ``tasks.oracle`` takes over within an episode, so the replay gets paths to the goal
that start from states which the policy itself visits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from der_ros.replay.array_types import Float32Array
from der_ros.training.environment.wrappers import Environment

# More noise would prevent the controller from reaching its alignment tolerance.
_NOISE = 0.02


class Helper:
    """Helper of one worker, which draws its first step for each episode.

    Args:
        environment: Environment of the worker.
        share: Share of the episodes with help, 0 to 1.
        latest_step: Latest step at which the helper takes over.
    """

    def __init__(self, environment: Environment, share: float, latest_step: int) -> None:
        self._environment, self._share, self._latest = environment, share, latest_step
        self._from: int | None = None

    def start_episode(self, rng: np.random.Generator, greedy: bool) -> None:
        """Draw the step from which the helper acts, if at all; never in greedy episodes."""
        self._from = None
        if self._share > 0.0 and rng.random() < self._share and not greedy:
            # Squared to favour early steps, since an untrained policy's episodes are short.
            self._from = int((self._latest + 1) * rng.random() ** 2)

    def acts(self, step: int) -> bool:
        """Return True if the helper acts at this step of the episode."""
        return self._from is not None and step >= self._from

    def act(self, rng: np.random.Generator) -> Float32Array:
        """Return the controller's action, (6,), with a little noise to vary the paths."""
        from der_ros.envs.scripted import oracle_action  # pulls the physics engine in

        action = oracle_action(self._environment.unwrapped)  # type: ignore[arg-type]
        noisy = action + _NOISE * rng.standard_normal(len(action))
        return np.clip(noisy, -1.0, 1.0).astype(np.float32)

    def state(self) -> dict[str, int | None]:
        """Return the helper's first step of the current episode, or None."""
        return {"from": self._from}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        self._from = state["from"]
