"""The last seconds in bounded memory, and the bag written from them."""

import pytest
from cut_bags import TEXTS, by_mcap, text

from der_ros.bags.bag_folder import SNAPSHOT, BagFolder, Retention
from der_ros.bags.black_box import REASON, BlackBox, Kept, write_snapshot
from der_ros.bags.reader import BagReader
from der_ros.bags.recorder import BagWriter

LATCHED, OTHER = (topic.name for topic in TEXTS)


def messages(begin, end, topic=OTHER):
    return [Kept(float(second), topic, text(str(second))) for second in range(begin, end)]


def seconds(box):
    return [each.arrived_s for each in box.contents()]


def test_what_is_older_than_its_span_is_forgotten():
    box = BlackBox(10.0, 10**9)
    for second in range(100):
        box.add(messages(second, second + 1))
    assert seconds(box) == list(range(90, 100))
    assert box.size_bytes < 10 * 300


def test_memory_is_bounded_whatever_arrives():
    box = BlackBox(1000.0, 10_000)
    for second in range(500):
        box.add(messages(second, second + 1))
        assert box.size_bytes <= 10_000
    assert seconds(box)[-1] == 499
    assert 25 < len(box.contents()) < 40
    box.add([Kept(500.0, OTHER, bytes(20_000))])
    assert box.size_bytes == 0
    assert box.contents() == []


def test_a_latched_message_is_in_each_snapshot_once():
    box = BlackBox(10.0, 10**9, [LATCHED])
    box.add(messages(0, 2, LATCHED))
    box.add(messages(2, 30))
    first, *rest = box.contents()
    assert first == Kept(20.0, LATCHED, text("1"))
    assert {each.topic for each in rest} == {OTHER}
    box.add(messages(30, 31, LATCHED))
    assert [each.topic for each in box.contents()].count(LATCHED) == 2


def test_a_snapshot_is_a_bag_with_its_reason(tmp_path):
    folder = BagFolder(tmp_path, Retention())

    def begin():
        writer = folder.begin(TEXTS, SNAPSHOT)
        writer.custom[REASON] = "kuka_bridge: force above 250 N"
        return writer

    path = write_snapshot(begin, messages(1, 4), lambda second: int(1e9 * second))
    assert path.name == "snapshot_0001"
    with BagReader(path) as reader:
        assert reader.topics == {LATCHED: 0, OTHER: 3}
    assert (
        "snapshot_reason: 'kuka_bridge: force above 250 N'" in (path / "metadata.yaml").read_text()
    )
    assert [stamp for _, stamp, _ in by_mcap(path)] == [10**9, 2 * 10**9, 3 * 10**9]
    assert write_snapshot(begin, messages(1, 4), int).name == "snapshot_0002"


@pytest.mark.parametrize(
    ("bags", "kept"),
    [
        (4, ["attempt_0001", "attempt_0002", "snapshot_0001", "snapshot_0002"]),
        (3, ["attempt_0002", "snapshot_0001", "snapshot_0002"]),
        (1, ["attempt_0002", "snapshot_0002"]),
    ],
)
def test_snapshots_are_removed_as_late_as_faults(tmp_path, bags, kept):
    folder = BagFolder(tmp_path, Retention(bags=bags))
    for prefix in ("attempt_", SNAPSHOT, "attempt_", SNAPSHOT):
        folder.begin(TEXTS, prefix).close()
    folder.prune()
    assert sorted(entry.name for entry in (tmp_path / "bags").iterdir()) == kept


def test_an_open_writer_is_entered_as_it_is(tmp_path):
    writer = BagWriter(tmp_path / "bag", TEXTS)
    writer.open()
    with writer:
        writer.write(OTHER, text("x"), 1)
    assert len(by_mcap(tmp_path / "bag")) == 1
