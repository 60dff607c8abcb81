import pytest

from der_ros.bags.reader import BagReader
from der_ros.bags.recorder import BagWriter, RecordedTopic, typestore
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


def test_what_is_missing_is_told(bag, tmp_path):
    with pytest.raises(BagError, match="no such folder"):
        read(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BagError, match="a folder without one"):
        read(tmp_path / "empty")
    (bag / "bag.mcap").unlink()
    with pytest.raises(BagError, match="damaged"):
        read(bag, "/other")


def test_an_incomplete_recording_is_told(tmp_path):
    writer = BagWriter(tmp_path / "half", TOPICS)
    writer.open()
    writer.abort()
    for name in ("half", "half.part"):
        with pytest.raises(BagError, match="was not completed"):
            read(tmp_path / name)


def test_a_bag_that_is_cut_anywhere_is_told(bag):
    file = bag / "bag.mcap"
    data = file.read_bytes()
    for size in range(0, len(data) - 1, len(data) // 60):
        file.write_bytes(data[:size])
        with pytest.raises(BagError, match="damaged"):
            read(bag, "/other")


def test_flipped_bytes_never_raise_anything_else(bag):
    file = bag / "bag.mcap"
    data = file.read_bytes()
    refused = 0
    for at in range(0, len(data), len(data) // 80):
        changed = bytearray(data)
        changed[at] ^= 0xFF
        file.write_bytes(changed)
        try:
            read(bag, "/other")
        except BagError:
            refused += 1
    assert refused > 0


def test_garbage_in_the_metadata_is_told(bag):
    (bag / "metadata.yaml").write_text("{[not yaml")
    with pytest.raises(BagError, match="damaged"):
        read(bag)
