"""Missing messages, found by the publishers' sequence numbers."""

import pytest

from der_ros.bags.bag_recording import SequenceGaps


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
