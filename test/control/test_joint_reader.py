"""Joint states from several publishers: only the arm's own are accepted as news."""

import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from der_ros.control.joint_reader import JointReader

NOW_NS = 100_000_000_000
NAMES = ("a1", "a2")


def state(age_s=0.0, names=NAMES, positions=(0.1, 0.2)):
    stamp = NOW_NS - round(age_s * 1e9)
    header = Header(stamp=Time(sec=stamp // 10**9, nanosec=stamp % 10**9))
    return JointState(header=header, name=list(names), position=list(positions))


@pytest.fixture
def reader():
    return JointReader(NAMES, 0.2)


def taken(reader, *messages, now_ns=NOW_NS):
    readings = [reader.read(message, 0.0, now_ns) for message in messages]
    return [None if one is None else one.positions_rad.tolist() for one in readings]


def test_an_older_state_behind_a_newer_one_is_dropped(reader):
    late = state(0.05, positions=(0.3, 0.4))
    assert taken(reader, state(0.01), late) == [[0.1, 0.2], None]
    assert reader.dropped == {"overtaken": 1}
    assert "older than others" in reader.warning


def test_states_after_a_clock_was_set_back_are_taken(reader):
    taken(reader, state())
    set_back = NOW_NS - 10 * 10**9
    assert taken(reader, state(10.0), now_ns=set_back) == [[0.1, 0.2]]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (state(names=("gripper",), positions=(9.0,)), "foreign"),
        (state(names=("a1",), positions=(9.0,)), "missing"),
        (state(names=("a1", "a2", "a1"), positions=(0.1, 0.2, 9.0)), "twice"),
        (state(positions=(9.0,)), "length"),
        (state(positions=(float("nan"), 0.0)), "not_finite"),
        (state(0.3), "old"),
        (state(-3.0), "future"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_dropped_is_not_newer_than_a_good_one(reader, message, kind):
    assert taken(reader, state(0.02), message, state(0.01)) == [[0.1, 0.2], None, [0.1, 0.2]]
    assert reader.dropped == {kind: 1}


def test_states_of_another_device_are_no_warning(reader):
    taken(reader, state(), state(names=("gripper",), positions=(9.0,)))
    assert reader.warning == ""
