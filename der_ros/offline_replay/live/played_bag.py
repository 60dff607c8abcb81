"""A recorded attempt for live replay: the inputs of each recorded policy tick.

A running policy ticks at other moments than the recorded one and would see other poses and wrenches
of the stream. So the inputs are played tick by tick: the pair that the recorded policy used in a
tick stays the newest until the next tick. At any moment in between, the running policy's
observation is bit-identical to that of the recorded tick.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from der_ros.bags.pauses import Pause, paused_ns
from der_ros.bags.reader import BagReader
from der_ros.control.watch_lease import WATCHED_TOPIC
from der_ros.errors import BagError
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
from der_ros.offline_replay.tick_replay import RECENT_NS, InputMatcher
from der_ros.parameters.policy_server import InputParameters
from der_ros.policy.policy_topics import CONTRACT_TOPIC

PLAYED_TOPICS = (POSE_TOPIC, WRENCH_TOPIC, LIMITS_TOPIC, WATCHED_TOPIC)
"""Topics that the player publishes in place of robot, sensor and supervisor."""
PLAYER = "bag_player"
LONGEST_GAP_S = 60.0
"""Longest accepted time between two recorded ticks, s."""
_WATCH_TIMEOUT_S = 0.5
_TICKS_UNTIL_STALE = 2.0
# The bag does not tell which of several equal messages the policy used; they are searched
# among those of the last 0.15 s.
_STAMP_DIFFERENCE_S = 0.2
REPLAY_NAMESPACE = "replay"


class PlayedTick(NamedTuple):
    """One tick of the recorded policy.

    Attributes:
        at_s: Recorded time since the first tick, s.
        pose: Pose that the policy used.
        wrench: Wrench that the policy used.
        observation: Observation, shape (13,), float32.
        action: Action, shape (6,), float32.
        is_known: True if pose and wrench reproduce the observation bit for bit.
        follows_pause: True for the first tick after a pause of the recording.
    """

    at_s: float
    pose: StampedNumbers
    wrench: StampedNumbers
    observation: NDArray[np.float32]
    action: NDArray[np.float32]
    is_known: bool
    follows_pause: bool = False


class PolicyFacts(NamedTuple):
    """Contract values of the recorded policy.

    Attributes:
        control_dt_s: Period of its ticks, s.
        action_limits: Twist at action 1, (6,) m/s and rad/s.
        longest_lag: Age of the oldest remembered observation, ticks; 0 without memory.
    """

    control_dt_s: float
    action_limits: tuple[float, ...]
    longest_lag: int


class PlayedBag(NamedTuple):
    """A recorded attempt, ready to be played.

    Attributes:
        bag: Folder of the bag.
        setup: Task, frames and limits.
        policy: Contract values of the recorded policy.
        ticks: Ticks in order, at least one.
        start_ns: Bag time of the first tick.
        pauses: Times in which the recording was paused; nothing is played in them.
    """

    bag: Path
    setup: AttemptSetup
    policy: PolicyFacts
    ticks: tuple[PlayedTick, ...]
    start_ns: int
    pauses: tuple[Pause, ...] = ()

    def pause_at(self, position_s: float) -> Pause | None:
        """Return the pause at ``position_s`` after the first tick; None if there is none."""
        at_ns = self.start_ns + round(1e9 * position_s)
        return next((each for each in self.pauses if each.begin_ns <= at_ns < each.end_ns), None)


def read_played_bag(bag: Path) -> PlayedBag:
    """Read the attempt in a bag for live replay.

    Raises:
        BagError: The bag cannot be read, lacks something, or its ticks are out of order or more
            than ``LONGEST_GAP_S`` apart, pauses of the recording not counted.
    """
    with BagReader(bag) as reader:
        setup, policy = read_setup(reader), _policy_facts(reader)
        found, pauses = _read_ticks(reader, setup), reader.pauses()
    if not found:
        raise BagError(f"bag {bag}: expected ticks of a policy with its inputs, there is none")
    start_ns = found[0][0]
    ticks = tuple(tick._replace(at_s=1e-9 * (at_ns - start_ns)) for at_ns, tick in found)
    _refuse_times(bag, found, pauses)
    return PlayedBag(bag, setup, policy, ticks, start_ns, pauses)


def server_parameters(reader: BagReader, rate: float, policy_file: str = "") -> dict[str, object]:
    """Return the parameters of a ``policy_server`` for a bag that is played at ``rate``.

    Its input timeouts are longer for slower playback, and its ``rightful_sources`` name the player.

    Args:
        reader: Open reader of the bag.
        rate: Playback rate, recorded seconds per second.
        policy_file: Policy file that answers; empty uses the recorded policy.

    Raises:
        BagError: The bag lacks something.
        ConfigurationError: The recorded policy is not on this computer.
    """
    setup, policy = read_setup(reader), _policy_facts(reader)
    timeout_s = stale_after_s(policy.control_dt_s, rate)
    return {
        "policy": policy_file or str(policy_of_bag(reader)),
        "task": setup.task,
        "task_frame": setup.base_from_task.to_sequence(),
        "tcp_from_sensor": setup.tcp_from_sensor.to_sequence(),
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
    """Return the reason why a namespace cannot be used for a replay; empty if it can.

    A bridge takes commands from the ``policy_server`` of its own namespace, so a replay needs a
    namespace without a robot's nodes.
    """
    if REPLAY_NAMESPACE in namespace.split("/"):
        return ""
    return (
        f"namespace: expected '{REPLAY_NAMESPACE}' or one with that name in it, such as "
        f"cell_1/{REPLAY_NAMESPACE}, got '{namespace or '/'}', where a robot's bridge would take "
        "the replayed commands"
    )


def _read_ticks(reader: BagReader, setup: AttemptSetup) -> list[tuple[int, PlayedTick]]:
    stream = RecordedStream(reader, setup.topics, setup.action_limits)
    matcher = InputMatcher(setup)
    found: list[tuple[int, PlayedTick]] = []
    pauses, before_ns = reader.pauses(), 0
    for event in stream:
        if not isinstance(event, Tick):
            continue
        seen = matcher.find(event, stream.window)
        if seen.pose is None or seen.wrench is None:
            continue
        ended_ns = max((each.end_ns for each in pauses if each.end_ns <= event.at_ns), default=0)
        if not seen.matched and ended_ns > event.at_ns - RECENT_NS:
            continue  # its inputs came during the pause
        pose, wrench = seen.pose.numbers, seen.wrench.numbers
        follows = bool(found) and ended_ns > before_ns
        known = seen.matched
        tick = PlayedTick(0.0, pose, wrench, event.observation, event.action, known, follows)
        found.append((event.at_ns, tick))
        before_ns = event.at_ns
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


def _refuse_times(
    bag: Path, ticks: Sequence[tuple[int, PlayedTick]], pauses: Iterable[Pause]
) -> None:
    pauses, start_ns = tuple(pauses), ticks[0][0]
    for (before_ns, _), (after_ns, _) in pairwise(ticks):
        gap_s = 1e-9 * (after_ns - before_ns - paused_ns(pauses, before_ns, after_ns))
        if not 0.0 <= gap_s <= LONGEST_GAP_S:
            raise BagError(
                f"bag {bag}: expected ticks in order and at most {LONGEST_GAP_S:g} s apart, got "
                f"one {gap_s:.3f} s after that at {1e-9 * (before_ns - start_ns):.3f} s"
            )
