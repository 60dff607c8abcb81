"""``bags minimize``: the result is smaller and ends in the same verdict."""

import dataclasses
import json
from pathlib import Path

import pytest
from copied_bags import copied

from der_ros.bags.bag_copy import copy_bag
from der_ros.cli.bag_commands.bags import main
from der_ros.offline_replay.expectations import read_expectation, unmet
from der_ros.offline_replay.what_if import WhatIf
from der_ros.policy.attempt import Outcome

BAGS = Path(__file__).resolve().parents[2] / "test" / "replay" / "bags"


def test_what_comes_out_ends_in_the_same_verdict(tmp_path, capsys):
    out = tmp_path / "small"
    given = [str(BAGS / "kr60_robot_silent"), "--out", str(out), "--json"]
    assert main(["minimize", *given]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["outcome"], found["reason"]) == ("fault", "no robot pose for 0.2 s")
    assert found["topics"] == found["topics_before"] == 10
    assert 0.2 < found["seconds"] < found["seconds_before"]
    expectation = read_expectation(out)
    assert (expectation.outcome, expectation.reason) == (Outcome.FAULT, found["reason"])
    assert unmet(out, expectation) == []


def test_another_outcome_than_the_kept_one_is_refused(tmp_path, capsys):
    out = tmp_path / "small"
    assert main(["minimize", str(BAGS / "kr60_exact"), "--out", str(out)]) == 2
    assert "expected an attempt that ends in fault" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_another_kind_of_bag_is_refused_by_its_topics(tmp_path, capsys):
    bag = tmp_path / "forces"
    copy_bag(BAGS / "kr60_stopped", bag, topics={"/netft_data"})
    assert main(["minimize", str(bag)]) == 2
    assert f"bag {bag}: expected one topic kuka/tcp_pose" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [bag]


def test_a_name_that_is_taken_is_refused(tmp_path, capsys):
    assert main(["minimize", str(BAGS / "kr60_stopped"), "--out", str(tmp_path)]) == 2
    assert "expected a new name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("kr60_stopped", "held by a fault whose cause is not in the bag"),
        ("kr60_sensor_lost", "no force reading for 0.2 s"),
        ("kr60_policy_silent", "policy_server has sent no command for 1 s"),
        ("kr60_robot_silent", "no robot pose for 0.2 s"),
        ("kr60_hard_force", "the force or torque reached the hard limit"),
    ],
)
def test_five_faults_are_small_bags(name, reason):
    expectation = read_expectation(BAGS / name)
    assert (expectation.outcome, expectation.reason) == (Outcome.FAULT, reason)
    assert unmet(BAGS / name, expectation) == []
    assert next((BAGS / name).glob("*.mcap")).stat().st_size < 60_000


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("kr60_second_sensor", "netft_data is also published by other_driver"),
        ("kr60_late_answers", "answers of the last second too late"),
        ("kr60_sensor_gap", "ft_bridge: sensor: no wrench for 0.11 s"),
        ("iiwa_joints_silent", "no joint states for 0.2 s in motion"),
    ],
)
def test_a_fault_of_a_node_has_its_reason(name, reason):
    """The nodes report these faults in the diagnostics, as the supervisor reads them."""
    expectation = read_expectation(BAGS / name)
    assert expectation.outcome is Outcome.FAULT
    assert reason in expectation.reason
    assert unmet(BAGS / name, expectation) == []
    assert next((BAGS / name).glob("*.mcap")).stat().st_size < 60_000


def test_without_diagnostics_the_cause_is_not_known(tmp_path):
    bag = copied(tmp_path, "kr60_second_sensor", without="/diagnostics")
    expectation = dataclasses.replace(read_expectation(BAGS / bag.name), reason=None)
    assert unmet(bag, expectation) == []
    (told,) = unmet(bag, dataclasses.replace(expectation, reason="another"))
    assert "held by a fault whose cause is not in the bag" in told


def test_a_policy_with_a_memory_is_no_hindrance(tmp_path, capsys):
    out = tmp_path / "small"
    given = [str(BAGS / "kr60_peg"), "--keep", "success", "--out", str(out), "--json"]
    assert main(["minimize", *given]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["seconds"] < 0.8 * found["seconds_before"]
    expectation = read_expectation(out)
    assert expectation.as_recorded
    assert expectation.policy is None
    assert unmet(out, expectation) == []


def test_an_abort_keeps_the_second_before_it(tmp_path, capsys):
    out = tmp_path / "small"
    given = [str(BAGS / "kr60_aborted"), "--keep", "aborted", "--out", str(out), "--json"]
    assert main(["minimize", *given]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["outcome"], found["reason"]) == ("aborted", "stopped by the operator")
    assert found["seconds"] >= 1.0
    assert unmet(out, read_expectation(out)) == []


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("kr60_hard_force", {"parameters": {"kuka_bridge.hard_force_n": 500.0}}),
        ("kr60_policy_silent", {"lose_sensor_after_s": 0.0}),
        ("kr60_robot_silent", {"lose_sensor_after_s": 0.0}),
    ],
)
def test_another_fault_than_the_expected_is_unmet(name, changes):
    expectation = read_expectation(BAGS / name)
    changed = dataclasses.replace(expectation, what_if=WhatIf(**changes))
    found = unmet(BAGS / name, changed)
    assert [each for each in found if each.startswith(f"reason: expected {expectation.reason!r}")]
