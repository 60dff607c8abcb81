"""A helper that brings some exploring episodes to success: it knows the goal, the policy does not.

Before its first successes a policy learns little, and in a world that is wide they are rare. The
controller of ``tasks.oracle`` takes over in the middle of an episode, so what is learned from are
ways to the goal from where the policy itself has come to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from der_ros.replay.transitions import Float32Array
from der_ros.training.environment.wrappers import Environment

# More would keep it from what it counts as aligned.
_NOISE = 0.02


class Helper:
    """Helper of one worker; it draws for each episode from which step on it acts.

    Args:
        environment: of the worker.
        share: of the episodes that are helped.
        latest_step: at which it takes over.
    """

    def __init__(self, environment: Environment, share: float, latest_step: int) -> None:
        self._environment, self._share, self._latest = environment, share, latest_step
        self._from: int | None = None

    def start_episode(self, rng: np.random.Generator, greedy: bool) -> None:
        """Draw whether the episode is helped, and from which step on; never a greedy one."""
        self._from = None
        if self._share > 0.0 and rng.random() < self._share and not greedy:
            # Squared: early steps are the likelier ones, since an early policy does not stay long.
            self._from = int((self._latest + 1) * rng.random() ** 2)

    def acts(self, step: int) -> bool:
        """Return True where the action of this step of the episode is the helper's."""
        return self._from is not None and step >= self._from

    def act(self, rng: np.random.Generator) -> Float32Array:
        """Return the controller's action (6,) with a little noise, so that it is no single path."""
        from der_ros.envs.scripted import oracle_action  # pulls the physics engine in

        action = oracle_action(self._environment.unwrapped)  # type: ignore[arg-type]
        noisy = action + _NOISE * rng.standard_normal(len(action))
        return np.clip(noisy, -1.0, 1.0).astype(np.float32)

    def state(self) -> dict[str, int | None]:
        """Return the step from which on the current episode is helped."""
        return {"from": self._from}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state`` returned."""
        self._from = state["from"]
