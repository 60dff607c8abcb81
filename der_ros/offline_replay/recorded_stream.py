"""A bag as a stream of policy ticks and robot cycles, in the order in which they ran.

The bag time of a message is its arrival at the recorder. Its arrival at the node that used it is
not recorded; it lies about between the message's stamp and its bag time.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import mul, sub
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from der_ros.bags.reader import BagReader
from der_ros.control.cycle_record import CycleRecord, cycle_from_numbers
from der_ros.documents import shortened
from der_ros.errors import BagError
from der_ros.geometry import Pose, Wrench
from der_ros.offline_replay.attempt_setup import (
    APPLIED_TOPIC,
    COMMAND_TOPIC,
    CYCLE_TOPIC,
    POSE_TOPIC,
    WRENCH_TOPIC,
)
from der_ros.offline_replay.cdr_messages import (
    StampedNumbers,
    decode_array,
    decode_doubles,
    decode_pose,
    decode_six,
)
from der_ros.policy.policy_topics import ACTION_TOPIC, OBSERVATION_TOPIC

if TYPE_CHECKING:
    from der_ros.offline_replay.wire.wire_source import WireSource

SETTLED_NS = 50_000_000
"""Bag time that a tick or a cycle waits for its other messages, ns."""
KEPT_NS = 500_000_000
"""Bag time for which poses, wrenches and commands are kept, ns."""
_SIZES = {OBSERVATION_TOPIC: 13, ACTION_TOPIC: 6}
_PAIRED_NS = 20_000_000
# Longest time from a command to the other messages of its tick, on a busy computer.
_LATE_NS = 300_000_000
_SAME_TWIST = 1e-9
_FORGET_EVERY = 32
_MOST_RECORDS = 1000
_MOST_APART_NS = 10_000_000_000
# m, m/s or rad/s; no robot is or moves that far.
_ABSURD = 1e6


class Recorded(NamedTuple):
    """A recorded pose, wrench or twist.

    Attributes:
        arrived_ns: Bag time of the message, ns since the epoch.
        numbers: Decoded message.
    """

    arrived_ns: int
    numbers: StampedNumbers

    def pose(self) -> Pose:
        """Return the numbers as a pose.

        Raises:
            ConfigurationError: They are none.
        """
        x, y, z, qx, qy, qz, qw = self.numbers.values
        return Pose.from_numbers((x, y, z), (qx, qy, qz, qw))

    def wrench(self) -> Wrench:
        """Return the numbers as a wrench."""
        values = self.numbers.values
        return Wrench(np.array(values[:3]), np.array(values[3:]))


class Tick(NamedTuple):
    """One tick of the policy.

    Attributes:
        at_ns: Bag time at which the policy acted.
        number: Tick number in the bag; -1 if it has none.
        observation: Observation, shape (13,), float32.
        action: Action, shape (6,), float32.
        command: Recorded command; None if the bag holds none.
    """

    at_ns: int
    number: int
    observation: NDArray[np.float32]
    action: NDArray[np.float32]
    command: Recorded | None


class Cycle(NamedTuple):
    """One cycle of the robot.

    Attributes:
        at_ns: Time at which the robot was measured.
        until_ns: Bag time of the pose, by which the bridge's answer was sent.
        pose: Measured pose.
        applied: Twist sent to the robot, (6,) m/s and rad/s, task axes.
        record: Inputs and decision of the bridge; None if the bag has no record of this cycle.
    """

    at_ns: int
    until_ns: int
    pose: Recorded
    applied: tuple[float, ...]
    record: CycleRecord | None = None


Event: TypeAlias = Tick | Cycle


@dataclass
class Window:
    """Messages of the last ``KEPT_NS`` of bag time.

    Attributes:
        poses: Poses, oldest first.
        wrenches: Wrenches, oldest first.
        commands: Commands, oldest first.
    """

    poses: deque[Recorded] = field(default_factory=deque)
    wrenches: deque[Recorded] = field(default_factory=deque)
    commands: deque[Recorded] = field(default_factory=deque)

    def forget(self, before_ns: int) -> None:
        """Drop messages that arrived before ``before_ns``, except the newest of each kind."""
        for kept in (self.poses, self.wrenches, self.commands):
            while len(kept) > 1 and kept[0].arrived_ns < before_ns:
                kept.popleft()


class RecordedStream:
    """Iterates over the ticks and cycles of an open bag in bounded memory.

    Args:
        reader: Open reader of the bag.
        topics: Full topic names by their short names.
        action_limits: Twist at action 1, (6,) m/s and rad/s, which finds the command of a tick;
            empty if unknown.
        wire: Telegrams from which poses and wrenches are rebuilt; None uses the recorded ones.

    Attributes:
        wire: See the argument.
        window: Messages up to ``SETTLED_NS`` after the last yielded event.
        has_records: True if the bag has records of the bridge's cycles.
        peak_force_n: Largest force so far, N.
        unplaced_commands: Number of commands that are left out since their stamp is none or more
            than 10 s away from bag time; the bridge refused them.
        unpaired_twists: Number of applied twists that are left out since no pose has their stamp.
    """

    def __init__(
        self,
        reader: BagReader,
        topics: Mapping[str, str],
        action_limits: Sequence[float] = (),
        wire: WireSource | None = None,
    ) -> None:
        self._action_limits = tuple(action_limits)
        self._claimed_ns = 0
        self.wire = wire
        self.window = Window()
        self.peak_force_n = self._peak_square = 0.0
        self.unplaced_commands = self.unpaired_twists = 0
        self._reader, self._names = reader, {full: short for short, full in topics.items()}
        self.has_records = CYCLE_TOPIC in topics
        self._records: dict[int, CycleRecord] = {}
        self._half: dict[object, tuple[int, NDArray[np.float32]]] = {}
        self._waiting: list[tuple[int, int, Event]] = []
        self._count = 0
        self._takers: dict[str, Callable[[int, bytes], None]] = {
            WRENCH_TOPIC: self._take_wrench,
            POSE_TOPIC: self._take_pose,
            COMMAND_TOPIC: self._take_command,
            APPLIED_TOPIC: self._take_applied,
            CYCLE_TOPIC: self._take_record,
            OBSERVATION_TOPIC: partial(self._take_half, OBSERVATION_TOPIC),
            ACTION_TOPIC: partial(self._take_half, ACTION_TOPIC),
        }

    def __iter__(self) -> Iterator[Event]:
        """Yield the events in order.

        Raises:
            BagError: A message cannot be read, or no command of the bag has a stamp of its time.
        """
        now_ns, waiting = 0, self._waiting
        takers = {full: self._takers[short] for full, short in self._names.items()}
        for number, (topic, now_ns, data) in enumerate(self._reader.serialized(*takers)):
            try:
                takers[topic](now_ns, data)
            except BagError as error:
                short = self._names[topic]
                raise BagError(f"bag {self._reader.path}: {short}: {error}") from error
            if waiting and waiting[0][0] <= now_ns - SETTLED_NS:
                yield from self._settled(now_ns - SETTLED_NS)
            if number % _FORGET_EVERY == 0:
                self.window.forget(now_ns - KEPT_NS)
        if self.unplaced_commands and not self.window.commands:
            raise BagError(
                f"bag {self._reader.path}: {COMMAND_TOPIC}: expected stamps within "
                f"{1e-9 * _MOST_APART_NS:g} s of the bag's time, got none"
            )
        yield from self._settled(now_ns + SETTLED_NS)

    def _settled(self, until_ns: int) -> Iterator[Event]:
        while self._waiting and self._waiting[0][0] <= until_ns:
            event = heapq.heappop(self._waiting)[2]
            if isinstance(event, Cycle) and self.has_records:
                record = self._records.pop(event.at_ns, None)
                event = Cycle(event.at_ns, event.until_ns, event.pose, event.applied, record)
            yield event

    def _take_wrench(self, now_ns: int, data: bytes) -> None:
        numbers = _in_time(now_ns, decode_six(data))
        wrench = Recorded(now_ns, numbers if self.wire is None else self.wire.wrench(numbers))
        self.window.wrenches.append(wrench)
        x, y, z, _, _, _ = wrench.numbers.values
        square = x * x + y * y + z * z
        if square > self._peak_square:
            self._peak_square, self.peak_force_n = square, square**0.5

    def _take_pose(self, now_ns: int, data: bytes) -> None:
        numbers = _measured(_in_time(now_ns, decode_pose(data)))
        pose = Recorded(now_ns, numbers if self.wire is None else self.wire.pose(numbers))
        self.window.poses.append(pose)

    def _take_command(self, now_ns: int, data: bytes) -> None:
        """Keep a command; leave out one that the bridge refused for its stamp.

        Any node can publish commands, so an invalid stamp does not make the bag unusable.
        """
        numbers = decode_six(data)
        if abs(numbers.stamp_ns - now_ns) > _MOST_APART_NS:
            self.unplaced_commands += 1
        else:
            self.window.commands.append(Recorded(now_ns, numbers))

    def _take_applied(self, now_ns: int, data: bytes) -> None:
        """Pair the twist with the pose of the same stamp; without one, ignore it."""
        applied = _measured(_in_time(now_ns, decode_six(data)))
        for pose in reversed(self.window.poses):
            if pose.numbers.stamp_ns == applied.stamp_ns:
                cycle = Cycle(applied.stamp_ns, pose.arrived_ns, pose, applied.values)
                self._wait(cycle, cycle.until_ns)
                return
        self.unpaired_twists += 1

    def _take_record(self, _: int, data: bytes) -> None:
        """Keep the record for its cycle; of unclaimed records only the newest are kept."""
        at_ns, record = cycle_from_numbers(decode_doubles(data))
        self._records[at_ns] = record
        if len(self._records) > _MOST_RECORDS:
            del self._records[next(iter(self._records))]

    def _take_half(self, topic: str, now_ns: int, data: bytes) -> None:
        """Pair the observation and the action of one tick."""
        label, values = decode_array(data)
        if values.size != (size := _SIZES[topic]):
            raise BagError(f"expected arrays of {size} numbers, got {values.size}")
        number = label.rpartition(" ")[2]
        key = int(number) if number.isdecimal() else -1
        other = self._half.pop(
            (ACTION_TOPIC if topic == OBSERVATION_TOPIC else OBSERVATION_TOPIC, key), None
        )
        if other is None:
            self._half = {(topic, key): (now_ns, values)}
            return
        observation, action = (
            (values, other[1]) if topic == OBSERVATION_TOPIC else (other[1], values)
        )
        first_ns, second_ns = sorted((now_ns, other[0]))
        at_ns, command = self._command_of(first_ns, second_ns, action)
        self._wait(Tick(at_ns, key, observation, action, command), at_ns)

    def _command_of(
        self, now_ns: int, late_ns: int, action: NDArray[np.float32]
    ) -> tuple[int, Recorded | None]:
        """Return a tick's time and its command, which is published before its other messages.

        Args:
            now_ns: Bag time of the first of the other two messages.
            late_ns: Bag time of the second; on a busy computer that of the first may be too early.
            action: Action of the tick.
        """
        command = self._command_like(now_ns, action) or self._command_like(late_ns, action)
        if command is not None:
            self._claimed_ns = command.numbers.stamp_ns
            return self._claimed_ns, command
        for command in reversed(self.window.commands):
            stamp_ns = command.numbers.stamp_ns
            if stamp_ns <= now_ns:
                if now_ns - stamp_ns < _PAIRED_NS:
                    return stamp_ns, command
                break
        return now_ns, None

    def _command_like(self, now_ns: int, action: NDArray[np.float32]) -> Recorded | None:
        """Return the newest command that is the scaled action and belongs to no earlier tick.

        On a busy computer the messages of a tick may come later than the command of the next.
        """
        if action.shape != (len(self._action_limits),):
            return None
        twist = list(map(mul, action.tolist(), self._action_limits))
        for command in reversed(self.window.commands):
            _, (stamp_ns, _, values) = command
            if not self._claimed_ns < stamp_ns:
                break
            if now_ns - _LATE_NS < stamp_ns <= now_ns:
                apart = map(abs, map(sub, values, twist))
                if all(each < _SAME_TWIST for each in apart):
                    return command
        return None

    def _wait(self, event: Event, until_ns: int) -> None:
        self._count += 1
        heapq.heappush(self._waiting, (until_ns, self._count, event))


def _in_time(now_ns: int, message: StampedNumbers) -> StampedNumbers:
    """Return the message unchanged.

    Raises:
        BagError: Its stamp differs from bag time by more than ``_MOST_APART_NS``.
    """
    apart_ns = message.stamp_ns - now_ns
    if abs(apart_ns) > _MOST_APART_NS:
        raise BagError(
            f"expected stamps within {1e-9 * _MOST_APART_NS:g} s of the bag's time, got one that "
            f"is {1e-9 * apart_ns:+.0f} s away"
        )
    return message


def _measured(message: StampedNumbers) -> StampedNumbers:
    """Return a pose or twist of the robot unchanged.

    Commands and wrenches may be anything, since any node can publish them and the bridge judges
    them. Only the bridge itself publishes poses and applied twists.

    Raises:
        BagError: It is not finite, or absurdly large.
    """
    # Negated so that NaN fails too.
    if not sum(map(abs, message.values)) < _ABSURD:
        raise BagError(
            f"expected finite numbers below {_ABSURD:g}, got {shortened(list(message.values))}"
        )
    return message
