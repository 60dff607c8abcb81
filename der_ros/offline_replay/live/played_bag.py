"""A recorded attempt as a live replay plays it: of each tick, the inputs that the policy had.

A running policy ticks at another moment than the recorded one, and would see another pose and
wrench of the stream. So the inputs are played in the portions in which the recorded policy took
them: the pair that it saw in a tick is the newest there is until the next tick. Whenever the
running policy looks in between, its observation is that of the recorded tick, bit for bit.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from der_ros.bags.reader import BagReader
from der_ros.control.watch_lease import WATCHED_TOPIC
from der_ros.errors import BagError
from der_ros.geometry import Pose
from der_ros.offline_replay.attempt_setup import (
    LIMITS_TOPIC,
    POSE_TOPIC,
    WRENCH_TOPIC,
    AttemptSetup,
    first_texts,
    read_setup,
)
from der_ros.offline_replay.cdr_messages import StampedNumbers
from der_ros.offline_replay.recorded_policy import policy_of_bag
from der_ros.offline_replay.recorded_stream import RecordedStream, Tick
from der_ros.offline_replay.tick_replay import InputMatcher
from der_ros.parameters.policy_server import InputParameters
from der_ros.policy.policy_topics import CONTRACT_TOPIC

PLAYED_TOPICS = (POSE_TOPIC, WRENCH_TOPIC, LIMITS_TOPIC, WATCHED_TOPIC)
"""Topics that the player publishes in place of a robot, a sensor and a supervisor."""
PLAYER = "bag_player"
LONGEST_GAP_S = 60.0
"""Longest recorded time between two ticks."""
_WATCH_TIMEOUT_S = 0.5
_TICKS_UNTIL_STALE = 2.0
# The bag tells the numbers that the policy saw, not which of several equal messages held them; they
# are looked for among those of the last 0.15 s.
_STAMP_DIFFERENCE_S = 0.2
REPLAY_NAMESPACE = "replay"


class PlayedTick(NamedTuple):
    """One tick of the recorded policy.

    Attributes:
        at_s: recorded time since the first tick.
        pose: that the policy saw.
        wrench: that the policy saw.
        observation: (13,) float32.
        action: (6,) float32.
        is_known: pose and wrench give the observation bit for bit.
    """

    at_s: float
    pose: StampedNumbers
    wrench: StampedNumbers
    observation: NDArray[np.float32]
    action: NDArray[np.float32]
    is_known: bool


class PolicyFacts(NamedTuple):
    """Recorded facts about the policy that acted.

    Attributes:
        control_dt_s: period of its ticks.
        action_limits: (6,) m/s and rad/s that an action of one means.
        longest_lag: ticks back to the earliest observation that it remembers; 0: none.
    """

    control_dt_s: float
    action_limits: tuple[float, ...]
    longest_lag: int


class PlayedBag(NamedTuple):
    """A recorded attempt.

    Attributes:
        bag: its folder.
        setup: task, frames and limits.
        policy: that acted.
        ticks: in their order; at least one.
        start_ns: bag time of the first tick.
    """

    bag: Path
    setup: AttemptSetup
    policy: PolicyFacts
    ticks: tuple[PlayedTick, ...]
    start_ns: int


def read_played_bag(bag: Path) -> PlayedBag:
    """Return the attempt in a bag.

    Raises:
        BagError: the bag cannot be read, lacks something, or its clock goes back or stands still
            for longer than ``LONGEST_GAP_S``.
    """
    with BagReader(bag) as reader:
        setup, policy = read_setup(reader), _policy_facts(reader)
        found = _read_ticks(reader, setup)
    if not found:
        raise BagError(f"bag {bag}: expected ticks of a policy with its inputs, there is none")
    start_ns = found[0][0]
    ticks = tuple(tick._replace(at_s=1e-9 * (at_ns - start_ns)) for at_ns, tick in found)
    _refuse_times(bag, ticks)
    return PlayedBag(bag, setup, policy, ticks, start_ns)


def server_parameters(reader: BagReader, rate: float, policy_file: str = "") -> dict[str, object]:
    """Return the parameters with which ``policy_server`` takes a bag that is played at ``rate``.

    Its input timeouts grow as the bag is played slower, and its rightful sources are the player.

    Args:
        reader: of the bag, open.
        rate: recorded seconds that are played in a second.
        policy_file: that answers; empty: the one that acted in the bag.

    Raises:
        BagError: the bag lacks something.
        ConfigurationError: the policy that acted is not on this computer.
    """
    setup, policy = read_setup(reader), _policy_facts(reader)
    timeout_s = stale_after_s(policy.control_dt_s, rate)
    return {
        "policy": policy_file or str(policy_of_bag(reader)),
        "task": setup.task,
        "task_frame": _seven(setup.base_from_task),
        "tcp_from_sensor": _seven(setup.tcp_from_sensor),
        "base_frame": setup.base_frame,
        "pose_timeout_s": timeout_s,
        "wrench_timeout_s": timeout_s,
        "max_stamp_difference_s": _STAMP_DIFFERENCE_S,
        "watch_timeout_s": _WATCH_TIMEOUT_S,
        "rightful_sources": [f"{topic} {PLAYER}" for topic in PLAYED_TOPICS],
    }


def stale_after_s(control_dt_s: float, rate: float) -> float:
    """Return the age at which an input is stale while a bag is played at ``rate``, s."""
    limits = InputParameters()
    usual_s = max(limits.pose_timeout_s, limits.wrench_timeout_s)
    return max(usual_s, _TICKS_UNTIL_STALE * control_dt_s) / min(1.0, rate)


def namespace_problem(namespace: str) -> str:
    """Return why nothing may be replayed in a namespace; empty if it may.

    A bridge takes commands from the ``policy_server`` of its own namespace, so a replay needs one
    that no robot's nodes are in.
    """
    if REPLAY_NAMESPACE in namespace.split("/"):
        return ""
    return (
        f"namespace: expected '{REPLAY_NAMESPACE}' or one with that name in it, such as "
        f"cell_1/{REPLAY_NAMESPACE}, got '{namespace or '/'}', where a robot's bridge would take "
        "the replayed commands"
    )


def _read_ticks(reader: BagReader, setup: AttemptSetup) -> list[tuple[int, PlayedTick]]:
    stream, matcher = RecordedStream(reader, setup.topics), InputMatcher(setup)
    found = []
    for event in stream:
        if not isinstance(event, Tick):
            continue
        seen = matcher.find(event, stream.window)
        if seen.pose is not None and seen.wrench is not None:
            pose, wrench = seen.pose.numbers, seen.wrench.numbers
            tick = PlayedTick(0.0, pose, wrench, event.observation, event.action, seen.matched)
            found.append((event.at_ns, tick))
    return found


def _policy_facts(reader: BagReader) -> PolicyFacts:
    texts = first_texts(reader, CONTRACT_TOPIC)
    try:
        return PolicyFacts(
            float(texts["contract.control_dt_s"]),
            tuple(map(float, texts["contract.action_limits"].split())),
            max(map(int, texts.get("contract.history", "").split()), default=0),
        )
    except (KeyError, ValueError) as error:
        raise BagError(
            f"bag {reader.path}: {CONTRACT_TOPIC}: expected control_dt_s and action_limits, got "
            f"an error: {error!r}"
        ) from error


def _refuse_times(bag: Path, ticks: tuple[PlayedTick, ...]) -> None:
    for before, after in pairwise(ticks):
        gap_s = after.at_s - before.at_s
        if not 0.0 <= gap_s <= LONGEST_GAP_S:
            raise BagError(
                f"bag {bag}: expected ticks in order and at most {LONGEST_GAP_S:g} s apart, got "
                f"one {gap_s:.3f} s after that at {before.at_s:.3f} s"
            )


def _seven(pose: Pose) -> list[float]:
    return [*pose.position.tolist(), *pose.quaternion.tolist()]
