"""Poses and wrenches of a bag, rebuilt by the drivers' code from the recorded telegrams."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from der_ros.bags.reader import BagReader
from der_ros.control.wire.wire_record import (
    ROBOT_WIRE,
    SENSOR_SETUP,
    SENSOR_WIRE,
    AnswerReplay,
    RobotWire,
    SensorReplay,
    SensorSetup,
    SensorWire,
)
from der_ros.errors import BagError, ConfigurationError, ProtocolError
from der_ros.offline_replay.cdr_messages import StampedNumbers
from der_ros.offline_replay.differences import Differences

ANSWER_TOLERANCE = 1.5e-4
"""Tolerance of a correction, mm and degrees: one unit of the telegram's last digit."""
_MOST_WAITING = 2000


class _Stamped(Protocol):
    @property
    def stamp_ns(self) -> int:
        """Stamp, ns since the epoch."""
        ...


class WireSource:
    """Telegrams of a bag, each read before the message that was made from it; bounded memory.

    Args:
        reader: Open reader of the bag.

    Attributes:
        wrenches: Wrenches from the telegrams against the recorded ones.
        poses: Poses from the telegrams against the recorded ones.
        answers: Corrections from the rebuilt twists against those in the sent answers.

    Raises:
        BagError: The bag holds no telegrams, or the setup of the sensor is missing or malformed.
    """

    def __init__(self, reader: BagReader) -> None:
        self.wrenches, self.poses = Differences(0.0), Differences(0.0)
        self.answers = Differences(ANSWER_TOLERANCE)
        self._answers = AnswerReplay()
        if not (reader.has(SENSOR_WIRE) or reader.has(ROBOT_WIRE)):
            raise BagError(
                f"bag {reader.path}: expected {SENSOR_WIRE} or {ROBOT_WIRE}, it has neither; "
                "record with record_wire:=true"
            )
        self._reader = reader
        self._sensors = _Ahead(self._messages(SENSOR_WIRE), _sensor_wire)
        self._robots = _Ahead(self._messages(ROBOT_WIRE), _robot_wire)
        self._path = self._sensor_path()
        self._sent: dict[int, RobotWire] = {}
        self._start_ns = 0

    def _messages(self, name: str) -> Iterator[Any]:
        reader = self._reader
        return iter(reader.messages(reader.find(name))) if reader.has(name) else iter(())

    def _sensor_path(self) -> SensorReplay | None:
        if not self._reader.has(SENSOR_WIRE):
            return None
        first = next(self._messages(SENSOR_SETUP), None)
        if first is None:
            raise BagError(f"bag {self._reader.path}: expected {SENSOR_SETUP} beside {SENSOR_WIRE}")
        try:
            return SensorReplay(SensorSetup.from_text(first.message.data))
        except ConfigurationError as error:
            raise BagError(f"bag {self._reader.path}: {error}") from error

    def wrench(self, recorded: StampedNumbers) -> StampedNumbers:
        """Return a recorded wrench with the numbers from its telegrams; without any, unchanged."""
        path = self._path
        if path is None:
            return recorded
        rebuilt = None
        for wire in self._sensors.until(recorded.stamp_ns):
            rebuilt = path.wrench(wire) if wire.stamp_ns == recorded.stamp_ns else None
        return self._compared(self.wrenches, recorded, rebuilt)

    def pose(self, recorded: StampedNumbers) -> StampedNumbers:
        """Return a recorded pose with the numbers from its telegram; without one, unchanged.

        Raises:
            BagError: A telegram is malformed.
        """
        for wire in self._robots.until(recorded.stamp_ns):
            self._sent[wire.stamp_ns] = wire
        if len(self._sent) > _MOST_WAITING:
            self._sent = {k: v for k, v in self._sent.items() if k >= recorded.stamp_ns}
        found = self._sent.get(recorded.stamp_ns)
        if found is None:
            if self._reader.has(ROBOT_WIRE):
                self.poses.set_aside()
            return recorded
        try:
            pose = found.pose()
        except ProtocolError as error:
            raise BagError(f"bag {self._reader.path}: {ROBOT_WIRE}: {error}") from error
        numbers = None if pose is None else (*pose.position.tolist(), *pose.quaternion.tolist())
        return self._compared(self.poses, recorded, numbers)

    def _compared(
        self, differences: Differences, recorded: StampedNumbers, rebuilt: tuple[float, ...] | None
    ) -> StampedNumbers:
        if rebuilt is None:
            differences.set_aside()
            return recorded
        self._start_ns = self._start_ns or recorded.stamp_ns
        time_s = 1e-9 * (recorded.stamp_ns - self._start_ns)
        differences.add(time_s, recorded.values, rebuilt)
        return recorded._replace(values=rebuilt)

    def answered(
        self, stamp_ns: int, time_s: float, twist: Sequence[float] | None, cycle_s: float
    ) -> None:
        """Compare the correction of a cycle with the one that was sent.

        Args:
            stamp_ns: Stamp of the cycle's pose, ns since the epoch.
            time_s: Time of the cycle since the beginning, s.
            twist: Rebuilt twist, (6,) m/s and rad/s, base axes; None if it is not determined.
            cycle_s: Cycle of the controller, s.

        Raises:
            BagError: An answer is malformed.
        """
        wire = self._sent.pop(stamp_ns, None)
        if wire is None:
            self._answers.forget()
            return
        if twist is None or wire.absolute:
            self._answers.forget()
            self.answers.set_aside()
            return
        rebuilt = self._answers.correction(twist, cycle_s)
        if rebuilt is None:
            self.answers.set_aside()
            return
        try:
            self.answers.add(time_s, wire.correction(), rebuilt)
        except ProtocolError as error:
            raise BagError(f"bag {self._reader.path}: {ROBOT_WIRE}: {error}") from error


class _Ahead:
    """Reader of stamped records that stays ahead of the messages that were made from them."""

    def __init__(self, messages: Iterator[Any], decode: Callable[[Any], _Stamped]) -> None:
        self._messages, self._decode = messages, decode
        self._waiting: deque[Any] = deque()
        self._is_over = False

    def until(self, stamp_ns: int) -> Iterator[Any]:
        """Yield the records up to a stamp, ns since the epoch, in order."""
        while not self._is_over and len(self._waiting) < _MOST_WAITING:
            if self._waiting and self._waiting[-1].stamp_ns > stamp_ns:
                break
            self._read()
        while self._waiting and self._waiting[0].stamp_ns <= stamp_ns:
            yield self._waiting.popleft()

    def _read(self) -> None:
        message = next(self._messages, None)
        if message is None:
            self._is_over = True
            return
        self._waiting.append(self._decode(message.message))


def _sensor_wire(message: Any) -> SensorWire:
    try:
        return SensorWire.from_bytes(message.data.tobytes())
    except ProtocolError as error:
        raise BagError(str(error)) from error


def _robot_wire(message: Any) -> RobotWire:
    try:
        return RobotWire.from_text(message.data)
    except ProtocolError as error:
        raise BagError(str(error)) from error
