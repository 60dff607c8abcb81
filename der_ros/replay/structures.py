"""Replay structures: four ways to assign demonstrations to shards (paper, Fig. 1)."""

from __future__ import annotations

import numpy as np

from der_ros.errors import ConfigurationError

STRUCTURE_NAMES = ("no_demos", "one_shot_in_all", "all_shots_in_all", "one_shot_each")


def assign_demonstrations(
    structure: str, demonstrations: int, shards: int, rng: np.random.Generator
) -> tuple[tuple[int, ...], ...]:
    """Return the indices of each shard's initial demonstrations.

    * ``no_demos``: no demonstrations;
    * ``one_shot_in_all``: one randomly drawn demonstration, the same in every shard;
    * ``all_shots_in_all``: every demonstration in every shard;
    * ``one_shot_each``: a different demonstration in each shard, drawn without replacement.

    Raises:
        ConfigurationError: Unknown structure, or too few demonstrations for it.
    """
    if structure not in STRUCTURE_NAMES:
        raise ConfigurationError(
            f"replay structure: expected one of {', '.join(STRUCTURE_NAMES)}, got {structure!r}"
        )
    if structure == "no_demos":
        return ((),) * shards
    needed = shards if structure == "one_shot_each" else 1
    if demonstrations < needed:
        raise ConfigurationError(
            f"replay structure {structure}: expected at least {needed} demonstrations, "
            f"got {demonstrations}; give more, or choose no_demos"
        )
    if structure == "one_shot_in_all":
        return ((int(rng.integers(demonstrations)),),) * shards
    if structure == "all_shots_in_all":
        return (tuple(range(demonstrations)),) * shards
    return tuple((int(number),) for number in rng.permutation(demonstrations)[:shards])
