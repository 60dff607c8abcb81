"""Demonstrations by the controller that knows the goal, in place of the paper's person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from der_ros.envs.scripted import oracle_action
from der_ros.errors import ConfigurationError
from der_ros.replay.transitions import Episode, EpisodeRecorder
from der_ros.training.config import make_config
from der_ros.training.demonstrations.files import save_episode
from der_ros.training.environment.factory import make_environment

_FIRST_SEED = 3 << 29  # beside those of training, evaluation and the evaluate tool
_TRIES = 10


def record_demonstrations(task: str, count: int, folder: Path) -> None:
    """Write ``count`` successful episodes of the oracle, each from a different start, as ``.npz``.

    Raises:
        ConfigurationError: the oracle fails too often to come to ``count``.
    """
    environment = make_environment(make_config({"task": task, "fold_symmetry": False}))
    try:
        written = 0
        for seed in range(_FIRST_SEED, _FIRST_SEED + _TRIES * count):
            episode = _episode(environment, seed)
            if episode.success:
                save_episode(folder / f"oracle_{written:02d}.npz", episode)
                written += 1
            if written == count:
                return
    finally:
        environment.close()
    raise ConfigurationError(
        f"demonstrations of {task}: expected {count} successes of the oracle in {_TRIES * count} "
        f"episodes, got {written}"
    )


def _episode(environment: Any, seed: int) -> Episode:
    observation, _ = environment.reset(seed=seed)
    recorder = EpisodeRecorder(observation, 1, 1.0)
    while True:
        action = oracle_action(environment.unwrapped).astype(np.float32)
        observation, reward, terminated, truncated, info = environment.step(action)
        recorder.add(action, float(reward), observation)
        if terminated or truncated:
            return recorder.finish(terminated, truncated, bool(info["success"]))
