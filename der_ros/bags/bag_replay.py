"""Recomputes every action of a recorded attempt from its recorded observation.

A deployment that really ran the policy it names gives differences of zero, or of rounding on
another processor. The comparison is offline and in bag order, so it is exact and repeatable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from der_ros.bags.reader import BagReader, reading
from der_ros.documents import parse_json
from der_ros.errors import BagError, ContractError
from der_ros.policy.policy_view import for_attempt

OBSERVATION_TOPIC, ACTION_TOPIC = "policy/observation", "policy/action"
CONTRACT_TOPIC = "policy/contract"
INFO_TOPIC = "policy/info"
"""The same as ``CONTRACT_TOPIC``, as JSON text: bags of release 0.1 have only this."""
DEFAULT_TOLERANCE = 1e-5
_TICK_DIGITS = 19
Policy: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class ReplayVerdict(str, Enum):
    """Result of a replay: same, different or unusable."""

    SAME = "same"
    DIFFERENT = "different"
    UNUSABLE = "unusable"


@dataclass(frozen=True)
class ReplayReport:
    """The outcome of one replay.

    Attributes:
        bag: its folder.
        samples: pairs of observation and action that were compared.
        max_action_difference: largest absolute difference of any action's component, of [-1, 1];
            None without a sample.
        verdict: same, different or unusable.
        reason: why it is unusable or where it differs most; empty when same.
    """

    bag: str
    samples: int
    max_action_difference: float | None
    verdict: ReplayVerdict
    reason: str = ""


class Sample(NamedTuple):
    """Observation (13,) and action (6,) of the policy in one tick, float32."""

    observation: NDArray[np.float32]
    action: NDArray[np.float32]


class PolicyInfo(NamedTuple):
    """Description of the policy that acted in a bag, as the bag holds it."""

    sha256: str
    path: str


def tick_label(kind: str, tick: int) -> str:
    """Return the label of an array's dimension that ties an action to its observation."""
    return f"{kind} {tick}"


def read_samples(reader: BagReader) -> list[Sample]:
    """Return the pairs of observation and action, in bag order.

    Messages are paired by the tick in their labels, or where there is none by their order.

    Raises:
        BagError: a topic is missing, holds no arrays of numbers of one size, or the numbers of
            messages without ticks differ.
    """
    names = reader.find(OBSERVATION_TOPIC), reader.find(ACTION_TOPIC)
    arrays: tuple[dict[int, Any], dict[int, Any]] = ({}, {})
    without_tick = False
    for topic, _, message in reader.messages(*names):
        kind = arrays[names.index(topic)]
        tick = _tick(message)
        without_tick = without_tick or tick is None
        kind[len(kind) if tick is None else tick] = _numbers(message, topic, reader)
    observations, actions = arrays
    if without_tick and len(observations) != len(actions):
        raise BagError(
            f"bag {reader.path}: expected as many actions as observations, "
            f"got {len(actions)} and {len(observations)} without ticks to pair them by"
        )
    _refuse_sizes(reader, "observations", observations.values())
    _refuse_sizes(reader, "actions", actions.values())
    return [Sample(observations[tick], actions[tick]) for tick in observations if tick in actions]


def read_policy_info(reader: BagReader) -> PolicyInfo | None:
    """Return the last policy that a bag names; None where it names none that can be read."""
    try:
        values = _last_contract(reader) or _last_info(reader)
        return PolicyInfo(str(values["sha256"]), str(values["path"]))
    except (BagError, AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None


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
        bag: a rosbag2 folder with ``policy/observation`` and ``policy/action``, or its open reader.
        policy: (13,) float32 to (6,) float32.
        tolerance: largest difference that still counts as the same.

    Returns:
        The report; what is wrong with the bag is in its ``reason``, nothing is raised for it.
    """
    name = str(bag.path if isinstance(bag, BagReader) else bag)
    try:
        with reading(bag) as reader:
            samples = read_samples(reader)
        policy = for_attempt(policy)
        if not samples:
            raise BagError(f"bag {name}: expected at least one pair of observation and action")
        differences = list(_differences(samples, policy))
    except (BagError, ContractError) as error:
        return ReplayReport(name, 0, None, ReplayVerdict.UNUSABLE, str(error))
    worst = int(np.argmax(differences))
    largest = differences[worst]
    if largest <= tolerance:
        return ReplayReport(name, len(samples), largest, ReplayVerdict.SAME)
    reason = f"sample {worst + 1} of {len(samples)} differs by {largest:.3g}, more than {tolerance}"
    return ReplayReport(name, len(samples), largest, ReplayVerdict.DIFFERENT, reason)


def _differences(samples: Iterable[Sample], policy: Policy) -> Iterable[float]:
    for number, sample in enumerate(samples, 1):
        action = policy(sample.observation)
        if action.shape != sample.action.shape:
            raise BagError(
                f"sample {number}: expected an action of shape {action.shape}, "
                f"got {sample.action.shape}"
            )
        difference = float(np.abs(action - sample.action).max())
        # A recorded NaN is as different as can be, and JSON knows no NaN.
        yield difference if math.isfinite(difference) else float(np.finfo(np.float32).max)


def _tick(message: Any) -> int | None:
    """Return the tick in the label of the array's first dimension."""
    dimensions = getattr(getattr(message, "layout", None), "dim", None)
    if not dimensions:
        return None
    number = str(dimensions[0].label).rpartition(" ")[2]
    return int(number) if number.isdecimal() and len(number) <= _TICK_DIGITS else None


def _numbers(message: Any, topic: str, reader: BagReader) -> NDArray[np.float32]:
    """Return the message's array, of whatever length.

    Raises:
        BagError: it has none.
    """
    data = getattr(message, "data", None)
    if not isinstance(data, np.ndarray) or data.dtype.kind not in "fiu":
        raise BagError(
            f"bag {reader.path}: {topic}: expected arrays of numbers, got {type(message).__name__}"
        )
    with np.errstate(over="ignore"):  # a double beyond float32 becomes an infinity
        return data.astype(np.float32)


def _refuse_sizes(reader: BagReader, kind: str, arrays: Iterable[NDArray[np.float32]]) -> None:
    """Raise a BagError where the arrays are not all of one size."""
    sizes = sorted({len(array) for array in arrays})
    if len(sizes) > 1:
        raise BagError(f"bag {reader.path}: expected {kind} of one size, got sizes {sizes}")
