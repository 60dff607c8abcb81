"""Conditions for taking a snapshot."""

import pytest

from der_ros.control.fault_watch import (
    GAP_S,
    MOST_STATUSES,
    QUIET_S,
    SETTLE_S,
    FaultWatch,
    SnapshotRequests,
)
from der_ros.control.status import Level

OK, WARN, ERROR = Level.OK, Level.WARN, Level.ERROR


def test_a_status_that_turns_error_is_one_fault():
    watch = FaultWatch("bag_recorder")
    levels = [ERROR, ERROR, OK, ERROR, ERROR, WARN, ERROR]
    found = [
        watch.new_faults([("kuka_bridge: robot", level, "a fault")], 100.0 * k)
        for k, level in enumerate(levels)
    ]
    assert [len(each) for each in found] == [0, 0, 0, 1, 0, 0, 1]
    assert found[3] == ["kuka_bridge: robot: a fault"]


def test_the_recorders_own_faults_are_none():
    watch = FaultWatch("bag_recorder")
    for level in (OK, ERROR):
        assert watch.new_faults([("bag_recorder: bags", level, "disk full")], 0.0) == []


def test_an_error_that_comes_and_goes_is_one_fault():
    watch = FaultWatch("bag_recorder")
    told = []
    for k, level in enumerate([OK, ERROR, OK, ERROR, OK, OK, ERROR]):
        told += watch.new_faults([("ft_bridge: sensor", level, str(k))], 0.4 * QUIET_S * k)
    assert told == ["ft_bridge: sensor: 1", "ft_bridge: sensor: 6"]


@pytest.mark.parametrize(
    ("own", "found"),
    [("left/bag_recorder", ["left/ft"]), ("bag_recorder", ["left/ft", "right/ft"])],
)
def test_faults_outside_the_namespace_are_not_watched(own, found):
    watch = FaultWatch(own)
    names = ["left/ft_bridge: sensor", "right/ft_bridge: sensor"]
    for level in (OK, ERROR):
        faults = watch.new_faults([(name, level, "lost") for name in names], 0.0)
    assert [fault.partition("_")[0] for fault in faults] == found


def test_ever_new_status_names_fill_no_memory():
    watch = FaultWatch("bag_recorder")
    for number in range(3 * MOST_STATUSES):
        watch.new_faults([(f"node_{number}: part", OK, ""), ("robot: link", ERROR, "lost")], 0.0)
    assert len(watch._levels) == MOST_STATUSES
    assert len(watch._last_error_s) <= MOST_STATUSES
    watch.new_faults([("robot: link", OK, "")], 1.0)
    assert watch.new_faults([("robot: link", ERROR, "lost")], 60.0) == ["robot: link: lost"]


def test_what_follows_a_fault_at_once_is_one_snapshot():
    requests = SnapshotRequests()
    assert requests.due(0.0) == ""
    requests.ask("robot: lost", 10.0)
    requests.ask("policy: lost", 10.1)
    requests.ask("robot: lost", 10.2)
    assert requests.due(10.2) == ""
    assert requests.due(10.0 + SETTLE_S) == "robot: lost; policy: lost"
    assert requests.due(99.0) == ""


def test_a_flapping_fault_does_not_fill_the_disk():
    requests, taken = SnapshotRequests(), []
    for step in range(600):
        now_s = 0.1 * step
        requests.ask("robot: lost", now_s)
        if requests.due(now_s):
            taken.append(now_s)
    assert 60.0 / GAP_S - 1 <= len(taken) <= 60.0 / GAP_S + 1
