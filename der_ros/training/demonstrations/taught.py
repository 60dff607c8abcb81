"""Taught episodes with their facts, and their export for other tools."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from der_ros.bags.demonstrations import DemonstrationFacts, read_facts
from der_ros.errors import ConfigurationError
from der_ros.replay.transitions import Episode
from der_ros.tasks import make_task
from der_ros.training.demonstrations.bag_episodes import bag_episode


@dataclass(frozen=True)
class TaughtEpisode:
    """Demonstration as plain arrays.

    Attributes:
        name: Name of its bag.
        task: Name of the task.
        episode: Steps up to the success, with the task's rewards.
        facts: Author and place of the recording; None for the bag of a deployment.
    """

    name: str
    task: str
    episode: Episode
    facts: DemonstrationFacts | None


def taught_episode(bag: Path, task: str) -> TaughtEpisode:
    """Read a bag as a demonstration of ``task``.

    Raises:
        ConfigurationError: The bag is damaged, or holds no successful attempt of the task.
    """
    return TaughtEpisode(bag.name, task, bag_episode(bag, make_task(task)), read_facts(bag))


def write_npz_episodes(folder: Path, taught: Sequence[TaughtEpisode]) -> None:
    """Write each episode as ``NAME.npz``, with ``facts`` and ``task`` as texts; no pickle."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in taught:
        facts = json.dumps(asdict(each.facts) if each.facts else {"made_by": "unknown"})
        arrays = {name: np.asarray(value) for name, value in each.episode._asdict().items()}
        texts = {"facts": np.array(facts), "task": np.array(each.task)}
        np.savez(folder / f"{each.name}.npz", **arrays, **texts)  # type: ignore[arg-type]


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder to write into; move it to ``folder`` when it is complete.

    Raises:
        ConfigurationError: ``folder`` is not a new or empty folder, or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"out: expected a new or empty folder, {folder} is a file")
    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"out: expected a new or empty folder, {folder} holds something")
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        yield part
        os.replace(part, folder)
    except OSError as error:
        raise ConfigurationError(
            f"out: expected to write {folder}, got: {error.strerror or error}; make room, or "
            "choose another folder"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
