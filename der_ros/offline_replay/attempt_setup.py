"""Setup of a recorded attempt: task, frames, limits and result, read from its small topics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice, pairwise
from statistics import median
from typing import Any

from der_ros.bags.bag_replay import read_action_repeat
from der_ros.bags.reader import BagReader
from der_ros.control.frame_names import BASE_FRAME
from der_ros.documents import numbers_of_text, shortened
from der_ros.errors import BagError, ConfigurationError, ContractError
from der_ros.geometry import Pose
from der_ros.offline_replay.cdr_messages import decode_pose
from der_ros.offline_replay.reported_faults import ReportedFault, diagnostics_topic, reported_faults
from der_ros.policy.attempt import Outcome
from der_ros.policy.governor import GovernorLimits
from der_ros.policy.limits import recorded_limits
from der_ros.policy.policy_topics import ACTION_TOPIC, CONTRACT_TOPIC, OBSERVATION_TOPIC
from der_ros.tasks import make_task

POSE_TOPIC, WRENCH_TOPIC = "kuka/tcp_pose", "netft_data"
APPLIED_TOPIC, COMMAND_TOPIC = "kuka/twist_applied", "kuka/delta_twist_cmds"
CYCLE_TOPIC = "kuka/cycle_inputs"
"""Topic with the bridge's cycle inputs; missing from early bags and those of other recorders."""
LIMITS_TOPIC, RESULT_TOPIC = "kuka/limits", "assembly_supervisor/result"
STREAMED = (
    POSE_TOPIC,
    WRENCH_TOPIC,
    APPLIED_TOPIC,
    COMMAND_TOPIC,
    OBSERVATION_TOPIC,
    ACTION_TOPIC,
)
"""Topics that a replay reads message by message."""

_ARRAYS = dict.fromkeys((OBSERVATION_TOPIC, ACTION_TOPIC), "std_msgs/msg/Float32MultiArray")
_MOST_POSES = 400
_PAUSE_CYCLES = 2.5
_LONGEST_CYCLE_S = 1.0
_LONGEST_S = 1e6
_MOST_DIAGNOSTICS = 100


@dataclass(frozen=True)
class RecordedResult:
    """Verdict recorded in the bag.

    Attributes:
        outcome: Outcome, with the values used in ``attempts.jsonl``.
        reason: Reason of the outcome, one sentence.
        began_ns: Bag time of the start of the attempt.
        ended_ns: Bag time of the verdict.
        is_home: True if success means home; False in early bags, where it means depth.
    """

    outcome: str
    reason: str
    began_ns: int
    ended_ns: int
    is_home: bool = True


@dataclass(frozen=True)
class AttemptSetup:
    """Task, frames and limits of a recorded attempt.

    Attributes:
        task: Name of the task.
        base_from_task: Pose of the task frame in the robot's base.
        tcp_from_sensor: Pose of the sensor in the frame of the held piece.
        limits: Initial limits of the motion governor.
        topics: Full topic names by the short names in ``STREAMED``, with ``CYCLE_TOPIC`` if
            recorded.
        result: Recorded verdict; None if there is none.
        base_frame: Name of the robot's base frame in the recorded poses.
        cycle_s: Cycle time of the robot, s, from the bridge's diagnostics; otherwise the mean stamp
            difference of the first poses without pauses, in whole ms.
        reported: Errors that the nodes reported, if the recorded verdict is a fault.
        action_limits: Twist at action 1, (6,) m/s and rad/s; empty if the contract lacks it.
        action_repeat: Number of control periods for which the policy kept each action.
    """

    task: str
    base_from_task: Pose
    tcp_from_sensor: Pose
    limits: GovernorLimits
    topics: Mapping[str, str]
    result: RecordedResult | None
    base_frame: str = BASE_FRAME
    cycle_s: float = 0.012
    reported: tuple[ReportedFault, ...] = ()
    action_limits: tuple[float, ...] = ()
    action_repeat: int = 1

    @property
    def stopped(self) -> str:
        """Reason for which the attempt was aborted; empty if it was not."""
        result = self.result
        is_aborted = result is not None and result.outcome == Outcome.ABORTED.value
        return result.reason if result is not None and is_aborted else ""


def is_attempt(reader: BagReader) -> bool:
    """Return True if the bag holds wrenches, poses or twists, not only policy topics."""
    wanted = (POSE_TOPIC, WRENCH_TOPIC, APPLIED_TOPIC)
    return any(topic.endswith(name) for topic in reader.topics for name in wanted)


def read_setup(reader: BagReader) -> AttemptSetup:
    """Return the setup of the attempt in an open bag.

    Raises:
        BagError: A topic is missing, or a value in it is invalid.
    """
    topics = {name: reader.find(name, _ARRAYS.get(name, "")) for name in STREAMED}
    if reader.has(CYCLE_TOPIC):
        topics[CYCLE_TOPIC] = reader.find(CYCLE_TOPIC)
    contract = first_texts(reader, CONTRACT_TOPIC)
    base_frame, cycle_s = _poses(reader, topics[POSE_TOPIC])
    result = _result(reader)
    is_fault = result is not None and result.outcome == Outcome.FAULT.value
    try:
        return AttemptSetup(
            _known_task(contract["contract.task"]),
            _pose(contract["task_frame"], "task_frame"),
            _pose(contract["tcp_from_sensor"], "tcp_from_sensor"),
            recorded_limits(first_texts(reader, LIMITS_TOPIC)),
            topics,
            result,
            base_frame,
            _reported_cycle_s(reader) or cycle_s,
            reported_faults(reader) if is_fault else (),
            _action_limits(contract.get("contract.action_limits", "")),
            read_action_repeat(reader),
        )
    except KeyError as error:
        raise BagError(
            f"bag {reader.path}: {CONTRACT_TOPIC}: expected a key {error}, there is none; it was "
            "recorded by another release"
        ) from error
    except BagError:
        raise
    except (ConfigurationError, ContractError, ValueError) as error:
        raise BagError(f"bag {reader.path}: {error}") from error


def _known_task(name: str) -> str:
    make_task(name)  # refuses a name that this release does not know
    return name


def _pose(text: str, name: str) -> Pose:
    name = f"{CONTRACT_TOPIC}: {name}"
    return Pose.from_sequence(numbers_of_text(name, text, 7), name)


def _action_limits(text: str) -> tuple[float, ...]:
    name = f"{CONTRACT_TOPIC}: contract.action_limits"
    return numbers_of_text(name, text, 6) if text else ()


def _poses(reader: BagReader, topic: str) -> tuple[str, float]:
    """Return the frame of the first pose, and the robot's mean cycle time, s, in whole ms."""
    messages = islice(reader.serialized(topic), _MOST_POSES)
    try:
        first = [decode_pose(each.message) for each in messages]
    except BagError as error:
        raise BagError(f"bag {reader.path}: {topic}: {error}") from error
    if len(first) < 2:
        raise BagError(f"bag {reader.path}: {topic}: expected poses, got {len(first)}")
    stamps = [pose.stamp_ns for pose in first]
    steps = [1e-6 * (after - before) for before, after in pairwise(stamps) if after >= before]
    usual = [step for step in steps if step < _PAUSE_CYCLES * median(steps)]
    return first[0].frame_id, 0.001 * (round(sum(usual) / len(usual)) if usual else 12)


def _reported_cycle_s(reader: BagReader) -> float:
    """Return the robot's cycle time, s, from the first diagnostics with it; 0 if there are none."""
    topic = diagnostics_topic(reader)
    if not topic:
        return 0.0
    for each in islice(reader.messages(topic), _MOST_DIAGNOSTICS):
        for status in each.message.status:
            if status.name.endswith("kuka_bridge: motion"):
                text = _pairs(status).get("cycle_s", "0")
                (cycle_s,) = numbers_of_text(f"{topic}: cycle_s", text, 1)
                if not 0.0 <= cycle_s <= _LONGEST_CYCLE_S:
                    raise BagError(
                        f"bag {reader.path}: {topic}: expected a cycle_s of 0 to "
                        f"{_LONGEST_CYCLE_S:g} s, got {shortened(text)}"
                    )
                return cycle_s
    return 0.0


def first_texts(reader: BagReader, topic: str) -> dict[str, str]:
    """Return the key-value pairs of the first message of a ``DiagnosticStatus`` topic.

    Raises:
        BagError: The topic has no message.
    """
    for each in reader.messages(reader.find(topic)):
        return _pairs(each.message)
    raise BagError(f"bag {reader.path}: {topic}: expected a message, there is none")


def _pairs(message: Any) -> dict[str, str]:
    return {pair.key: pair.value for pair in message.values}


def _result(reader: BagReader) -> RecordedResult | None:
    if not reader.has(RESULT_TOPIC):
        return None
    found = None
    for each in reader.messages(reader.find(RESULT_TOPIC)):
        texts = _pairs(each.message)
        where = f"bag {reader.path}: {RESULT_TOPIC}"
        try:
            outcome, reason, text = texts["outcome"], texts["reason"], texts["duration_s"]
            (duration_s,) = numbers_of_text(f"{where}: duration_s", text, 1)
        except KeyError as error:
            raise BagError(
                f"{where}: expected duration_s, outcome and reason of an attempt, "
                f"got {shortened(texts)}"
            ) from error
        except ConfigurationError as error:
            raise BagError(str(error)) from error
        if not 0.0 <= duration_s <= _LONGEST_S:
            raise BagError(
                f"{where}: duration_s: expected 0 to {_LONGEST_S:g} s, got {shortened(text)}"
            )
        began_ns = each.stamp_ns - int(1e9 * duration_s)
        found = RecordedResult(outcome, reason, began_ns, each.stamp_ns, "final_depth_m" in texts)
    return found
