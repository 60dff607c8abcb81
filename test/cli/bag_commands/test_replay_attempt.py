"""``replay_bag`` on a whole recorded attempt."""

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from der_ros.bags.bag_copy import copy_bag
from der_ros.bags.reader import BagReader
from der_ros.cli.bag_commands.replay_bag import main

BAGS = Path(__file__).resolve().parents[3] / "test" / "replay" / "bags"
BAG = BAGS / "kr60_success"
ARGUMENTS = [str(BAG), "--policy", str(BAGS / "lap_joint.onnx")]


def test_an_attempt_is_the_same_as_its_record(capsys):
    assert main(ARGUMENTS) == 0
    output = capsys.readouterr().out
    assert "verdict:               same" in output
    assert "inputs known bit for bit: 48" in output
    assert "open loop" not in output


def test_a_bag_without_a_verdict_has_no_outcome(tmp_path, capsys):
    with BagReader(BAG) as reader:
        topics = {name for name in reader.topics if not name.endswith("result")}
    copy_bag(BAG, tmp_path / "cut", topics=topics)
    assert main([str(tmp_path / "cut"), *ARGUMENTS[1:]]) == 0
    assert "recorded outcome:      none\n" in capsys.readouterr().out


def test_a_what_if_is_in_the_json_and_open_loop(capsys):
    assert main([*ARGUMENTS, "--json", "--lose-sensor-after", "1"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "same"
    assert report["replay"]["observations"]["max_difference"] == 0.0
    what_if = report["replay"]["what_if"]
    assert what_if["outcome"] == "fault"
    assert what_if["open_loop"].startswith("open loop")


def test_a_lost_sensor_is_followed_to_rest(capsys):
    assert main([*ARGUMENTS, "--json", "--lose-sensor-after", "1"]) == 0
    what_if = json.loads(capsys.readouterr().out)["replay"]["what_if"]
    assert what_if["changes"] == ["no force reading after 1 s"]
    lost = what_if["lost_sensor"]
    assert lost["lost_s"] == 1.0
    assert lost["lost_s"] < lost["noticed_s"] < lost["rest_s"] < 1.3
    assert what_if["first_interventions"]["STALE"] == lost["noticed_s"]


def test_a_what_if_is_reported_beside_the_record(capsys):
    changes = ["--latency-ms", "40", "--set", "kuka_bridge.max_linear_speed_mps=0.02"]
    assert main([*ARGUMENTS, *changes]) == 0
    output = capsys.readouterr().out
    assert "kuka_bridge.max_linear_speed_mps = 0.02; each command 40 ms later" in output
    assert re.search(r"SPEED in \d+ cycles, in \d+ as recorded", output)
    assert re.search(r"twists: +\d+ of \d+ differ, by at most \S+ m/s or rad/s", output)
    assert "actions:             as without the changes" in output


def test_another_policy_acts_beside_the_recorded(capsys):
    other = str(BAGS / "peg_in_hole.onnx")
    assert main([*ARGUMENTS, "--json", "--against", other]) == 0
    what_if = json.loads(capsys.readouterr().out)["replay"]["what_if"]
    assert what_if["actions"]["max_difference"] > 0.1


def test_a_wrong_policy_diverges_at_a_time(capsys):
    wrong = str(BAGS / "peg_in_hole.onnx")
    assert main([str(BAG), "--policy", wrong, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    first = report["replay"]["actions"]["first_divergence"]
    assert len(first["recorded"]) == len(first["rebuilt"]) == 6
    assert any("actions: " in each for each in report["replay"]["differs"])


def test_only_the_actions_are_compared_on_request(capsys):
    assert main([*ARGUMENTS, "--from", "observations", "--json"]) == 0
    assert "replay" not in json.loads(capsys.readouterr().out)


def test_junit_has_a_case_for_each_bag(tmp_path, capsys):
    damaged = tmp_path / "damaged"
    shutil.copytree(BAG, damaged)
    file = next(damaged.glob("*.mcap"))
    file.write_bytes(file.read_bytes()[:5000])
    path = tmp_path / "junit.xml"
    assert main([str(damaged), *ARGUMENTS, "--json", "--junit", str(path)]) == 2
    verdicts = [bag["verdict"] for bag in json.loads(capsys.readouterr().out)["bags"]]
    assert verdicts == ["unusable", "same"]
    suite = ElementTree.parse(path).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "0", "1")


def test_the_plot_is_a_picture(tmp_path):
    path = tmp_path / "out.png"
    assert main([*ARGUMENTS, "--plot", str(path), "--latency-ms", "20"]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "wrong", [["--set", "kuka_bridge.x=1"], ["--latency-ms", "-1"], ["--against", "none.onnx"]]
)
def test_a_wrong_change_is_one_line_and_code_2(wrong, capsys):
    assert main([*ARGUMENTS, *wrong]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--set=policy_server.pose_timeout_s=-1", "expected 0.001 to 10, got -1"),
        ("--set=assembly_supervisor.stall_s=1e9", "expected 0 to 3600, got 1e+09"),
        ("--set=kuka_bridge.command_timeout_s=1e308", "expected 0.01 to 1, got 1e+308"),
        ("--lose-sensor-after=nan", "loss of the sensor: expected at least 0"),
        ("--lose-sensor-after=60", "expected a time within the bag, which lasts 2."),
    ],
)
def test_what_no_node_would_take_is_refused(capsys, option, told):
    assert main([*ARGUMENTS, option]) == 2
    output = capsys.readouterr()
    assert told in output.err.splitlines()[-1]
    assert output.out == ""


@pytest.mark.parametrize(
    "option",
    ["--plot=x.png", "--set=kuka_bridge.hard_force_n=90", "--latency-ms=5", "--against=x.onnx"],
)
def test_options_that_would_have_no_effect_are_refused(capsys, option):
    with pytest.raises(SystemExit, match="2"):
        main([*ARGUMENTS, "--from", "observations", option])
    name = option.partition("=")[0]
    assert f"{name}: expected --from topics or --from wire" in capsys.readouterr().err


def test_the_policy_of_another_task_is_named(capsys):
    assert main([str(BAG), "--policy", str(BAGS / "peg_in_hole.onnx")]) == 1
    told = capsys.readouterr().err
    assert "its task is lap_joint" in told
    assert "peg_in_hole.onnx is for peg_in_hole" in told
