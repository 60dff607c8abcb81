import contextlib
import os
import time
from itertools import pairwise

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer

from der_ros.bags import integrity, reader
from der_ros.bags.integrity import CheckedBag
from der_ros.bags.mcap_index import OwnTypes
from der_ros.bags.reader import BagReader
from der_ros.bags.recorder import BagWriter, RecordedTopic, typestore
from der_ros.bags.repair import repair_bag
from der_ros.errors import BagError

TOPICS = [
    RecordedTopic("/cell/policy/info", "std_msgs/msg/String"),
    RecordedTopic("/other", "std_msgs/msg/String"),
]


@pytest.fixture
def bag(tmp_path):
    types = typestore()
    string = types.types["std_msgs/msg/String"]
    with BagWriter(tmp_path / "bag", TOPICS) as writer:
        for i in range(50):
            data = bytes(types.serialize_cdr(string(data=f"message {i}"), "std_msgs/msg/String"))
            writer.write(TOPICS[i % 2].name, data, 1000 * (50 - i) if i < 2 else 1000 * (50 + i))
    return tmp_path / "bag"


def read(path, *topics):
    with BagReader(path) as reader:
        return list(reader.messages(*topics))


def test_a_bag_with_its_own_types_loads_no_others(bag, monkeypatch):
    monkeypatch.setattr(reader, "get_typestore", lambda _: pytest.fail("ROS 2's types are loaded"))
    with BagReader(bag) as opened:
        assert len(list(opened.messages(*opened.topics))) > 0


def test_messages_come_in_bag_order(bag):
    messages = read(bag, "/cell/policy/info", "/other")
    assert len(messages) == 50
    stamps = [message.stamp_ns for message in messages]
    assert stamps == sorted(stamps)
    assert messages[0].message.data == "message 1"
    assert [m.topic for m in read(bag, "/other")] == ["/other"] * 25
    assert read(bag, "/none") == []


def test_a_topic_is_found_in_whatever_namespace(bag):
    with BagReader(bag / "bag.mcap") as reader:
        assert reader.find("policy/info") == "/cell/policy/info"
        assert reader.topics == {"/cell/policy/info": 25, "/other": 25}
        with pytest.raises(BagError, match=r"one topic policy/action, got none.*/other"):
            reader.find("policy/action")


def test_what_is_missing_is_reported(bag, tmp_path):
    with pytest.raises(BagError, match="no such folder"):
        read(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BagError, match="a folder without one"):
        read(tmp_path / "empty")
    (bag / "bag.mcap").unlink()
    with pytest.raises(BagError, match="damaged"):
        read(bag, "/other")


def test_an_incomplete_recording_is_reported(tmp_path):
    writer = BagWriter(tmp_path / "half", TOPICS)
    writer.open()
    writer.abort()
    for name in ("half", "half.part"):
        with pytest.raises(BagError, match="was not completed"):
            read(tmp_path / name)


def test_a_bag_that_is_cut_anywhere_is_reported(bag):
    file = bag / "bag.mcap"
    data = file.read_bytes()
    for size in range(0, len(data) - 1, len(data) // 60):
        file.write_bytes(data[:size])
        with pytest.raises(BagError, match="damaged"):
            read(bag, "/other")


def test_a_damaged_byte_is_refused_or_changes_nothing(bag):
    whole = read(bag, "/cell/policy/info", "/other")
    rng = np.random.default_rng(5)
    for path in (bag / "bag.mcap", bag / "metadata.yaml"):
        data = path.read_bytes()
        for at in rng.integers(0, len(data), 250):
            changed = bytearray(data)
            changed[at] ^= int(rng.integers(1, 256))
            path.write_bytes(changed)
            with contextlib.suppress(BagError):
                assert read(bag, "/cell/policy/info", "/other") == whole, (path.name, at)
        path.write_bytes(data)


def test_every_damage_to_the_file_is_refused(bag):
    path = bag / "bag.mcap"
    data = path.read_bytes()
    for at in range(0, len(data), len(data) // 150):
        changed = bytearray(data)
        changed[at] ^= 0x10
        path.write_bytes(changed)
        with pytest.raises(BagError, match="damaged"):
            read(bag, "/other")


def test_zeros_amid_the_messages_are_refused(bag):
    path = bag / "bag.mcap"
    data = path.read_bytes()
    middle = data.index(b"message 20")
    path.write_bytes(data[:middle] + bytes(200) + data[middle + 200 :])
    with pytest.raises(BagError, match="damaged"):
        read(bag, "/other")


def test_bytes_behind_the_end_are_refused(bag):
    path = bag / "bag.mcap"
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(BagError, match="damaged"):
        read(bag, "/other")


@pytest.mark.parametrize("key", ["message_count: 50", "message_count: 25"])
def test_counts_that_disagree_are_refused(bag, key):
    described = bag / "metadata.yaml"
    described.write_text(described.read_text().replace(key, "message_count: 26"))
    with pytest.raises(BagError, match=r"metadata\.yaml"):
        read(bag, "/other")


def test_a_bag_of_another_writer_is_still_read(tmp_path):
    types = typestore()
    with Writer(tmp_path / "other", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/x", "std_msgs/msg/String", typestore=types)
        string = types.types["std_msgs/msg/String"](data="foreign")
        writer.write(connection, 7, bytes(types.serialize_cdr(string, "std_msgs/msg/String")))
    (message,) = read(tmp_path / "other", "/x")
    assert (message.stamp_ns, message.message.data) == (7, "foreign")


def test_garbage_in_the_metadata_is_reported(bag):
    (bag / "metadata.yaml").write_text("{[not yaml")
    with pytest.raises(BagError, match="damaged"):
        read(bag)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 900 + "]" * 900,
        "a: &a [x]\n"
        + "".join(
            f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmnopq")
        ),
        "a: " + "x" * 5 * 2**20,
    ],
    ids=["deep", "bomb", "long"],
)
def test_metadata_that_grows_is_refused_at_once(bag, text):
    (bag / "metadata.yaml").write_text(text)
    began_s = time.monotonic()
    with pytest.raises(BagError, match="damaged"):
        read(bag)
    assert time.monotonic() - began_s < 5.0


def test_a_pipe_in_place_of_a_file_is_refused_at_once(bag, tmp_path):
    file = bag / "bag.mcap"
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(BagError, match=r"bag\.mcap: expected a regular file, got a folder, a pipe"):
        read(bag)
    with pytest.raises(BagError, match="expected a regular file"):
        repair_bag(bag, tmp_path / "repaired")


@pytest.mark.parametrize("text", ["", "[1]", "rosbag2_bagfile_information: 5"])
def test_a_description_of_no_bag_is_named(bag, text):
    (bag / "metadata.yaml").write_text(text)
    with pytest.raises(BagError, match=r"metadata\.yaml: expected rosbag2_bagfile_information"):
        read(bag)


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in ("/", "", "x" * 300, "a\0b", tmp_path / "loop"):
        with pytest.raises(BagError, match="expected"):
            read(path)


def test_a_bag_of_this_package_is_read_as_any_other(bag, monkeypatch):
    def found():
        with BagReader(bag) as opened:
            described = opened.topics, opened.types, opened.latched
            texts = [(m.topic, m.stamp_ns, m.message.data) for m in opened.messages(*opened.topics)]
            return described, texts, list(opened.serialized(*opened.topics))

    with monkeypatch.context() as patched:
        patched.setattr(reader, "_any_reader", lambda _: pytest.fail("rosbags reads it"))
        own = found()
    monkeypatch.setattr(CheckedBag, "is_own", False)
    assert found() == own


def test_a_type_of_another_definition_is_refused(bag):
    with BagReader(bag) as opened:
        hashes = dict.fromkeys(opened.types.values(), "RIHS01_0")
        text = integrity.check_bag(bag).definitions["std_msgs/msg/String"]
        types = OwnTypes({"std_msgs/msg/String": text}, hashes)
        data = next(opened.serialized("/other")).message
    with pytest.raises(BagError, match="expected the hash RIHS01_0"):
        types.decode(data, "std_msgs/msg/String")
