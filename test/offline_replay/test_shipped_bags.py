"""The bags of ``test/replay/bags``: each replays the same and meets its expectation."""

from itertools import pairwise

import pytest
from copied_bags import BAGS

from der_ros.bags.bag_replay import read_policy_info
from der_ros.bags.reader import BagReader
from der_ros.offline_replay.attempt_replay import replay_bag
from der_ros.offline_replay.attempt_setup import read_setup
from der_ros.offline_replay.cdr_messages import decode_six
from der_ros.offline_replay.expectations import expectation_file, read_expectation, unmet
from der_ros.policy.attempt import Outcome
from der_ros.tasks import TASKS

NAMES = sorted(path.name for path in BAGS.iterdir() if path.is_dir())

# One of each kind of fault of docs/reference/faults.md that ends an attempt.
ENDS = (
    "the force or torque reached the hard limit",
    "no force reading",
    "no wrench",
    "the same reading to the last count",
    "netft_data is also published",
    "delta_twist_cmds is also published",
    "no robot pose",
    "no joint states",
    "restarted RSI in motion",
    "expected 56.4 to 117.1 (limits less the margin)",
    "sent no command",
    "too late",
    "does not follow",
    "limit on corrections",
    "held by a fault whose cause is not in the bag",
    "stopped by the operator",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_bag_meets_its_expectation(name):
    bag = BAGS / name
    expectation = read_expectation(bag)
    assert expectation_file(bag).is_file()
    assert expectation.outcome is not None
    assert unmet(bag, expectation) == []


def test_the_set_has_each_robot_task_and_hand():
    succeeded, made_by, releases = set(), set(), set()
    for name in NAMES:
        with BagReader(BAGS / name) as reader:
            setup, info = read_setup(reader), read_policy_info(reader)
            releases.add(reader.has("kuka/cycle_inputs"))
        made_by.add("policy" if info is None else info.made_by)
        if setup.result.outcome == "success":
            succeeded.add((name.partition("_")[0], setup.task))
    assert {robot for robot, _ in succeeded} == {"kr60", "iiwa"}
    assert {task for _, task in succeeded} == set(TASKS)
    assert {("iiwa", "lap_joint"), ("iiwa", "peg_in_hole")} <= succeeded
    assert made_by == {"policy", "human", "scripted"}
    assert releases == {True, False}  # the preceding release recorded no kuka/cycle_inputs


@pytest.mark.parametrize("words", ENDS)
def test_each_kind_of_fault_has_a_bag(words):
    reasons = [read_expectation(BAGS / name).reason or "" for name in NAMES]
    assert any(words in reason for reason in reasons)


def test_each_outcome_has_a_bag():
    assert {read_expectation(BAGS / name).outcome for name in NAMES} == set(Outcome)


def test_the_frozen_sensor_repeats_one_reading():
    with BagReader(BAGS / "kr60_sensor_frozen") as reader:
        wrenches = [decode_six(each.message) for each in reader.serialized("/netft_data")]
    changed = [a.stamp_ns for a, b in pairwise(wrenches) if a.values != b.values]
    assert 0.95 <= 1e-9 * (wrenches[-1].stamp_ns - changed[-1]) <= 1.1


def test_a_foreign_stamp_leaves_the_bag_usable():
    replay = replay_bag(BAGS / "kr60_refused_stamps", None, None)
    assert replay.stream.unplaced_commands >= 4
    assert replay.applied.beyond == 0
