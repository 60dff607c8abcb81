"""Bags of Humble (SQLite) and of other recorders: understood, or refused with exit code 2."""

import json
import random
import shutil
import sqlite3
from contextlib import closing

import pytest
from copied_bags import BAGS
from foreign_bags import humble_bag, jazzy_bag, messages_of
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from der_ros.bags.bag_copy import copy_bag
from der_ros.bags.reader import BagReader
from der_ros.bags.recorder import typestore
from der_ros.cli import demos
from der_ros.cli.bag_commands import bags, replay_bag
from der_ros.errors import BagError
from der_ros.offline_replay.expectations import Expectation, unmet

BAG = BAGS / "kr60_exact"
POLICY = BAGS / "lap_joint.onnx"
SECOND_NS = 10**9
YEAR_2200_NS = 7_258_118_400 * SECOND_NS


@pytest.fixture(scope="module")
def recorded():
    return messages_of(BAG)


@pytest.fixture(scope="module")
def humble(recorded, tmp_path_factory):
    kinds, latched, messages = recorded
    return humble_bag(tmp_path_factory.mktemp("humble") / "bag", kinds, messages, latched)


@pytest.fixture
def changed(humble, tmp_path):
    """A copy of the SQLite bag to damage."""
    return shutil.copytree(humble, tmp_path / "bag")


def text(data="hello"):
    types = typestore()
    message = types.types["std_msgs/msg/String"](data=data)
    return bytes(types.serialize_cdr(message, "std_msgs/msg/String"))


def refused(bag, capsys, tool=replay_bag, *words):
    """Return the error of a bag that is refused with exit code 2."""
    given = words or (bag, "--policy", POLICY)
    assert tool.main([str(word) for word in given]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: bag {bag}: ")
    return error


def one_file(bag):
    return next(bag.glob("*.db3"))


def test_a_humble_bag_holds_the_same_messages(humble, recorded):
    kinds, latched, messages = recorded
    with BagReader(humble) as reader:
        assert (dict(reader.types), reader.latched) == (kinds, latched)
        assert [tuple(each) for each in reader.serialized(*kinds)] == messages
        assert reader.attachments() == {}


@pytest.mark.parametrize("write", [humble_bag, jazzy_bag])
def test_a_foreign_bag_replays_the_same(tmp_path, capsys, recorded, write):
    bag = write(tmp_path / "bag", recorded[0], recorded[2])
    assert replay_bag.main([str(bag), "--policy", str(POLICY), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert replay_bag.main([str(BAG), "--policy", str(POLICY), "--json"]) == 0
    ours = json.loads(capsys.readouterr().out)
    assert json.dumps(told).replace(str(bag), "") == json.dumps(ours).replace(str(BAG), "")


@pytest.mark.parametrize(
    ("storage", "compression"),
    [
        (StoragePlugin.SQLITE3, CompressionMode.NONE),
        (StoragePlugin.SQLITE3, CompressionMode.FILE),
        (StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
        (StoragePlugin.MCAP, CompressionMode.FILE),
        (StoragePlugin.MCAP, CompressionMode.MESSAGE),
        (StoragePlugin.MCAP, CompressionMode.STORAGE),
    ],
)
def test_every_form_that_rosbags_writes_is_read(tmp_path, recorded, storage, compression):
    kinds, _, messages = recorded
    bag = jazzy_bag(tmp_path / "bag", kinds, messages, storage, compression)
    assert messages_of(bag)[2] == messages
    assert unmet(bag, Expectation(policy=POLICY)) == []


def test_a_humble_bag_is_described(humble, capsys):
    assert bags.main(["info", str(humble), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert sum(topic["messages"] for topic in told["topics"]) == 1284
    assert bags.main(["info", str(one_file(humble))]) == 0
    assert "complete" in capsys.readouterr().out


def test_a_humble_bag_is_plotted(humble, tmp_path):
    assert bags.main(["plot", str(humble), "--out", str(tmp_path / "plot.png")]) == 0
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_a_humble_bag_is_a_demonstration(humble, tmp_path, capsys):
    assert demos.main(["check", str(humble), "--task", "lap_joint"]) == 0
    assert demos.main(["trim", str(humble), str(tmp_path / "out")]) == 0
    assert demos.main(["check", str(tmp_path / "out"), "--task", "lap_joint"]) == 0
    assert capsys.readouterr().out.count(" fits") == 2


def test_a_humble_bag_is_copied_into_mcap(humble, tmp_path, recorded):
    copy_bag(humble, tmp_path / "copy")
    assert messages_of(tmp_path / "copy") == recorded


def test_a_humble_bag_meets_expectations(humble):
    expectation = Expectation(policy=POLICY)
    assert unmet(humble, expectation) == []


@pytest.mark.parametrize(
    "topic",
    [
        "/policy/observation",
        "/policy/action",
        "/policy/contract",
        "/kuka/limits",
        "/netft_data",
        "/kuka/tcp_pose",
        "/kuka/twist_applied",
        "/kuka/delta_twist_cmds",
        "/kuka/cycle_inputs",
        "/assembly_supervisor/result",
    ],
)
def test_another_message_type_is_refused_by_name(tmp_path, capsys, recorded, topic):
    kinds, _, messages = recorded
    others = [(name, at, text() if name == topic else data) for name, at, data in messages]
    bag = humble_bag(tmp_path / "bag", kinds | {topic: "std_msgs/msg/String"}, others)
    error = refused(bag, capsys)
    assert f"{topic}: expected" in error
    assert "std_msgs" in error


@pytest.mark.parametrize("topic", ["/policy/contract", "/policy/action"])
def test_a_demonstration_of_other_types_does_not_fit(tmp_path, capsys, recorded, topic):
    kinds, _, messages = recorded
    others = [(name, at, text() if name == topic else data) for name, at, data in messages]
    bag = humble_bag(tmp_path / "bag", kinds | {topic: "std_msgs/msg/String"}, others)
    assert demos.main(["check", str(bag), "--task", "lap_joint"]) == 1
    assert f"{topic}: expected" in capsys.readouterr().out


def test_a_type_of_the_same_layout_is_refused(tmp_path, capsys, recorded):
    kinds, _, messages = recorded
    twist = "geometry_msgs/msg/TwistStamped"
    bag = humble_bag(tmp_path / "bag", kinds | {"/netft_data": twist}, messages)
    error = refused(bag, capsys)
    assert f"expected messages of geometry_msgs/msg/WrenchStamped, got {twist}" in error


def test_further_topics_of_unknown_types_do_not_matter(tmp_path, recorded):
    kinds, _, messages = recorded
    foreign = [*messages, ("/camera", messages[0][1], b"\0\1\0\0abcd")]
    bag = humble_bag(tmp_path / "bag", kinds | {"/camera": "their_msgs/msg/Frame"}, foreign)
    assert bags.main(["info", str(bag)]) == 0
    assert replay_bag.main([str(bag), "--policy", str(POLICY)]) == 0


def test_unknown_types_hide_no_needless_topic(tmp_path, capsys):
    """A topic of an unknown type cannot be written, and the others are still tried."""
    kinds, _, messages = messages_of(BAGS / "kr60_robot_silent")
    at_ns = messages[0][1]
    further = [*messages, ("/a", at_ns, text()), ("/camera", at_ns, b"\0\1\0\0abcd")]
    types = {"/a": "std_msgs/msg/String", "/camera": "their_msgs/msg/Frame"}
    bag = humble_bag(tmp_path / "bag", kinds | types, further)
    out = str(tmp_path / "small")
    given = [str(bag), "--policy", str(POLICY), "--out", out, "--json"]
    assert bags.main(["minimize", *given]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["topics_before"], told["topics"]) == (12, 10)


def test_a_topic_cannot_move_the_terminals_cursor(tmp_path, capsys, recorded):
    kinds, _, messages = recorded
    name = "/cam\x1b[2J\nerror: all is lost"
    foreign = [*messages, (name, messages[0][1], b"\0\1\0\0abcd")]
    bag = humble_bag(tmp_path / "bag", kinds | {name: "their_msgs/msg/Frame"}, foreign)
    assert bags.main(["info", str(bag)]) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert r"/cam\x1b[2J\nerror: all is lost" in printed


@pytest.mark.parametrize("moved_ns", [YEAR_2200_NS, -(10**19) // 5], ids=["2200", "negative"])
def test_absurd_times_of_the_bag_are_refused(tmp_path, capsys, recorded, moved_ns):
    kinds, _, messages = recorded
    moved = [(name, at - messages[0][1] + moved_ns, data) for name, at, data in messages]
    bag = humble_bag(tmp_path / "bag", kinds, moved)
    assert bags.main(["info", str(bag)]) == 0
    assert "expected stamps within 10 s of the bag's time" in refused(bag, capsys)


def test_one_absurd_time_is_refused(tmp_path, capsys, recorded):
    kinds, _, messages = recorded
    last = max(n for n, each in enumerate(messages) if each[0] == "/netft_data")
    topic, _, data = messages[last]
    late = [*messages[:last], (topic, YEAR_2200_NS, data), *messages[last + 1 :]]
    bag = humble_bag(tmp_path / "bag", kinds, late)
    assert "netft_data: expected stamps within 10 s" in refused(bag, capsys)


@pytest.mark.parametrize("order", ["repeated", "back", "shuffled"])
def test_disordered_times_are_understood(tmp_path, capsys, recorded, order):
    kinds, _, messages = recorded
    changed = {
        "repeated": [(name, at // SECOND_NS * SECOND_NS, data) for name, at, data in messages],
        "back": [
            (name, at - (SECOND_NS if n > 600 else 0), data)
            for n, (name, at, data) in enumerate(messages)
        ],
        "shuffled": random.Random(2).sample(messages, len(messages)),
    }[order]
    bag = humble_bag(tmp_path / "bag", kinds, changed)
    code = replay_bag.main([str(bag), "--policy", str(POLICY), "--json"])
    assert code == {"repeated": 1, "back": 1, "shuffled": 0}[order]
    assert json.loads(capsys.readouterr().out)
    assert bags.main(["info", str(bag)]) == 0


def test_a_gap_of_half_a_second_is_a_silent_robot(tmp_path, capsys, recorded):
    kinds, _, messages = recorded
    begin_ns = messages[0][1] + SECOND_NS
    kept = [
        each
        for each in messages
        if not (each[0].startswith("/kuka/") and 0 <= each[1] - begin_ns < SECOND_NS // 2)
    ]
    bag = humble_bag(tmp_path / "bag", kinds, kept)
    replay_bag.main([str(bag), "--policy", str(POLICY), "--json"])
    assert "no robot pose for 0.2 s" in capsys.readouterr().out


@pytest.mark.parametrize("kept", [{}, None], ids=["no topics", "no messages"])
def test_an_empty_bag_is_described_and_not_replayed(tmp_path, capsys, recorded, kept):
    kinds = recorded[0] if kept is None else kept
    bag = humble_bag(tmp_path / "bag", kinds, [])
    assert bags.main(["info", str(bag)]) == 0
    capsys.readouterr()
    refused(bag, capsys)
    refused(bag, capsys, bags, "plot", bag)


def test_a_humble_bag_cut_anywhere_is_refused(changed, capsys):
    data, draw = one_file(changed).read_bytes(), random.Random(5)
    for size in [0, 1, 50, 99, 100, *(draw.randrange(len(data)) for _ in range(15))]:
        one_file(changed).write_bytes(data[:size])
        assert ".recover" in refused(changed, capsys)


def test_a_damaged_page_is_refused_or_changes_numbers(changed, recorded):
    data, draw = one_file(changed).read_bytes(), random.Random(6)
    for _ in range(40):
        damaged = bytearray(data)
        begin = draw.randrange(len(data))
        damaged[begin : begin + 8] = draw.randbytes(len(damaged[begin : begin + 8]))
        one_file(changed).write_bytes(damaged)
        try:
            with BagReader(changed) as reader:
                count = sum(1 for _ in reader.serialized(*reader.topics))
        except BagError:
            continue
        assert count == len(recorded[2])


def test_a_lost_message_is_reported_by_the_counts(changed, capsys):
    with closing(sqlite3.connect(one_file(changed))) as database:
        database.execute("DELETE FROM messages WHERE id = 7")
        database.commit()
    assert "expected 1284 messages" in refused(changed, capsys)


def test_what_is_no_database_is_refused(changed, capsys):
    one_file(changed).write_bytes(b"no database " * 500)
    assert "file is not a database" in refused(changed, capsys, bags, "info", changed)


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_a_killed_recorder_of_humble_is_reported(changed, capsys, suffix):
    one_file(changed).with_name(one_file(changed).name + suffix).write_bytes(b"rest")
    error = refused(changed, capsys, bags, "info", changed)
    assert "was not completed" in error
    assert f"ros2 bag reindex {changed}" in error


def test_a_bag_without_metadata_says_how_to_get_it(changed, tmp_path, capsys):
    (changed / "metadata.yaml").unlink()
    assert f"'ros2 bag reindex {changed}' writes it" in refused(changed, capsys)
    ours = shutil.copytree(BAG, tmp_path / "ours")
    (ours / "metadata.yaml").unlink()
    assert f"'ros2 run der_ros bags repair {ours}' writes it" in refused(ours, capsys)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("version: 5", "version: 12", "version 12"),
        ("storage_identifier: sqlite3", "storage_identifier: theirs", "theirs"),
        ("serialization_format: cdr", "serialization_format: json", "json"),
    ],
)
def test_another_form_is_refused_by_its_name(changed, capsys, old, new, told):
    path = changed / "metadata.yaml"
    path.write_text(path.read_text().replace(old, new))
    assert told in refused(changed, capsys, bags, "info", changed)
