"""Saving of an environment's successful episodes as demonstrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium

from der_ros.errors import ConfigurationError
from der_ros.replay.transitions import EpisodeRecorder
from der_ros.training.demonstrations.files import save_episode


class SuccessSaver(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Wrapper that writes each successful episode to its own ``.npz`` file.

    Wrap an environment with unfolded observations; training folds them as configured.

    Attributes:
        saved: Number of files written.
    """

    def __init__(self, environment: gymnasium.Env[Any, Any], folder: Path) -> None:
        """Make the folder.

        Args:
            environment: Environment that reports ``info["success"]`` at an episode's end.
            folder: Folder of the files, new or without demonstrations.

        Raises:
            ConfigurationError: The folder holds demonstrations, or cannot be made.
        """
        super().__init__(environment)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"demonstrations: cannot make the folder {folder} ({error.strerror})"
            ) from error
        if any(folder.glob("*.npz")):
            raise ConfigurationError(
                f"demonstrations: expected a folder without .npz files, {folder} has some; choose "
                "another"
            )
        self._folder, self.saved = folder, 0
        self._recorder: EpisodeRecorder | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and start a new recording; an unfinished one is discarded."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._recorder = EpisodeRecorder(observation, 1, 1.0)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment; write the file after the last step of a success."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if self._recorder is None:
            raise RuntimeError("step: expected a reset before it")
        self._recorder.add(action, float(reward), observation)
        if (terminated or truncated) and info["success"]:
            episode = self._recorder.finish(terminated, truncated, True)
            self.saved += 1
            save_episode(self._folder / f"episode_{self.saved:04d}.npz", episode)
        return observation, reward, terminated, truncated, info
