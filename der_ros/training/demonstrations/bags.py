"""A deployment bag as a demonstration: its actions, with the task's rewards."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from der_ros.bags.bag_copy import copy_bag
from der_ros.bags.bag_replay import (
    ACTION_TOPIC,
    CONTRACT_TOPIC,
    OBSERVATION_TOPIC,
    Sample,
    read_samples,
)
from der_ros.bags.demonstrations import FACTS_FILE
from der_ros.bags.reader import BagReader
from der_ros.errors import BagError, ConfigurationError
from der_ros.geometry import Pose
from der_ros.replay.transitions import Episode
from der_ros.tasks.base import Task

POSE_TOPIC = "kuka/tcp_pose"
_TRAINED_FROM = (OBSERVATION_TOPIC, ACTION_TOPIC, CONTRACT_TOPIC, POSE_TOPIC)
POSE_NUMBERS = 7  # an observation begins with position and quaternion of the held piece


def is_bag(path: Path) -> bool:
    """Return True if ``path`` is the folder of a complete bag."""
    return (path / "metadata.yaml").is_file()


def bag_episode(path: Path, task: Task) -> Episode:
    """Return the attempt in a bag, up to its success.

    A bag holds no rewards and no true goal. A piece that is seated at the end of the bag is at its
    goal there, so each step's reward is that of its distance from that pose. The first step that
    comes near enough ends the episode. The last pose of the robot in the bag counts as its end
    where the bag has one: the verdict comes up to a control period after the last observation.

    Raises:
        ConfigurationError: damaged, too short, not of this task's form, or the piece is not seated
            at the end.
    """
    try:
        with BagReader(path) as reader:
            samples = read_samples(reader)
            final = _final_pose(reader)
    except BagError as error:
        raise ConfigurationError(f"demos: {error}") from error
    if len(samples) < 2 or any(len(sample.observation) < POSE_NUMBERS for sample in samples):
        raise ConfigurationError(
            f"demos: {path}: expected two or more observations that begin with a pose, "
            f"got {len(samples)} samples"
        )
    poses = [_pose(sample, path) for sample in samples]
    final = final or poses[-1]
    if not task.is_seated(final):
        raise ConfigurationError(
            f"demos: {path}: expected an attempt that ends with the piece seated, it ends at "
            f"{np.round(final.position, 4).tolist()} m of {task.name}"
        )
    judged = [task.judge(pose, final) for pose in poses[1:]]
    steps = next((k for k, judgement in enumerate(judged, 1) if judgement.success), None)
    if steps is None:
        raise ConfigurationError(
            f"demos: {path}: expected observations up to the success, the last one is at "
            f"{np.round(poses[-1].position, 4).tolist()} m"
        )
    return Episode(
        np.array([sample.observation for sample in samples[: steps + 1]], np.float32),
        np.array([sample.action for sample in samples[:steps]], np.float32),
        np.array([judgement.reward for judgement in judged[:steps]], np.float32),
        terminated=True,
        truncated=False,
        success=True,
    )


def trim_demonstration(source: Path, target: Path) -> None:
    """Copy a demonstration with its observations, actions, contract and poses, compressed.

    Raises:
        BagError: the source cannot be read or lacks one of them, or the target is there already.
    """
    with BagReader(source) as reader:
        topics = [reader.find(name) for name in _TRAINED_FROM]
    copy_bag(source, target, topics=topics)
    if (source / FACTS_FILE).is_file():
        shutil.copyfile(source / FACTS_FILE, target / FACTS_FILE)


def _final_pose(reader: BagReader) -> Pose | None:
    """Return the last pose of the held piece, task frame; None where the bag lacks it."""
    try:
        names = reader.find(POSE_TOPIC), reader.find(CONTRACT_TOPIC)
    except BagError:
        return None
    newest = {topic: message for topic, _, message in reader.messages(*names)}
    pose, contract = (newest.get(name) for name in names)
    if pose is None or contract is None:
        return None
    values = {pair.key: pair.value for pair in contract.values}
    task_frame = [float(text) for text in values.get("task_frame", "").split()]
    p, q = pose.pose.position, pose.pose.orientation
    base_from_tcp = [p.x, p.y, p.z, q.x, q.y, q.z, q.w]
    where = f"demos: {reader.path}"
    base_from_task = Pose.from_sequence(task_frame, where)
    return base_from_task.inverse() @ Pose.from_sequence(base_from_tcp, where)


def _pose(sample: Sample, path: Path) -> Pose:
    return Pose.from_sequence(sample.observation[:POSE_NUMBERS].tolist(), f"demos: {path}")
