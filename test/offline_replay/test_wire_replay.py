"""Replay of recorded telegrams through the drivers."""

import json
import re

import pytest
from copied_bags import BAGS, copied

from der_ros.bags.recorder import typestore
from der_ros.cli.bag_commands.replay_bag import main
from der_ros.errors import ConfigurationError
from der_ros.offline_replay.expectations import read_expectation, unmet

TEXT = "std_msgs/msg/String"
WIRE = ["--from", "wire", "--policy", str(BAGS / "lap_joint_with_history.onnx")]  # it acted


def replayed(bag, capsys):
    code = main([str(bag), *WIRE, "--json"])
    return code, json.loads(capsys.readouterr().out)["replay"]


def text_change(old, new):
    """Return a change of every text message, by a regular expression."""
    types = typestore()

    def change(data):
        message = types.deserialize_cdr(data, TEXT)
        message.data, count = re.subn(old, new, message.data)
        assert count
        return bytes(types.serialize_cdr(message, TEXT))

    return change


def test_poses_wrenches_and_answers_are_rebuilt(capsys):
    code, report = replayed(BAGS / "kr60_wire", capsys)
    assert code == 0, report["differs"]
    wire = report["wire"]
    for name, least in (("wrenches", 240), ("poses", 370), ("answers", 370)):
        assert wire[name]["samples"] - wire[name]["undetermined"] >= least
        assert wire[name]["beyond_tolerance"] == 0
    assert wire["wrenches"]["max_difference"] == wire["poses"]["max_difference"] == 0.0
    assert report["inputs_known"] == report["ticks"] > 40
    assert report["rebuilt"]["outcome"] == "success"


def test_another_scale_of_the_box_is_reported(tmp_path, capsys):
    bag = copied(
        tmp_path,
        "kr60_wire",
        changes={"netft_wire_setup": text_change('"force_unit": "N"', '"force_unit": "kN"')},
    )
    code, report = replayed(bag, capsys)
    assert code == 1
    assert any(each.startswith("wrenches of the wire: ") for each in report["differs"])


def test_another_correction_is_reported(tmp_path, capsys):
    a_millimetre_more = text_change(r'(<RKorr X=\\"-?[0-9]+)', r"\g<1>1")
    bag = copied(tmp_path, "kr60_wire", changes={"kuka/wire": a_millimetre_more})
    code, report = replayed(bag, capsys)
    assert code == 1
    (told,) = report["differs"]
    assert told.startswith("answers of the wire: ")


def test_lost_telegrams_are_not_compared(tmp_path, capsys):
    bag = copied(tmp_path, "kr60_wire", without="netft_wire")
    code, report = replayed(bag, capsys)
    assert code == 0, report["differs"]
    assert report["wire"]["wrenches"]["samples"] == 0
    assert report["wire"]["poses"]["samples"] > 370


@pytest.mark.parametrize(
    ("topic", "old", "new", "reason"),
    [
        ("kuka/wire", '"absolute"', '"relative"', "kuka/wire: expected two telegrams as JSON"),
        ("kuka/wire", "<IPOC>", "<IPOK>", "kuka/wire"),
        ("netft_wire_setup", '"box"', '"bag"', "netft_wire_setup: expected the setup of a sensor"),
    ],
)
def test_damaged_telegrams_are_refused(tmp_path, topic, old, new, reason, capsys):
    bag = copied(tmp_path, "kr60_wire", changes={topic: text_change(old, new)})
    assert main([str(bag), *WIRE]) == 2
    assert reason in capsys.readouterr().err


def test_a_bag_without_telegrams_is_refused(capsys):
    assert main([str(BAGS / "kr60_exact"), "--from", "wire"]) == 2
    assert "expected netft_wire or kuka/wire, it has neither" in capsys.readouterr().err


def test_an_expectation_may_ask_for_the_wire(tmp_path):
    bag = copied(tmp_path, "kr60_exact")
    bag.with_name("kr60_exact.yaml").write_text("from: topics\n")
    with pytest.raises(ConfigurationError, match="from: expected wire, got topics"):
        read_expectation(bag)
    assert read_expectation(BAGS / "kr60_wire").from_wire
    assert unmet(BAGS / "kr60_wire", read_expectation(BAGS / "kr60_wire")) == []
