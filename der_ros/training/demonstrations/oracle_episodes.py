"""Demonstrations by a scripted controller that knows the true goal."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import cast

import numpy as np

from der_ros.envs.assembly import AssemblyEnv
from der_ros.envs.scripted import oracle_action
from der_ros.errors import ConfigurationError
from der_ros.replay.array_types import Float32Array
from der_ros.training.config import make_config
from der_ros.training.demonstrations.success_saver import SuccessSaver
from der_ros.training.environment.factory import make_environment
from der_ros.training.evaluation.episodes import evaluate

_FIRST_SEED = 3 << 29  # apart from the seeds of training, evaluation and the evaluate tool
_TRIES = 10


def record_demonstrations(task: str, count: int, folder: Path) -> None:
    """Write ``count`` successful episodes of the oracle, each from a different start, as ``.npz``.

    Raises:
        ConfigurationError: The oracle fails too often to reach ``count``.
    """
    unfolded = make_config({"task": task, "fold_symmetry": False})
    environment = SuccessSaver(make_environment(unfolded), folder)
    assembly = cast(AssemblyEnv, environment.unwrapped)

    def act(_observation: Float32Array) -> Float32Array:
        return oracle_action(assembly).astype(np.float32)

    with contextlib.closing(environment):
        for seed in range(_FIRST_SEED, _FIRST_SEED + _TRIES * count):
            evaluate(environment, act, (seed,))
            if environment.saved == count:
                return
    raise ConfigurationError(
        f"demonstrations of {task}: expected {count} successes of the oracle in {_TRIES * count} "
        f"episodes, got {environment.saved}"
    )
