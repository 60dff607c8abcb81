"""An environment seen through the symmetry of its held piece (``policy.symmetry``)."""

from __future__ import annotations

from typing import Any

import gymnasium
from numpy.typing import NDArray

from der_ros.policy.symmetry import fold


class Folded(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Folds each observation, so that all that is stored and learned from is folded.

    Args:
        environment: of this package; its observations have 13 numbers.
        symmetry: of its task, not 1.
    """

    def __init__(self, environment: gymnasium.Env[Any, Any], symmetry: int) -> None:
        super().__init__(environment)
        self.symmetry = symmetry

    def observation(self, observation: NDArray[Any]) -> NDArray[Any]:
        """The observation, folded."""
        return fold(observation, self.symmetry)


def folded_symmetry(environment: gymnasium.Env[Any, Any]) -> int:
    """By what an environment's observations are folded; 1 when by nothing."""
    while isinstance(environment, gymnasium.Wrapper):
        if isinstance(environment, Folded):
            return environment.symmetry
        environment = environment.env
    return 1
