"""The fast decoder agrees with the message library."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from der_ros.bags.recorder import typestore
from der_ros.errors import BagError
from der_ros.offline_replay.cdr_messages import (
    decode_array,
    decode_doubles,
    decode_pose,
    decode_six,
)

TEXT = st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=12)
NUMBER = st.floats(allow_nan=False)


def header(types, frame):
    stamp = types["builtin_interfaces/msg/Time"](sec=7, nanosec=8)
    return types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame)


@given(frame=TEXT, values=st.lists(NUMBER, min_size=6, max_size=6))
def test_a_wrench_is_read(frame, values):
    store = typestore()
    types, name = store.types, "geometry_msgs/msg/WrenchStamped"
    vector = types["geometry_msgs/msg/Vector3"]
    wrench = types["geometry_msgs/msg/Wrench"](vector(*values[:3]), vector(*values[3:]))
    message = types[name](header(types, frame), wrench)
    for little in (True, False):
        got = decode_six(bytes(store.serialize_cdr(message, name, little_endian=little)))
        assert got == (7_000_000_008, frame, tuple(values))


@given(frame=TEXT, values=st.lists(NUMBER, min_size=7, max_size=7))
def test_a_pose_is_read(frame, values):
    store = typestore()
    types, name = store.types, "geometry_msgs/msg/PoseStamped"
    pose = types["geometry_msgs/msg/Pose"](
        types["geometry_msgs/msg/Point"](*values[:3]),
        types["geometry_msgs/msg/Quaternion"](*values[3:]),
    )
    data = bytes(store.serialize_cdr(types[name](header(types, frame), pose), name))
    assert decode_pose(data) == (7_000_000_008, frame, tuple(values))


@given(label=TEXT, values=st.lists(st.floats(width=32, allow_nan=False), max_size=20))
def test_an_array_is_read(label, values):
    store = typestore()
    types, name = store.types, "std_msgs/msg/Float32MultiArray"
    dimension = types["std_msgs/msg/MultiArrayDimension"](label, len(values), len(values))
    layout = types["std_msgs/msg/MultiArrayLayout"]([dimension], 0)
    data = bytes(store.serialize_cdr(types[name](layout, np.array(values, np.float32)), name))
    got = decode_array(data)
    assert got.label == label
    assert got.values.tolist() == values


@given(label=TEXT, values=st.lists(NUMBER, max_size=20))
def test_doubles_are_read(label, values):
    store = typestore()
    types, name = store.types, "std_msgs/msg/Float64MultiArray"
    dimension = types["std_msgs/msg/MultiArrayDimension"](label, len(values), len(values))
    layout = types["std_msgs/msg/MultiArrayLayout"]([dimension], 0)
    message = types[name](layout, np.array(values, np.float64))
    for little in (True, False):
        data = bytes(store.serialize_cdr(message, name, little_endian=little))
        assert decode_doubles(data) == values


@pytest.mark.parametrize("decode", [decode_pose, decode_six, decode_array, decode_doubles])
@given(data=st.binary(max_size=60))
def test_other_bytes_raise_nothing_but_bag_errors(decode, data):
    with contextlib.suppress(BagError):
        decode(data)
