"""A recording: its failures, and missing messages by the publishers' sequence numbers."""

import pytest

from der_ros.bags.bag_recording import BagRecording, SequenceGaps
from der_ros.bags.recorder import BagWriter, RecordedTopic
from der_ros.errors import BagError
from der_ros.threads import JobThread

WORDS = RecordedTopic("/words", "std_msgs/msg/String")


@pytest.mark.parametrize(
    ("publishers", "numbers", "missing"),
    [
        (1, [1, 2, 3], 0),
        (1, [50, 51, 60], 8),
        (1, [1, 2, 5, 6, 9], 4),
        (1, [0, 0, 0], 0),
        (1, [7, 8, 1, 2, 4], 1),
        (2, [1, 500, 2, 501, 503, 6], 4),
        (2, [100, 1000, 101, 1001], 0),
    ],
)
def test_missing_numbers_are_counted(publishers, numbers, missing):
    gaps = SequenceGaps(lambda: publishers)
    assert sum(gaps.missed(number) for number in numbers) == missing


@pytest.mark.parametrize("failing", ["write", "close"])
def test_any_error_of_the_disk_thread_fails_the_bag(tmp_path, monkeypatch, failing):
    """Such as one of the compression, which is neither an OSError nor a ValueError."""

    def fail(*_arguments):
        raise MemoryError("1 GB")

    writer = BagWriter(tmp_path / "attempt_0001", [WORDS])
    writer.open()
    monkeypatch.setattr(writer, failing, fail)
    recording = BagRecording(writer, JobThread("test"), 1000)
    recording.offer("/words", b"\0\1\0\0", 1)
    with pytest.raises(BagError, match=r"attempt_0001: MemoryError: 1 GB"):
        recording.finish().result(5.0)
    assert recording.failure.endswith("attempt_0001: MemoryError: 1 GB")
    recording.offer("/words", b"\0\1\0\0", 2)
    assert recording.lost == {"/words": 1}
