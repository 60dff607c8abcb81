"""Bags of several files: written by time or size, read in order, replayed and repaired."""

import json

import pytest
import yaml
from copied_bags import BAGS
from foreign_bags import messages_of
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rosbags.highlevel import AnyReader

from der_ros.bags import recorder
from der_ros.bags.bag_facts import read_bag_facts
from der_ros.bags.mcap_file import FileLimits
from der_ros.bags.reader import BagReader
from der_ros.bags.recorder import BagWriter, RecordedTopic
from der_ros.bags.repair import repair_bag
from der_ros.cli.bag_commands import replay_bag
from der_ros.errors import BagError

BAG = BAGS / "kr60_exact"
LATCHED = {"/policy/contract", "/kuka/limits"}
BY_TIME = FileLimits(span_s=0.5)
BY_SIZE = FileLimits(size_bytes=40_000)


@pytest.fixture(scope="module")
def recorded():
    return messages_of(BAG)


def writer_of(target, recorded, limits):
    topics = [RecordedTopic(name, kind, name in LATCHED) for name, kind in recorded[0].items()]
    stored = {"cell.yaml": b"speed: 1"}
    return BagWriter(target, topics, attachments=stored, limits=limits)


def write_all(writer, recorded):
    for topic, stamp_ns, data in recorded[2]:
        writer.write(topic, data, stamp_ns)


def split(target, recorded, limits):
    with writer_of(target, recorded, limits) as writer:
        write_all(writer, recorded)
    return target


def described(bag):
    return yaml.safe_load((bag / "metadata.yaml").read_text())["rosbag2_bagfile_information"]


def without_repeats(messages):
    """All messages, the latched ones only as often as they came."""
    seen = set()
    for topic, stamp_ns, data in messages:
        if topic in LATCHED and topic in seen:
            continue
        seen.add(topic)
        yield topic, stamp_ns, data


@pytest.mark.parametrize(("limits", "files"), [(BY_TIME, 5), (BY_SIZE, 5)], ids=["time", "size"])
def test_the_files_hold_all_messages_in_order(tmp_path, recorded, limits, files):
    bag = split(tmp_path / "bag", recorded, limits)
    names = described(bag)["relative_file_paths"]
    assert names == [f"bag_{number}.mcap" for number in range(files)]
    assert {path.name for path in bag.glob("*.mcap")} == set(names)
    assert list(without_repeats(messages_of(bag)[2])) == recorded[2]
    with AnyReader([bag]) as reader:
        raw = [(entry.topic, at, bytes(data)) for entry, at, data in reader.messages()]
    assert list(without_repeats(raw)) == recorded[2]


def test_each_file_is_read_by_mcap_alone(tmp_path, recorded):
    bag, found = split(tmp_path / "bag", recorded, BY_TIME), []
    for name in described(bag)["relative_file_paths"]:
        with (bag / name).open("rb") as file:
            reader = make_reader(file, validate_crcs=True, decoder_factories=[DecoderFactory()])
            part = [
                (channel.topic, message.log_time, message.data)
                for _, channel, message, _ in reader.iter_decoded_messages()
            ]
        assert {topic for topic, _, _ in part} >= LATCHED
        found += part
    assert list(without_repeats(found)) == recorded[2]


def test_no_file_exceeds_its_limits(tmp_path, recorded):
    for entry in described(split(tmp_path / "a", recorded, BY_TIME))["files"]:
        assert entry["duration"]["nanoseconds"] < 500_000_000
    bag = split(tmp_path / "b", recorded, BY_SIZE)
    for entry in described(bag)["files"]:
        with (bag / entry["path"]).open("rb") as file:
            sizes = [len(message.data) for _, _, message in make_reader(file).iter_messages()]
        assert sum(sizes) < BY_SIZE.size_bytes


def test_a_split_bag_replays_the_same(tmp_path, recorded, capsys):
    told = []
    for limits in (FileLimits(), BY_TIME, BY_SIZE):
        bag = split(tmp_path / f"bag{len(told)}", recorded, limits)
        policy = str(BAGS / "lap_joint.onnx")
        assert replay_bag.main([str(bag), "--policy", policy, "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out.replace(str(bag), "bag")))
    assert told[1] == told[2] == told[0]


def test_a_bag_without_limits_is_one_file_of_its_name(tmp_path, recorded):
    facts = read_bag_facts(split(tmp_path / "bag", recorded, FileLimits()))
    assert facts.files == ("bag.mcap",)


def test_facts_and_files_are_those_of_all_parts(tmp_path, recorded):
    facts = read_bag_facts(split(tmp_path / "bag", recorded, BY_TIME))
    assert (len(facts.files), facts.attachments) == (5, {"cell.yaml": 8})
    assert facts.duration_s == pytest.approx(read_bag_facts(BAG).duration_s)


@pytest.mark.parametrize("number", [0, 2, 4])
def test_a_damaged_or_missing_part_is_refused(tmp_path, recorded, number):
    path = split(tmp_path / "bag", recorded, BY_TIME) / f"bag_{number}.mcap"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(BagError, match="damaged"), BagReader(tmp_path / "bag"):
        pass
    path.unlink()
    with pytest.raises(BagError, match="damaged"), BagReader(tmp_path / "bag"):
        pass


def test_a_killed_recording_is_repaired_with_all_parts(tmp_path, recorded):
    writer = writer_of(tmp_path / "bag", recorded, BY_TIME)
    writer.open()
    write_all(writer, recorded)
    writer.save()
    writer.abort()
    assert repair_bag(writer.part, in_place=True).bag == tmp_path / "bag"
    assert list(without_repeats(messages_of(tmp_path / "bag")[2])) == recorded[2]


def test_a_disk_that_takes_no_second_file_is_reported(tmp_path, recorded, monkeypatch):
    writer = writer_of(tmp_path / "bag", recorded, BY_TIME)
    writer.open()

    def full(_path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recorder, "open_file", full)
    with pytest.raises(BagError, match="writing failed"):
        write_all(writer, recorded)
    assert not (tmp_path / "bag").exists()
    assert repair_bag(writer.part, in_place=True).messages > 100
