"""Summary of a bag: topics, rates, gaps, losses and custom data; unreadable bags are refused."""

import json

import pytest
from cut_bags import SHIPPED, TEXTS, text, text_bag

from der_ros.bags.bag_copy import copy_bag
from der_ros.bags.bag_facts import read_bag_facts
from der_ros.bags.recorder import BagWriter
from der_ros.bags.repair import repair_bag
from der_ros.cli.bag_commands.bags import main

LATCHED, OTHER = (topic.name for topic in TEXTS)


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
