"""A deployment bag as a demonstration: its actions, with the task's rewards."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from der_ros.bags.bag_replay import Sample, read_samples
from der_ros.bags.reader import BagReader
from der_ros.errors import BagError, ConfigurationError
from der_ros.geometry import Pose
from der_ros.replay.transitions import Episode
from der_ros.tasks.base import Task

POSE_NUMBERS = 7  # an observation begins with position and quaternion of the held piece


def is_bag(path: Path) -> bool:
    """Return True if ``path`` is the folder of a complete bag."""
    return (path / "metadata.yaml").is_file()


def bag_episode(path: Path, task: Task) -> Episode:
    """Return the attempt in a bag, up to its success.

    A bag holds no rewards and no true goal. A piece that is seated at the end of the bag is at its
    goal there, so each step's reward is that of its distance from that pose. The first step that
    comes near enough ends the episode. The result of the last action is not in the bag.

    Raises:
        ConfigurationError: damaged, too short, not of this task's form, or the piece is not seated
            at the end.
    """
    try:
        with BagReader(path) as reader:
            samples = read_samples(reader)
    except BagError as error:
        raise ConfigurationError(f"demos: {error}") from error
    if len(samples) < 2 or any(len(sample.observation) < POSE_NUMBERS for sample in samples):
        raise ConfigurationError(
            f"demos: {path}: expected two or more observations that begin with a pose, "
            f"got {len(samples)} samples"
        )
    poses = [_pose(sample, path) for sample in samples]
    if not task.is_seated(poses[-1]):
        raise ConfigurationError(
            f"demos: {path}: expected an attempt that ends with the piece seated, it ends at "
            f"{np.round(poses[-1].position, 4).tolist()} m of {task.name}"
        )
    judged = [task.judge(pose, poses[-1]) for pose in poses[1:]]
    steps = 1 + next(k for k, judgement in enumerate(judged) if judgement.success)
    return Episode(
        np.array([sample.observation for sample in samples[: steps + 1]], np.float32),
        np.array([sample.action for sample in samples[:steps]], np.float32),
        np.array([judgement.reward for judgement in judged[:steps]], np.float32),
        terminated=True,
        truncated=False,
        success=True,
    )


def _pose(sample: Sample, path: Path) -> Pose:
    return Pose.from_sequence(sample.observation[:POSE_NUMBERS].tolist(), f"demos: {path}")
