import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import WrenchStamped
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message

from der_ros.geometry import Wrench
from der_ros.nodes.shared.conversions import wrench_from_message, wrench_to_message
from der_ros.nodes.shared.wrench_bytes import StampedWrench, WrenchWriter, read_wrench

FRAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
SIX = st.lists(st.floats(allow_nan=False), min_size=6, max_size=6)


@given(FRAMES, SIX, st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1))
def test_rclpy_reads_and_writes_the_same(frame, values, sec, nanosec):
    wrench, stamp = Wrench.from_array(np.array(values)), Time(sec=sec, nanosec=nanosec)
    message = wrench_to_message(wrench, frame, stamp)
    data = serialize_message(message)
    written = WrenchWriter(frame).to_bytes(wrench, stamp)
    # rclpy leaves what it finds in memory between the numbers.
    assert len(written) == len(data)
    assert deserialize_message(written, WrenchStamped) == message
    read = read_wrench(data)
    assert isinstance(read, StampedWrench)
    assert (read.header.stamp.sec, read.header.stamp.nanosec) == (sec, nanosec)
    assert read.header.frame_id == frame
    assert wrench_from_message(read).to_array().tolist() == values


def outcome(read, data):
    """Return what is read from bytes as text, or the error's name if they are refused."""
    try:
        message = read(data)
    except RuntimeError as error:
        return type(error).__name__
    numbers = wrench_from_message(message).to_array().tolist()
    return repr((message.header.frame_id, message.header.stamp.sec, numbers))


WHOLE = WrenchWriter("netft").to_bytes(
    Wrench.from_array(np.array((1.0, -2.0, 3.0, 0.1, 0.2, -0.3))), Time(sec=5, nanosec=7)
)
BIG_ENDIAN = bytes.fromhex("00000000 00000005 00000007 00000001 00 000000") + b"\0" * 48


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(WHOLE, id="whole"),
        pytest.param(BIG_ENDIAN, id="big-endian"),
        pytest.param(WHOLE[:-1], id="cut"),
        pytest.param(WHOLE[:14], id="cut before the frame"),
        pytest.param(WHOLE + b"\0" * 4, id="longer"),
        pytest.param(WHOLE[:12] + b"\xff\xff\xff\x7f" + WHOLE[16:], id="frame too long"),
        pytest.param(WHOLE[:12] + b"\x00\x00\x00\x00" + WHOLE[16:], id="frame without its zero"),
        pytest.param(WHOLE[:16] + b"\xff" + WHOLE[17:], id="frame not in UTF-8"),
        pytest.param(b"", id="empty"),
    ],
)
def test_other_bytes_are_read_as_rclpy_does(data):
    by_rclpy = outcome(lambda data: deserialize_message(data, WrenchStamped), data)
    assert outcome(read_wrench, data) == by_rclpy
