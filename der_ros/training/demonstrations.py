"""Episodes on disk: demonstrations that come in. ``.npz`` files of plain arrays, no pickle."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.policy.symmetry import fold
from der_ros.replay.transitions import Episode


def save_episode(path: Path, episode: Episode) -> None:
    """Writes one episode; flags become arrays of one boolean."""
    arrays = {name: np.asarray(value) for name, value in episode._asdict().items()}
    np.savez(path, **arrays)  # type: ignore[arg-type]


def load_demonstrations(
    source: Path, observation_size: int, action_size: int, symmetry: int = 1
) -> tuple[Episode, ...]:
    """Reads one ``.npz`` episode, or all of a folder in order of their names.

    Args:
        source: file or folder.
        observation_size: numbers in an observation.
        action_size: numbers in an action.
        symmetry: their observations are folded by it, as those of training are
            (``policy.symmetry``); 1: not at all.

    Raises:
        ConfigurationError: nothing there, a file that is no episode, of other sizes, or one that
            did not succeed.
    """
    paths = sorted(source.glob("*.npz")) if source.is_dir() else [source]
    if not paths or not paths[0].is_file():
        raise ConfigurationError(f"demos: expected .npz episodes, there are none at {source}")
    episodes = (_load(path, observation_size, action_size) for path in paths)
    if symmetry == 1:
        return tuple(episodes)
    return tuple(
        episode._replace(observations=fold(episode.observations, symmetry)) for episode in episodes
    )


def _load(path: Path, observation_size: int, action_size: int) -> Episode:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            episode = Episode(
                archive["observations"].astype(np.float32),
                archive["actions"].astype(np.float32),
                archive["rewards"].astype(np.float32),
                bool(archive["terminated"]),
                bool(archive["truncated"]),
                bool(archive["success"]),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigurationError(f"demos: {path} is no episode ({error})") from error
    steps = episode.steps
    expected = ((steps + 1, observation_size), (steps, action_size), (steps,))
    got = (episode.observations.shape, episode.actions.shape, episode.rewards.shape)
    finite = all(bool(np.isfinite(column).all()) for column in episode[:3])
    if steps == 0 or got != expected or not finite or not episode.success:
        raise ConfigurationError(
            f"demos: {path}: expected a successful episode of finite numbers, shapes {expected}, "
            f"got shapes {got}, success {episode.success}"
        )
    return episode
