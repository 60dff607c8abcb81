"""Conversion of a deployment bag to a demonstration with the task's rewards."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from der_ros.bags.bag_copy import copy_bag
from der_ros.bags.bag_replay import Sample, read_samples
from der_ros.bags.black_box import REASON
from der_ros.bags.demonstrations import FACTS_FILE, read_facts
from der_ros.bags.reader import BagReader
from der_ros.documents import numbers_of_text, shortened
from der_ros.errors import BagError, ConfigurationError
from der_ros.geometry import Pose
from der_ros.policy.attempt import Outcome
from der_ros.policy.policy_topics import ACTION_TOPIC, CONTRACT_TOPIC, OBSERVATION_TOPIC
from der_ros.replay.transitions import Episode
from der_ros.tasks.base import Task

POSE_TOPIC, RESULT_TOPIC = "kuka/tcp_pose", "assembly_supervisor/result"
_TRAINED_FROM = (OBSERVATION_TOPIC, ACTION_TOPIC, CONTRACT_TOPIC, POSE_TOPIC)
# m, N or Nm; no piece is that far, and no sensor measures as much.
_ABSURD = 1e6
_LONGEST_S = 10.0
POSE_NUMBERS = 7  # an observation begins with position and quaternion of the held piece


def is_bag(path: Path) -> bool:
    """Return True if ``path`` is the folder of a complete bag."""
    return (path / "metadata.yaml").is_file()


def recorded_failure(path: Path) -> str:
    """Return why a bag is no demonstration, as its recorder states; empty if it may be one.

    Raises:
        ConfigurationError: The bag is damaged, or its verdict has another type.
    """
    try:
        with BagReader(path) as reader:
            if REASON in reader.custom_data():
                return "a snapshot"
            if not reader.has(RESULT_TOPIC):
                return ""
            *_, verdict = reader.messages(reader.find(RESULT_TOPIC))
    except BagError as error:
        raise ConfigurationError(f"demos: {error}") from error
    values = {pair.key: str(pair.value) for pair in verdict.message.values}
    outcome = values.get("outcome", "")
    return "" if outcome in ("", Outcome.SUCCESS.value) else f"its attempt ended in {outcome}"


def bag_episode(path: Path, task: Task) -> Episode:
    """Return the attempt in a bag, up to its success.

    A bag holds no rewards and no true goal. If the piece is seated at the end of the bag, its final
    pose is taken as the goal, and each step's reward follows from the distance to that pose. The
    first step within the tolerance ends the episode. The final pose is the robot's last pose in the
    bag, if any. The verdict may come up to one control period after the last observation; therefore
    a pose within the tolerance, up to two periods after the last action, ends the last step.

    Raises:
        ConfigurationError: The bag is damaged, too short or of another form than the task's, or the
            piece is not seated at the end.
    """
    try:
        with BagReader(path) as reader:
            samples, end = read_samples(reader), _end(reader)
    except BagError as error:
        raise ConfigurationError(f"demos: {error}") from error
    if len(samples) < 2 or any(len(sample.observation) < POSE_NUMBERS for sample in samples):
        raise ConfigurationError(
            f"demos: {path}: expected two or more observations that begin with a pose, "
            f"got {len(samples)} samples"
        )
    for number, sample in enumerate(samples, 1):
        _refuse_absurd(f"demos: {path}: sample {number}", sample)
    poses = [_pose(sample, path) for sample in samples]
    final = end.final or poses[-1]
    if not task.is_seated(final):
        raise ConfigurationError(
            f"demos: {path}: expected an attempt that ends with the piece seated, it ends at "
            f"{np.round(final.position, 4).tolist()} m of {task.name}"
        )
    reached = next((pose for pose in end.behind if task.judge(pose, final).success), None)
    if reached is not None:
        samples, poses = [*samples, _moved(samples[-1], reached)], [*poses, reached]
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


def _refuse_absurd(where: str, sample: Sample) -> None:
    """Raise a ConfigurationError if the sample cannot be an observation and an action."""
    for name, numbers in (("observation", sample.observation), ("action", sample.action)):
        if not bool((np.abs(numbers) <= _ABSURD).all()):  # also true of NaN
            raise ConfigurationError(
                f"{where}: expected an {name} of finite numbers of at most {_ABSURD:g}, "
                f"got {shortened(numbers.tolist())}"
            )


def trim_demonstration(source: Path, target: Path) -> None:
    """Copy a demonstration with its observations, actions, contract and poses, compressed.

    Raises:
        BagError: The source cannot be read or lacks one of them, or the target exists.
        ConfigurationError: The facts about the demonstration are damaged.
    """
    read_facts(source)
    with BagReader(source) as reader:
        topics = [reader.find(name) for name in _TRAINED_FROM]
    copy_bag(source, target, topics=topics)
    if (source / FACTS_FILE).is_file():
        shutil.copyfile(source / FACTS_FILE, target / FACTS_FILE)


class _End(NamedTuple):
    """Poses of the held piece at the end of a bag, task frame.

    Attributes:
        final: Last pose; None if the bag holds no poses.
        behind: Poses within two control periods after the last action.
    """

    final: Pose | None = None
    behind: tuple[Pose, ...] = ()


def _end(reader: BagReader) -> _End:
    """Return the poses at the end of the bag; empty if it lacks poses or contract."""
    try:
        names = [reader.find(name) for name in (POSE_TOPIC, CONTRACT_TOPIC, ACTION_TOPIC)]
    except BagError:
        return _End()
    contract, acted_ns, behind = None, 0, list[tuple[int, Any]]()
    for topic, stamp_ns, message in reader.messages(*names):
        if topic == names[1]:
            contract = message
        elif topic == names[2]:
            acted_ns, behind = stamp_ns, behind[-1:]
        else:
            behind.append((stamp_ns, message))
    if contract is None or not behind:
        return _End()
    values = {pair.key: pair.value for pair in contract.values}
    where = f"demos: {reader.path}"
    topic = f"{where}: {CONTRACT_TOPIC}"
    task_frame = numbers_of_text(f"{topic}: task_frame", values.get("task_frame", ""), 7)
    task_from_base = Pose.from_sequence(task_frame, f"{topic}: task_frame").inverse()
    name = "contract.control_dt_s"
    (period_s,) = numbers_of_text(f"{topic}: {name}", values.get(name, "0"), 1)
    if not 0.0 <= period_s <= _LONGEST_S:
        raise ConfigurationError(
            f"{topic}: {name}: expected 0 to {_LONGEST_S:g} s, got {period_s:g}"
        )
    last_ns = acted_ns + int(2e9 * period_s)
    poses = [
        (at_ns, task_from_base @ _measured(_seven(message.pose), f"{where}: {POSE_TOPIC}"))
        for at_ns, message in behind
    ]
    near = tuple(pose for at_ns, pose in poses if acted_ns < at_ns <= last_ns)
    return _End(poses[-1][1], near)


def _measured(numbers: list[float], where: str) -> Pose:
    """Return a pose of the robot.

    Raises:
        ConfigurationError: The numbers are no pose, or absurdly large.
    """
    if max(map(abs, numbers)) > _ABSURD:
        raise ConfigurationError(
            f"{where}: expected numbers of at most {_ABSURD:g}, got {shortened(numbers)}"
        )
    return Pose.from_sequence(numbers, where)


def _seven(pose: Any) -> list[float]:
    p, q = pose.position, pose.orientation
    return [p.x, p.y, p.z, q.x, q.y, q.z, q.w]


def _moved(sample: Sample, pose: Pose) -> Sample:
    """Return the sample at another position; a step hardly turns the piece."""
    observation = sample.observation.copy()
    observation[:3] = pose.position
    return Sample(observation, sample.action, sample.at_ns)


def _pose(sample: Sample, path: Path) -> Pose:
    name = f"demos: {path}: {OBSERVATION_TOPIC}"
    return Pose.from_sequence(sample.observation[:POSE_NUMBERS].tolist(), name)
