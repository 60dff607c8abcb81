"""Bags in which a person or a script acted, and bags replayed with their recorded actions."""

import json

import pytest
from copied_bags import BAGS, copied

from der_ros.bags.reader import BagReader
from der_ros.cli import demos
from der_ros.cli.bag_commands.replay_bag import main
from der_ros.errors import ConfigurationError
from der_ros.offline_replay.live.played_bag import server_parameters

TAUGHT, SCRIPTED, CUT = (
    BAGS / name for name in ("kr60_taught", "kr60_key_scripted", "kr60_late_answers")
)


@pytest.mark.parametrize(("bag", "made_by"), [(TAUGHT, "human"), (SCRIPTED, "scripted")])
def test_what_followed_from_the_actions_is_rebuilt(bag, made_by, capsys):
    assert main([str(bag), "--json"]) == 0
    output = capsys.readouterr()
    assert f"actions: those of the bag ({made_by})" in output.err
    report = json.loads(output.out)
    replay = report["replay"]
    assert report["max_action_difference"] is None
    assert report["samples"] == replay["ticks"] == replay["inputs_known"] > 50
    assert replay["observations"]["samples"] == replay["ticks"]
    assert replay["observations"]["max_difference"] == replay["applied"]["max_difference"] == 0.0
    assert replay["actions"]["samples"] == 0
    assert replay["rebuilt"]["outcome"] == "success"


def test_a_what_if_keeps_the_persons_actions(capsys):
    slow = ["--set", "kuka_bridge.max_linear_speed_mps=0.01", "--json"]
    assert main([str(TAUGHT), *slow]) == 0
    what_if = json.loads(capsys.readouterr().out)["replay"]["what_if"]
    assert what_if["interventions"]["SPEED"] > 100
    assert what_if["applied"]["max_difference"] > 0.01


def test_a_policy_is_compared_with_the_person(capsys):
    policy = BAGS / "lap_joint_with_history.onnx"
    assert main([str(TAUGHT), "--policy", str(policy)]) == 1
    assert "differ by more than 1e-05" in capsys.readouterr().err


def test_without_a_policy_no_action_is_compared(capsys):
    assert main([str(TAUGHT), "--from", "observations"]) == 2
    assert "expected a policy for --from observations" in capsys.readouterr().err


def test_a_running_policy_needs_a_file_for_such_a_bag():
    with BagReader(TAUGHT) as reader:
        with pytest.raises(ConfigurationError, match="expected a policy that acted, got human"):
            server_parameters(reader, 1.0)
        assert server_parameters(reader, 1.0, "mine.onnx")["policy"] == "mine.onnx"


def test_a_late_beginning_needs_the_recorded_actions(capsys):
    assert main([str(CUT), "--actions", "recorded"]) == 0
    capsys.readouterr()
    assert main([str(CUT)]) == 1
    assert "it begins within the attempt" in capsys.readouterr().err


def test_a_persons_bag_without_its_contract_is_refused(tmp_path, capsys):
    assert main([str(copied(tmp_path, "kr60_taught", without="policy/contract"))]) == 2
    assert "it names no policy" in capsys.readouterr().err


@pytest.mark.parametrize(("bag", "task"), [(TAUGHT, "lap_joint"), (SCRIPTED, "key_slot")])
def test_a_demonstration_fits_its_task(bag, task, capsys):
    """The key has no shipped policy, so its bag is held against the task itself."""
    assert demos.main(["check", str(bag), "--task", task]) == 0
    assert capsys.readouterr().out.rstrip().endswith("fits")
