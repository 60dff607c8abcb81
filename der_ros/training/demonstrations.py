"""Demonstrations on disk: bags of deployments, or ``.npz`` files of plain arrays, no pickle."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.policy.symmetry import fold
from der_ros.replay.transitions import Episode
from der_ros.tasks.base import Task
from der_ros.training.bag_demonstrations import bag_episode, is_bag


def save_episode(path: Path, episode: Episode) -> None:
    """Writes one episode; flags become arrays of one boolean."""
    arrays = {name: np.asarray(value) for name, value in episode._asdict().items()}
    np.savez(path, **arrays)  # type: ignore[arg-type]


def load_demonstrations(
    source: Path,
    observation_size: int,
    action_size: int,
    symmetry: int = 1,
    task: Task | None = None,
) -> tuple[Episode, ...]:
    """Reads one ``.npz`` episode or bag, or all of a folder in order of their names.

    Args:
        source: file or folder.
        observation_size: numbers in an observation.
        action_size: numbers in an action.
        symmetry: their observations are folded by it, as those of training are
            (``policy.symmetry``); 1: not at all.
        task: that bags are judged by; None: bags are refused.

    Raises:
        ConfigurationError: nothing there, a file that is no episode, of other sizes, or one that
            did not succeed.
    """
    folder = source.is_dir() and not is_bag(source)
    paths = [path for path in (sorted(source.iterdir()) if folder else [source]) if _is_one(path)]
    if not paths:
        raise ConfigurationError(
            f"demos: expected .npz episodes or bags, there are none at {source}"
        )
    sizes = observation_size, action_size
    episodes = (_checked(path, _read(path, task), *sizes) for path in paths)
    if symmetry == 1:
        return tuple(episodes)
    return tuple(
        episode._replace(observations=fold(episode.observations, symmetry)) for episode in episodes
    )


def _is_one(path: Path) -> bool:
    return is_bag(path) or (path.is_file() and path.suffix == ".npz")


def _read(path: Path, task: Task | None) -> Episode:
    if not is_bag(path):
        return _load(path)
    if task is None:
        raise ConfigurationError(
            f"demos: {path} is a bag, which says no rewards: expected a task of this package, that "
            "can judge it, got another environment; give .npz episodes"
        )
    return bag_episode(path, task)


def _load(path: Path) -> Episode:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return Episode(
                archive["observations"].astype(np.float32),
                archive["actions"].astype(np.float32),
                archive["rewards"].astype(np.float32),
                bool(archive["terminated"]),
                bool(archive["truncated"]),
                bool(archive["success"]),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigurationError(f"demos: {path} is no episode ({error})") from error


def _checked(path: Path, episode: Episode, observation_size: int, action_size: int) -> Episode:
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
