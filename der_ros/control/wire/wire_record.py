"""Records of the telegrams of sensor and robot, and the drivers' work on them, without sockets.

``ft_bridge`` and ``kuka_bridge`` publish them with ``publish_wire``. A replay feeds them to the
drivers' own code: RDT records become a wrench, and an RSI telegram becomes a pose.

A record of the sensor is binary, big-endian: the stamp of the wrench in ns (int64), the subtracted
bias and the sensor's orientation in the world (6 and 4 doubles, NaN if unknown), then for each RDT
record its time of arrival in s (double) and its 36 bytes.
"""

from __future__ import annotations

import dataclasses
import json
import math
import struct
import typing
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from der_ros.documents import parse_json
from der_ros.drivers.kuka.corrections import CorrectionLimits, CorrectionTracker
from der_ros.drivers.kuka.rsi_telegrams import Six, parse_robot_telegram, parse_sensor_telegram
from der_ros.drivers.kuka.telegram_pose import pose_of
from der_ros.drivers.netft.conditioning import ConditioningConfig, FilterChoice, WrenchConditioner
from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.payload import Payload
from der_ros.drivers.netft.rdt import RECORD_BYTES, RdtRecord, decode_record, encode_records
from der_ros.errors import ConfigurationError, ProtocolError
from der_ros.geometry import Array, Pose, Twist, vector
from der_ros.settings import converted

SENSOR_WIRE, SENSOR_SETUP, ROBOT_WIRE = "netft_wire", "netft_wire_setup", "kuka/wire"
"""Topics: UInt8MultiArray, String (latched) and String."""
_HEAD = struct.Struct(">q6d4d")
_ARRIVED = struct.Struct(">d")
_EACH = _ARRIVED.size + RECORD_BYTES
_NO_LIMIT = CorrectionLimits(2000.0, 180.0)
_UNKNOWN: tuple[float, ...] = (math.nan,) * 4
_SETTLED_S = 1.0


class SensorWire(NamedTuple):
    """RDT records that led to one published wrench.

    Attributes:
        stamp_ns: Stamp of the wrench, ns since the epoch.
        bias: Bias that was subtracted, (6,) N and Nm.
        world_from_sensor: Orientation of the sensor, (4,) xyzw; None if unknown.
        records: Records since the wrench before, each with its time of arrival, s.
    """

    stamp_ns: int
    bias: Array
    world_from_sensor: Array | None
    records: tuple[tuple[float, RdtRecord], ...]

    def to_bytes(self) -> bytes:
        """Return the record for a message."""
        turned = self.world_from_sensor
        orientation = _UNKNOWN if turned is None else turned.tolist()
        parts = [_HEAD.pack(self.stamp_ns, *self.bias.tolist(), *orientation)]
        for arrived_s, record in self.records:
            parts += [_ARRIVED.pack(arrived_s), encode_records([record])]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> SensorWire:
        """Read the record of a message.

        Raises:
            ProtocolError: The length is not that of a record.
        """
        if len(data) < _HEAD.size or (len(data) - _HEAD.size) % _EACH:
            raise ProtocolError(
                f"{SENSOR_WIRE}: expected {_HEAD.size} bytes and {_EACH} for each RDT record, got "
                f"{len(data)} bytes"
            )
        stamp_ns, *numbers = _HEAD.unpack_from(data)
        turned = np.array(numbers[6:])
        records = tuple(
            (_ARRIVED.unpack_from(data, at)[0], decode_record(data, at + _ARRIVED.size))
            for at in range(_HEAD.size, len(data), _EACH)
        )
        known = None if np.isnan(turned).any() else turned
        return cls(stamp_ns, np.array(numbers[:6]), known, records)


class SensorSetup(NamedTuple):
    """Scale of the box and conditioning of its readings.

    Attributes:
        box: Configuration of the box.
        conditioning: Signs, filter and payload.
    """

    box: SensorConfiguration
    conditioning: ConditioningConfig

    def to_text(self) -> str:
        """Return the setup as JSON."""
        signs, gravity = self.conditioning.axis_signs, self.conditioning.gravity_mps2
        payload = self.conditioning.payload
        values = {
            "box": dataclasses.asdict(self.box),
            "axis_signs": signs.tolist(),
            "filter": list(self.conditioning.low_pass),
            "payload": [payload.mass_kg, *payload.center_of_mass_m.tolist()],
            "gravity_mps2": gravity.tolist(),
            "gap_s": self.conditioning.gap_s,
        }
        return json.dumps(values)

    @classmethod
    def from_text(cls, text: str) -> SensorSetup:
        """Read the setup from JSON.

        Raises:
            ConfigurationError: The text is no setup.
        """
        values = parse_json(text, SENSOR_SETUP)
        try:
            return cls(_box(values["box"]), _conditioning(values))
        except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            raise ConfigurationError(
                f"{SENSOR_SETUP}: expected the setup of a sensor, got an error: {error!r}"
            ) from error


def _box(values: Mapping[str, Any]) -> SensorConfiguration:
    kinds = typing.get_type_hints(SensorConfiguration)
    return SensorConfiguration(
        **{name: converted(f"box.{name}", value, kinds[name]) for name, value in values.items()}
    )


def _conditioning(values: Mapping[str, Any]) -> ConditioningConfig:
    order, cutoff_hz = values["filter"]
    mass_kg, *center = values["payload"]
    return ConditioningConfig(
        axis_signs=vector(values["axis_signs"], 6, "axis_signs"),
        rate_hz=math.inf,  # every reading: the record names the published ones
        bias_samples=1,
        low_pass=FilterChoice(int(order), float(cutoff_hz)),
        payload=Payload(float(mass_kg), np.array(center, float)),
        gravity_mps2=vector(values["gravity_mps2"], 3, "gravity_mps2"),
        gap_s=float(values["gap_s"]),
    )


class SensorReplay:
    """Drivers' work on the records of a sensor: scale, signs, filter, weight and bias.

    Args:
        setup: Scale and conditioning.
    """

    def __init__(self, setup: SensorSetup) -> None:
        self._box, self._path = setup.box, WrenchConditioner(setup.conditioning)
        self._path.set_sample_rate(float(setup.box.rdt_rate_hz))
        self._since_s: float | None = None

    def wrench(self, wire: SensorWire) -> tuple[float, ...] | None:
        """Return the wrench of a record, (6,) N and Nm; None if its records give none.

        A filter needs a second until it no longer depends on the readings before.
        """
        measured = None
        for arrived_s, record in wire.records:
            self._since_s = arrived_s if self._since_s is None else self._since_s
            taken = self._path.take(
                self._box.wrench(record), arrived_s, lambda: wire.world_from_sensor
            )
            settled = not self._path.filters or arrived_s - self._since_s > _SETTLED_S
            measured = taken.measured if taken is not None and settled else None
        if measured is None:
            return None
        return tuple((measured.to_array() - wire.bias).tolist())


class RobotWire(NamedTuple):
    """Telegram of a robot controller and its answer.

    Attributes:
        stamp_ns: Stamp of the pose, ns since the epoch.
        telegram: Telegram of the controller.
        answer: Answer that was sent.
        absolute: True if corrections are absolute.
    """

    stamp_ns: int
    telegram: bytes
    answer: bytes
    absolute: bool = False

    def to_text(self) -> str:
        """Return the record as JSON."""
        texts = {"robot": self.telegram.decode("latin-1"), "answer": self.answer.decode("latin-1")}
        return json.dumps({"stamp_ns": self.stamp_ns, "absolute": self.absolute, **texts})

    @classmethod
    def from_text(cls, text: str) -> RobotWire:
        """Read a record from JSON.

        Raises:
            ProtocolError: The text is no record.
        """
        try:
            values = parse_json(text, ROBOT_WIRE)
            telegram, answer = (str(values[each]).encode("latin-1") for each in ("robot", "answer"))
            return cls(int(values["stamp_ns"]), telegram, answer, bool(values["absolute"]))
        except (ConfigurationError, KeyError, TypeError, ValueError) as error:
            raise ProtocolError(
                f"{ROBOT_WIRE}: expected two telegrams as JSON, got an error: {error!r}"
            ) from error

    def pose(self) -> Pose | None:
        """Return the measured pose of the TCP in the base; None if the telegram has none.

        Raises:
            ProtocolError: The telegram is malformed.
        """
        numbers = parse_robot_telegram(self.telegram).tcp_mm_deg
        return None if numbers is None else pose_of(numbers)

    def correction(self) -> Six:
        """Return the sent correction, mm and degrees.

        Raises:
            ProtocolError: The answer is malformed.
        """
        return parse_sensor_telegram(self.answer).correction


class AnswerReplay:
    """Corrections that follow from the decided twists, with the rounding error carried over.

    The error left over by earlier cycles is known once the robot has stood still.
    """

    def __init__(self) -> None:
        self._tracker = CorrectionTracker(_NO_LIMIT)
        self._is_known = False

    def correction(self, twist: Sequence[float], cycle_s: float) -> Six | None:
        """Return the correction of a cycle, mm and degrees; None if it is not determined.

        Args:
            twist: Decided twist, (6,) m/s and rad/s, base axes.
            cycle_s: Cycle of the controller, s.
        """
        if not any(twist):
            self._is_known = True
        values = self._tracker.step(Twist.from_array(np.array(twist)), cycle_s).values
        return values if self._is_known else None

    def forget(self) -> None:
        """Take the next corrections as not determined, until the robot has stood still."""
        self._is_known = False
