"""Summary of a bag: topics, rates, gaps, losses and custom data; unreadable bags are refused."""

import json

import pytest
import yaml
from cut_bags import SHIPPED, TEXTS, text, text_bag
from rosbags.rosbag2 import StoragePlugin, Writer

from der_ros.bags.bag_copy import copy_bag
from der_ros.bags.bag_facts import read_bag_facts
from der_ros.bags.recorder import BagWriter, typestore
from der_ros.bags.repair import repair_bag
from der_ros.cli.bag_commands.bags import main

LATCHED, OTHER = (topic.name for topic in TEXTS)


def foreign_bag(path):
    """Write a bag as another recorder does, whose file has no copy of ``metadata.yaml``."""
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        topic = writer.add_connection(OTHER, "std_msgs/msg/String", typestore=typestore())
        writer.write(topic, 10**9, text("x"))
    return path


@pytest.fixture
def bag(tmp_path):
    with BagWriter(tmp_path / "bag", TEXTS, attachments={"cell.yaml": b"speed: 1"}) as writer:
        for stamp_ms in (0, 100, 200, 700, 1000):
            writer.write(OTHER, text("x"), 10**9 + 1_000_000 * stamp_ms)
        writer.lost = {OTHER: 3}
        writer.custom["snapshot_reason"] = "a call"
    return tmp_path / "bag"


def test_rate_gap_and_losses_are_those_of_the_bag(bag):
    facts = read_bag_facts(bag)
    latched, other = sorted(facts.topics, key=lambda topic: topic.name != LATCHED)
    assert (latched.messages, latched.rate_hz, latched.longest_gap_s) == (0, 0.0, 0.0)
    assert other.message_type == "std_msgs/msg/String"
    assert (other.messages, other.rate_hz, other.lost) == (5, 4.0, 3)
    assert other.longest_gap_s == pytest.approx(0.5)
    assert (facts.start_ns, facts.duration_s, facts.lost) == (10**9, 1.0, 3)
    assert facts.files == ("bag.mcap",)
    assert facts.custom == {"snapshot_reason": "a call"}
    assert facts.attachments == {"cell.yaml": 8}


def test_the_command_prints_them(bag, capsys):
    assert main(["info", str(bag)]) == 0
    told = capsys.readouterr().out
    assert "complete, 3 messages lost" in told
    assert "4.0 Hz" in told
    assert "snapshot_reason: a call" in told
    assert main(["info", str(bag), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert sum(topic["messages"] for topic in told["topics"]) == 5


def test_a_stored_file_is_shown_as_it_was(bag, capsys):
    assert main(["info", str(bag), "--show", "cell.yaml"]) == 0
    assert capsys.readouterr().out == "speed: 1"
    assert main(["info", str(bag), "--show", "other.yaml"]) == 2
    assert "expected one of its files (cell.yaml)" in capsys.readouterr().err


@pytest.mark.parametrize("copied", [True, False])
def test_a_copy_and_a_repair_keep_the_files(bag, tmp_path, copied):
    target = tmp_path / "target"
    if copied:
        copy_bag(bag, target)
    else:
        (bag / "metadata.yaml").unlink()
        repair_bag(bag, target)
    assert read_bag_facts(target).attachments == {"cell.yaml": 8}


def test_a_shipped_attempt_is_described(capsys):
    assert main(["info", str(SHIPPED / "kr60_success")]) == 0
    assert "/netft_data" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["cut", "missing", "unfinished"])
def test_an_incomplete_bag_is_refused(tmp_path, capsys, damage):
    bag = text_bag(tmp_path / "bag")
    if damage == "cut":
        (bag / "bag.mcap").write_bytes((bag / "bag.mcap").read_bytes()[:3000])
    elif damage == "missing":
        (bag / "metadata.yaml").unlink()
    else:
        bag.rename(tmp_path / "bag.part")
        bag = tmp_path / "bag.part"
    assert main(["info", str(bag)]) == 2
    assert "error: bag" in capsys.readouterr().err


def test_an_empty_bag_is_described(tmp_path):
    with BagWriter(tmp_path / "bag", TEXTS):
        pass
    facts = read_bag_facts(tmp_path / "bag")
    assert (facts.start_ns, facts.duration_s) == (0, 0.0)


@pytest.mark.parametrize("text", ["9" * 5000, "-3", "three"])
def test_a_count_of_losses_that_is_none_stays_a_text(tmp_path, text):
    with BagWriter(tmp_path / "bag", TEXTS) as writer:
        writer.custom[f"lost_messages {OTHER}"] = text
    facts = read_bag_facts(tmp_path / "bag")
    assert (facts.lost, facts.custom) == (0, {f"lost_messages {OTHER}": text})


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("custom_data", ["a list"], "custom_data: expected texts by key, got ['a list']"),
        ("custom_data", "a text", "custom_data: expected texts by key, got 'a text'"),
        ("type", ["a list"], "expected name and type of each topic as texts"),
        ("name", 5, "expected name and type of each topic as texts"),
    ],
)
def test_a_description_of_other_types_is_refused(tmp_path, capsys, key, value, told):
    bag = foreign_bag(tmp_path / "bag")
    described = yaml.safe_load((bag / "metadata.yaml").read_text())
    information = described["rosbag2_bagfile_information"]
    topic = information["topics_with_message_count"][0]["topic_metadata"]
    (information if key == "custom_data" else topic)[key] = value
    (bag / "metadata.yaml").write_text(yaml.safe_dump(described))
    for arguments in (["info"], ["info", "--json"], ["plot"], ["minimize"]):
        assert main([*arguments, str(bag)]) == 2
        assert told in capsys.readouterr().err
