"""Demonstrations on disk: bags of deployments, or ``.npz`` files without pickle."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from der_ros.documents import open_regular, shortened
from der_ros.errors import ConfigurationError
from der_ros.policy.policy_view import FRAME_SIZE, PolicyView
from der_ros.policy.shipped import shipped_demonstrations
from der_ros.policy.symmetry import fold
from der_ros.replay.transitions import Episode
from der_ros.tasks.base import Task
from der_ros.training.checkpoint.arrays import read_array
from der_ros.training.demonstrations.bag_episodes import bag_episode, is_bag, recorded_failure
from der_ros.whole_files import whole_file

logger = logging.getLogger(__name__)

MAX_ARRAY_BYTES = 256 * 2**20


SHIPPED = "shipped"
"""Value of ``demos`` that stands for the task's demonstrations in the package."""


def demonstrations_at(text: str, task: str) -> Path:
    """Return the file or folder that ``demos`` names.

    Raises:
        ConfigurationError: The package ships no demonstrations of ``task``.
    """
    return shipped_demonstrations(task) if text == SHIPPED else Path(text)


def save_episode(path: Path, episode: Episode) -> None:
    """Write one episode as a whole or not at all; each flag becomes an array of one boolean.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    arrays = {name: np.asarray(value) for name, value in episode._asdict().items()}
    try:
        with whole_file(path) as part, part.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise ConfigurationError(
            f"demos: expected to write {path}, got: {error.strerror or error}; make room, or "
            "choose another folder"
        ) from error


def load_demonstrations(
    source: Path,
    observation_size: int,
    action_size: int,
    symmetry: int = 1,
    task: Task | None = None,
    view: PolicyView | None = None,
) -> tuple[Episode, ...]:
    """Read one ``.npz`` episode or bag, or all those in a folder, sorted by name.

    The folder may be that of a deployment's bags: snapshots and failed attempts are left out.

    Args:
        source: File or folder.
        observation_size: Length of an observation.
        action_size: Length of an action.
        symmetry: Symmetry by which observations are folded, as in training
            (``policy.symmetry``); 1 for no folding.
        task: Task that defines rewards and success of bags; None refuses bags.
        view: View that converts recorded observations to the policy's input; None for no change.

    Raises:
        ConfigurationError: There is no episode at ``source``, or a file is not an episode, has
            other sizes, or did not succeed.
    """
    folder = source.is_dir() and not is_bag(source)
    paths = _successes(sorted(source.iterdir())) if folder else [source]
    paths = [path for path in paths if _is_one(path)]
    if not paths:
        raise ConfigurationError(
            f"demos: expected .npz episodes or bags, there are none at {source}"
        )
    plain = view is None or view.is_plain
    sizes = observation_size if plain else FRAME_SIZE, action_size
    episodes = (_checked(path, _read(path, task), *sizes) for path in paths)
    return tuple(
        episode._replace(observations=_as_seen(episode.observations, symmetry, view))
        for episode in episodes
    )


def _as_seen(
    observations: NDArray[np.float32], symmetry: int, view: PolicyView | None
) -> NDArray[np.float32]:
    """Return recorded observations as policy inputs: folded, and converted by the view."""
    folded = observations if symmetry == 1 else fold(observations, symmetry)
    return folded if view is None or view.is_plain else view.episode(folded)


def _successes(paths: Iterable[Path]) -> list[Path]:
    """Return the paths without the bags that are no demonstrations; log each of those."""
    kept = []
    for path in paths:
        failure = recorded_failure(path) if is_bag(path) else ""
        if failure:
            logger.warning("demos: %s is left out: %s", path.name, failure)
        else:
            kept.append(path)
    return kept


def _is_one(path: Path) -> bool:
    return is_bag(path) or (path.is_file() and path.suffix == ".npz")


def _read(path: Path, task: Task | None) -> Episode:
    if not is_bag(path):
        return _load(path)
    if task is None:
        raise ConfigurationError(
            f"demos: {path} is a bag, which holds no rewards: expected a task of this package, "
            "which can judge it, got another environment; give .npz episodes"
        )
    return bag_episode(path, task)


def _load(path: Path) -> Episode:
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            return Episode(
                _numbers(archive, "observations"),
                _numbers(archive, "actions"),
                _numbers(archive, "rewards"),
                _flag(archive, "terminated"),
                _flag(archive, "truncated"),
                _flag(archive, "success"),
            )
    except Exception as error:  # zipfile and numpy raise errors of many kinds for damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConfigurationError(f"demos: {path} is no episode ({reason})") from error


def _numbers(archive: zipfile.ZipFile, name: str) -> NDArray[np.float32]:
    array = read_array(archive, f"{name}.npy", MAX_ARRAY_BYTES)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name}: expected real numbers, got {array.dtype}")
    with np.errstate(over="ignore"):  # an overflow becomes infinite and is refused
        return array.astype(np.float32)


def _flag(archive: zipfile.ZipFile, name: str) -> bool:
    array = read_array(archive, f"{name}.npy", MAX_ARRAY_BYTES)
    if array.size != 1 or array.dtype.kind not in "biuf" or array.reshape(()) not in (0, 1):
        raise ValueError(
            f"{name}: expected true or false, got {shortened(array.tolist())} of type {array.dtype}"
        )
    return bool(array.reshape(()))


def _checked(path: Path, episode: Episode, observation_size: int, action_size: int) -> Episode:
    steps = len(episode.actions) if episode.actions.ndim else 0
    expected = ((steps + 1, observation_size), (steps, action_size), (steps,))
    got = (episode.observations.shape, episode.actions.shape, episode.rewards.shape)
    finite = all(bool(np.isfinite(column).all()) for column in episode[:3])
    if steps == 0 or got != expected or not finite or not episode.success:
        raise ConfigurationError(
            f"demos: {path}: expected a successful episode of finite numbers, shapes {expected}, "
            f"got shapes {got}, success {episode.success}"
        )
    return episode
