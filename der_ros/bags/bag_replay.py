"""Recomputes every action of a recorded attempt from its recorded observation.

The difference is zero if the named policy really ran, or within rounding on another processor.
The comparison runs offline and in bag order, so it is exact and repeatable.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from der_ros.bags.pauses import Pause, paused_ns
from der_ros.bags.reader import BagReader, reading
from der_ros.documents import parse_json
from der_ros.errors import BagError, ContractError
from der_ros.policy.governor import MAX_ACTION_REPEAT
from der_ros.policy.policy_topics import (
    ACTION_TOPIC,
    CONTRACT_TOPIC,
    INFO_TOPIC,
    OBSERVATION_TOPIC,
)
from der_ros.policy.policy_view import Policy, for_attempt

DEFAULT_TOLERANCE = 1e-5
POLICY_MADE = "policy"
"""Kind of the actor in a bag without a person or a script."""
_TICK_DIGITS = 19
_SILENT_NS = 1_000_000_000
_NOT_FINITE = float(np.finfo(np.float32).max)


class ReplayVerdict(str, Enum):
    """Result of a replay: same, different or unusable."""

    SAME = "same"
    DIFFERENT = "different"
    UNUSABLE = "unusable"


@dataclass(frozen=True)
class ReplayReport:
    """The outcome of one replay.

    Attributes:
        bag: Folder of the bag.
        samples: Number of compared pairs of observation and action.
        max_action_difference: Largest absolute difference of any action component, where actions
            are in [-1, 1]; None without samples.
        verdict: Same, different or unusable.
        reason: Why the bag is unusable, or which sample differs most; empty for ``SAME``.
    """

    bag: str
    samples: int
    max_action_difference: float | None
    verdict: ReplayVerdict
    reason: str = ""


class Sample(NamedTuple):
    """Observation and action of one policy tick.

    Attributes:
        observation: Observation, shape (13,), float32.
        action: Action, shape (6,), float32.
        at_ns: Bag time of the observation, ns since the epoch.
    """

    observation: NDArray[np.float32]
    action: NDArray[np.float32]
    at_ns: int


_Numbered: TypeAlias = tuple[int, Sample]


class PolicyInfo(NamedTuple):
    """Identity of the policy that acted in a bag, as stored in the bag.

    Attributes:
        sha256: SHA-256 of the policy file, hexadecimal; empty if a person or a script acted.
        path: Path of the policy file on the recording computer.
        made_by: Kind of the actor: policy, human or scripted.
    """

    sha256: str
    path: str
    made_by: str = POLICY_MADE

    @property
    def is_taught(self) -> bool:
        """True if a person or a script acted in place of a policy."""
        return self.made_by != POLICY_MADE


def read_samples(reader: BagReader) -> list[Sample]:
    """Return the pairs of observation and action, in bag order.

    Messages are paired by the tick in their labels, or by their order if they have none.

    Raises:
        BagError: A topic is missing, a message has no numeric array, array sizes vary, or there
            are no ticks and the numbers of observations and actions differ.
    """
    names = reader.find(OBSERVATION_TOPIC), reader.find(ACTION_TOPIC)
    arrays: tuple[dict[int, Any], dict[int, Any]] = ({}, {})
    without_tick = False
    times_ns: dict[int, int] = {}
    for topic, at_ns, message in reader.messages(*names):
        kind = arrays[names.index(topic)]
        tick = _tick(message)
        without_tick = without_tick or tick is None
        key = len(kind) if tick is None else tick
        kind[key] = _numbers(message, topic, reader)
        if topic == names[0]:
            times_ns[key] = at_ns
    observations, actions = arrays
    if without_tick and len(observations) != len(actions):
        raise BagError(
            f"bag {reader.path}: expected as many actions as observations in a bag without ticks, "
            f"got {len(actions)} and {len(observations)}"
        )
    _refuse_sizes(reader, "observations", observations.values())
    _refuse_sizes(reader, "actions", actions.values())
    return [
        Sample(observation, actions[tick], times_ns[tick])
        for tick, observation in observations.items()
        if tick in actions
    ]


def is_new_attempt(before_ns: int, at_ns: int, pauses: Iterable[Pause]) -> bool:
    """Return True if the policy was activated between two ticks, and so forgot what was before.

    A snapshot may hold several attempts. A policy that is silent for this long ends its attempt.

    Args:
        before_ns: Bag time of a tick, ns since the epoch.
        at_ns: Bag time of the next tick, ns since the epoch.
        pauses: Pauses of the recording, in which ticks are missing.
    """
    return at_ns - before_ns - paused_ns(pauses, before_ns, at_ns) > _SILENT_NS


def read_policy_info(reader: BagReader) -> PolicyInfo | None:
    """Return the last policy named in a bag; None if it names none or the text is malformed."""
    try:
        values = _last_contract(reader) or _last_info(reader)
        made_by = str(values.get("made_by", POLICY_MADE))
        return PolicyInfo(str(values["sha256"]), str(values["path"]), made_by)
    except (BagError, AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None


def read_action_repeat(reader: BagReader) -> int:
    """Return the number of periods for which the policy kept each action; 1 in an older bag.

    Raises:
        BagError: The recorded value is no whole number within the limits.
    """
    text = _last_contract(reader).get("action_repeat", "1")
    if not (text.isdecimal() and len(text) <= 3 and 1 <= int(text) <= MAX_ACTION_REPEAT):
        raise BagError(
            f"bag {reader.path}: {CONTRACT_TOPIC}: action_repeat: expected a whole number from 1 "
            f"to {MAX_ACTION_REPEAT}, got {text!r}"
        )
    return int(text)


def _last_contract(reader: BagReader) -> Mapping[str, str]:
    if not any(topic.endswith(CONTRACT_TOPIC) for topic in reader.topics):
        return {}
    messages = [each.message for each in reader.messages(reader.find(CONTRACT_TOPIC))]
    return {pair.key: pair.value for pair in messages[-1].values} if messages else {}


def _last_info(reader: BagReader) -> Any:
    texts = [each.message.data for each in reader.messages(reader.find(INFO_TOPIC))]
    return parse_json(texts[-1], f"bag {reader.path}: {INFO_TOPIC}")


def replay_policy(
    bag: Path | str | BagReader, policy: Policy, tolerance: float = DEFAULT_TOLERANCE
) -> ReplayReport:
    """Recompute every action of ``bag`` with ``policy``.

    Args:
        bag: Folder of a rosbag2 bag with ``policy/observation`` and ``policy/action``, or its open
            reader.
        policy: Function from an observation (13,) float32 to an action (6,) float32.
        tolerance: Largest absolute difference that counts as the same.

    Returns:
        The report; an unusable bag or policy is reported in its ``reason``, not raised.
    """
    name = str(bag.path if isinstance(bag, BagReader) else bag)
    try:
        with reading(bag) as reader:
            samples = read_samples(reader)
            repeat, pauses = read_action_repeat(reader), reader.pauses()
        if not samples:
            raise BagError(f"bag {name}: expected at least one pair of observation and action")
        differences = [
            each
            for attempt in _attempts(samples, pauses)
            for each in _differences(name, attempt, for_attempt(policy, repeat))
        ]
    except (BagError, ContractError) as error:
        return ReplayReport(name, 0, None, ReplayVerdict.UNUSABLE, str(error))
    worst = int(np.argmax(differences))
    largest = differences[worst]
    if largest <= tolerance:
        return ReplayReport(name, len(samples), largest, ReplayVerdict.SAME)
    sample = f"sample {worst + 1} of {len(samples)}"
    reason = f"{sample} differs by {largest:.3g}, more than {tolerance}"
    if largest == _NOT_FINITE:
        reason = f"{sample}: expected a recorded action of finite numbers, got NaN or infinity"
    return ReplayReport(name, len(samples), largest, ReplayVerdict.DIFFERENT, reason)


def _attempts(samples: Sequence[Sample], pauses: Sequence[Pause]) -> list[list[_Numbered]]:
    """Return the samples, numbered from 1, of each attempt."""
    attempts: list[list[_Numbered]] = []
    before_ns = 0
    for number, sample in enumerate(samples, 1):
        if not attempts or is_new_attempt(before_ns, sample.at_ns, pauses):
            attempts.append([])
        attempts[-1].append((number, sample))
        before_ns = sample.at_ns
    return attempts


def _differences(bag: str, samples: Iterable[_Numbered], policy: Policy) -> Iterable[float]:
    for number, sample in samples:
        try:
            action = policy(sample.observation)
        except ContractError as error:
            raise BagError(f"bag {bag}: sample {number}: {error}") from error
        if action.shape != sample.action.shape:
            raise BagError(
                f"bag {bag}: sample {number}: expected an action of shape {action.shape}, "
                f"got {sample.action.shape}"
            )
        difference = float(np.abs(action - sample.action).max())
        # A recorded NaN counts as the largest difference; JSON has no NaN.
        yield difference if math.isfinite(difference) else _NOT_FINITE


def _tick(message: Any) -> int | None:
    """Return the tick in the label of the array's first dimension, or None."""
    dimensions = getattr(getattr(message, "layout", None), "dim", None)
    if not dimensions:
        return None
    number = str(dimensions[0].label).rpartition(" ")[2]
    return int(number) if number.isdecimal() and len(number) <= _TICK_DIGITS else None


def _numbers(message: Any, topic: str, reader: BagReader) -> NDArray[np.float32]:
    """Return the message's array as float32, of any length.

    Raises:
        BagError: The message has no numeric array.
    """
    data = getattr(message, "data", None)
    if not isinstance(data, np.ndarray) or data.dtype.kind not in "fiu":
        raise BagError(
            f"bag {reader.path}: {topic}: expected arrays of numbers, got {type(message).__name__}"
        )
    with np.errstate(over="ignore"):  # a double beyond float32 becomes an infinity
        return data.astype(np.float32)


def _refuse_sizes(reader: BagReader, kind: str, arrays: Iterable[NDArray[np.float32]]) -> None:
    """Raise a BagError if the arrays differ in size."""
    sizes = sorted({len(array) for array in arrays})
    if len(sizes) > 1:
        raise BagError(f"bag {reader.path}: expected {kind} of one size, got sizes {sizes}")
