"""Telegrams as they are recorded, against bytes and numbers written by hand."""

import json
import math
import struct

import numpy as np
import pytest

from der_ros.control.wire.wire_record import (
    AnswerReplay,
    RobotWire,
    SensorReplay,
    SensorSetup,
    SensorWire,
)
from der_ros.drivers.netft.conditioning import ConditioningConfig, FilterChoice
from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.payload import Payload
from der_ros.drivers.netft.rdt import RdtRecord
from der_ros.errors import ConfigurationError, ProtocolError

BOX = SensorConfiguration(1e6, 1e6, "lbf", "Nm", rdt_rate_hz=500)
LBF = 4.4482216152605
RECORD = RdtRecord(7, 70, 0, 1_000_000, -2_000_000, 0, 500_000, 0, -250_000)
BIAS = np.array((1.0, 0.0, 0.0, 0.0, 0.0, 0.5))
BYTES = (
    struct.pack(">q", 1_700_000_000_000_000_123)
    + struct.pack(">6d", *BIAS)
    + struct.pack(">4d", *[math.nan] * 4)
    + struct.pack(">d", 12.5)
    + bytes.fromhex("00000007 00000046 00000000 000f4240 ffe17b80 00000000")
    + bytes.fromhex("0007a120 00000000 fffc2f70")
)
TELEGRAM = (
    b'<Rob Type="KUKA"><RIst X="1350.0" Y="-250.5" Z="750.0" A="90.0" B="0.0" C="0.0"/>'
    b"<IPOC>123</IPOC></Rob>"
)
ANSWER = (
    b'<Sen Type="ImFree"><RKorr X="0.6000" Y="0.0000" Z="-0.0120" A="0.0000" B="0.0000" '
    b'C="0.0100"/><IPOC>123</IPOC></Sen>'
)


def conditioning(**changes):
    given = {
        "axis_signs": np.array((1.0, -1.0, 1.0, 1.0, 1.0, 1.0)),
        "rate_hz": 500.0,
        "bias_samples": 50,
        "low_pass": FilterChoice(),
        "payload": Payload(),
        "gravity_mps2": np.array((0.0, 0.0, -9.8)),
        "gap_s": 0.1,
    }
    return ConditioningConfig(**{**given, **changes})


def records(*times_s):
    return tuple((time_s, RECORD) for time_s in times_s)


def test_the_bytes_of_a_sensors_record():
    wire = SensorWire(1_700_000_000_000_000_123, BIAS, None, records(12.5))
    assert wire.to_bytes() == BYTES
    assert SensorWire.from_bytes(BYTES).records == records(12.5)
    assert SensorWire.from_bytes(BYTES).world_from_sensor is None
    assert SensorWire.from_bytes(BYTES).bias.tolist() == BIAS.tolist()


@pytest.mark.parametrize("data", [b"", BYTES[:-1], BYTES[:87], BYTES + b"\0"])
def test_other_bytes_are_refused(data):
    with pytest.raises(ProtocolError, match="netft_wire: expected 88 bytes and 44 for each"):
        SensorWire.from_bytes(data)


def test_counts_become_a_wrench_less_the_bias():
    setup = SensorSetup.from_text(SensorSetup(BOX, conditioning()).to_text())
    wrench = SensorReplay(setup).wrench(SensorWire.from_bytes(BYTES))
    assert wrench == pytest.approx((LBF - 1.0, 2.0 * LBF, 0.0, 0.5, 0.0, -0.75))


def test_a_payload_is_subtracted_by_its_orientation():
    payload = Payload(0.5, np.array((0.0, 0.0, 0.1)))
    setup = SensorSetup.from_text(SensorSetup(BOX, conditioning(payload=payload)).to_text())
    upside_down = np.array((1.0, 0.0, 0.0, 0.0))
    wire = SensorWire(0, np.zeros(6), upside_down, records(1.0))
    assert SensorReplay(setup).wrench(wire)[2] == pytest.approx(-0.5 * 9.8)
    assert SensorReplay(setup).wrench(wire._replace(world_from_sensor=None)) is None


def test_a_filter_counts_only_once_it_has_settled():
    setup = SensorSetup(BOX, conditioning(low_pass=FilterChoice(2, 20.0)))
    path = SensorReplay(SensorSetup.from_text(setup.to_text()))
    times_s = [0.002 * k for k in range(600)]
    found = [path.wrench(SensorWire(0, np.zeros(6), None, records(time_s))) for time_s in times_s]
    assert found[:500] == [None] * 500
    assert found[-1] == pytest.approx((LBF, 2.0 * LBF, 0.0, 0.5, 0.0, -0.25))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"box": {}}',
        '{"box": []}',
        '{"box": {"color": 1}}',
        '{"box": {"force_unit": 5}}',
        '{"box": {"rdt_rate_hz": "fast"}}',
    ],
)
def test_another_text_is_no_setup(text):
    with pytest.raises(ConfigurationError, match="netft_wire_setup"):
        SensorSetup.from_text(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [("axis_signs", [1.0]), ("gravity_mps2", [9.8]), ("box", {"rdt_rate_hz": 1.5})],
)
def test_a_setup_of_other_sizes_is_refused(name, value):
    values = json.loads(SensorSetup(BOX, conditioning()).to_text())
    with pytest.raises(ConfigurationError, match=f"netft_wire_setup: .*{name}"):
        SensorSetup.from_text(json.dumps({**values, name: value}))


def test_telegram_and_answer_are_read():
    wire = RobotWire.from_text(RobotWire(5, TELEGRAM, ANSWER).to_text())
    assert (wire.stamp_ns, wire.telegram, wire.answer) == (5, TELEGRAM, ANSWER)
    assert wire.pose().position == pytest.approx((1.35, -0.2505, 0.75))
    assert wire.pose().quaternion == pytest.approx((0.0, 0.0, 0.5**0.5, 0.5**0.5))
    assert wire.correction() == (0.6, 0.0, -0.012, 0.0, 0.0, 0.01)


@pytest.mark.parametrize("text", ["", "{}", '{"stamp_ns": 1, "robot": "", "absolute": false}'])
def test_another_text_is_no_telegram(text):
    with pytest.raises(ProtocolError, match="kuka/wire"):
        RobotWire.from_text(text)


def test_a_correction_is_known_after_a_rest():
    answers = AnswerReplay()
    slow = (4e-6, 0.0, 0.0, 0.0, 0.0, 0.0)  # 0.048 um in a cycle, half a digit
    assert answers.correction(slow, 0.012) is None
    assert answers.correction((0.0,) * 6, 0.012) == (0.0,) * 6
    assert [answers.correction(slow, 0.012)[0] for _ in range(4)] == [0.0, 1e-4, 0.0, 1e-4]
    answers.forget()
    assert answers.correction(slow, 0.012) is None
