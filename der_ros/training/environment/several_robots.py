"""Environment that draws one of several robots for each episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

from der_ros.errors import CheckpointError
from der_ros.policy.governor import GovernorLimits

_OWN_DRAWS = 1  # separates the robot draws from the environment's own, which use the same seed


class SeveralRobots(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Wrapper that draws one of several environments at each reset.

    A policy for stiff and soft arms must be trained with both. ``env`` and ``unwrapped`` refer to
    the environment of the current episode.

    Args:
        environments: Environments with equal spaces, at least one.
    """

    def __init__(self, environments: Sequence[gymnasium.Env[Any, Any]]) -> None:
        super().__init__(environments[0])
        self._environments = tuple(environments)
        self._rng = np.random.default_rng()

    @property
    def governor_limits(self) -> GovernorLimits:
        """Governor limits of the fastest robot, which bound every training motion."""
        limits: list[GovernorLimits] = [
            each.get_wrapper_attr("governor_limits") for each in self._environments
        ]
        return max(limits, key=lambda each: each.max_linear_speed_mps)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Draw an environment and reset it; all draws depend on the last given ``seed`` only."""
        if seed is not None:
            self._rng = np.random.default_rng((seed, _OWN_DRAWS))
        else:
            seed = int(self._rng.integers(1 << 30))
        self.env = self._environments[int(self._rng.integers(len(self._environments)))]
        return self.env.reset(seed=seed, options=options)

    def close(self) -> None:
        """Close the environments of all robots."""
        for environment in self._environments:
            environment.close()

    def state(self) -> dict[str, Any]:
        """Return the index of the episode's environment and the random state."""
        return {
            "chosen": self._environments.index(self.env),
            "random": self._rng.bit_generator.state,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore a state returned by ``state``; reset or restore the chosen environment next.

        Raises:
            CheckpointError: The state's index exceeds the number of environments.
        """
        if not 0 <= state["chosen"] < len(self._environments):
            raise CheckpointError(
                f"checkpoint: expected an episode with one of {len(self._environments)} robots, "
                f"got number {state['chosen']}; resume with the robots of the run"
            )
        self.env = self._environments[state["chosen"]]
        self._rng.bit_generator.state = state["random"]
