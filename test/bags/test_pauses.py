"""Pauses of a recording: what is written, what the bag says, and what its facts leave out."""

import pytest
from cut_bags import TEXTS, text

from der_ros.bags.bag_copy import copy_bag
from der_ros.bags.bag_facts import read_bag_facts
from der_ros.bags.bag_recording import BagRecording
from der_ros.bags.pauses import Pause, paused_ns, pauses_from_text, pauses_to_text
from der_ros.bags.reader import BagReader
from der_ros.bags.recorder import BagWriter
from der_ros.cli.bag_commands.bags import main
from der_ros.errors import BagError
from der_ros.threads import JobThread

LATCHED, OTHER = (topic.name for topic in TEXTS)
START_NS, MS = 10**18, 10**6


@pytest.fixture
def recording(tmp_path):
    writer = BagWriter(tmp_path / "bag", TEXTS)
    writer.open()
    return BagRecording(writer, JobThread("bags"), 10**6)


def record(recording, stamps_ms):
    for stamp_ms in stamps_ms:
        recording.offer(OTHER, text(str(stamp_ms)), START_NS + stamp_ms * MS)


@pytest.fixture
def paused(recording):
    """A bag with a message each 100 ms for 2 s, paused from 0.45 to 1.45 s."""
    record(recording, range(0, 500, 100))
    recording.pause(START_NS + 450 * MS)
    record(recording, range(500, 1500, 100))
    recording.lose(OTHER, 3)
    assert recording.resume(START_NS + 1450 * MS)
    record(recording, range(1500, 2000, 100))
    return recording.finish().result(10)


def test_no_message_of_a_pause_is_written(paused):
    with BagReader(paused) as reader:
        stamps = [(each.stamp_ns - START_NS) // MS for each in reader.serialized(OTHER)]
        assert reader.pauses() == (Pause(START_NS + 450 * MS, START_NS + 1450 * MS),)
    assert stamps == [*range(0, 500, 100), *range(1500, 2000, 100)]


def test_pauses_are_known_since_the_bag_was_opened(paused):
    with BagReader(paused) as reader:
        (paused / "metadata.yaml").unlink()
        assert len(reader.pauses()) == 1


def test_a_pause_is_no_gap_and_loses_nothing(paused, capsys):
    facts = read_bag_facts(paused)
    (topic,) = (each for each in facts.topics if each.name == OTHER)
    assert (topic.lost, facts.custom) == (0, {})
    assert topic.longest_gap_s == pytest.approx(0.1)
    assert topic.rate_hz == pytest.approx(10.0)  # nine intervals in 0.9 s that were recorded
    assert main(["info", str(paused)]) == 0
    assert "\n    paused from 0.450 to 1.450 s\n" in capsys.readouterr().out


def test_a_second_pause_changes_nothing_in_the_first(recording):
    recording.pause(START_NS)
    recording.pause(START_NS + 5)
    assert recording.resume(START_NS + 10)
    assert not recording.resume(START_NS + 20)
    assert recording.pauses == [Pause(START_NS, START_NS + 10)]
    recording.finish().result(10)


def test_a_bag_without_a_pause_says_nothing_of_it(recording):
    record(recording, [0])
    bag = recording.finish().result(10)
    assert read_bag_facts(bag).pauses == ()
    assert "paused" not in (bag / "metadata.yaml").read_text()


def test_a_copy_keeps_the_pauses_of_its_time(paused, tmp_path):
    copy_bag(paused, tmp_path / "all")
    copy_bag(paused, tmp_path / "before", end_ns=START_NS + 400 * MS)
    assert len(read_bag_facts(tmp_path / "all").pauses) == 1
    assert read_bag_facts(tmp_path / "before").pauses == ()


def test_the_text_reads_back():
    pauses = (Pause(1, 5), Pause(7, START_NS))
    assert pauses_from_text(pauses_to_text(pauses)) == pauses
    assert pauses_from_text("") == ()


@pytest.mark.parametrize("text", ["5 to 1", "1 to 5, 4 to 6", "1 to", "-1 to 5", "1 to 5,", "yes"])
def test_a_malformed_text_is_refused(text):
    with pytest.raises(BagError, match="in ns and in order"):
        pauses_from_text(text)


@pytest.mark.parametrize(
    ("begin", "end", "expected"), [(0, 100, 30), (15, 55, 10), (20, 50, 0), (12, 13, 1)]
)
def test_the_paused_part_of_a_time(begin, end, expected):
    assert paused_ns([Pause(10, 20), Pause(50, 70)], begin, end) == expected
