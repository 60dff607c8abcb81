"""Late answers counted from ``Delay``, by hand, for both counting modes of a controller."""

import pytest

from der_ros.drivers.late_answers import LateAnswers


@pytest.mark.parametrize(
    ("delays", "total"),
    [
        ([0, 0, 0], 0),
        ([0, 1, 2, 0, 1, 0], 3),  # count of consecutive late answers
        ([0, 1, 2, 2, 3, 3], 3),  # count since the start
        ([25, 25, 26, 0], 1),  # late answers before the first telegram do not count
        ([0, 5, 2], 7),  # a second row whose beginning is not in the telegrams
    ],
)
def test_growth_is_counted(delays, total):
    late = LateAnswers()
    assert sum(late.add(delay, 0.012 * cycle, 1) for cycle, delay in enumerate(delays)) == total
    assert late.recent(0.1) == total


def test_only_the_last_second_counts_as_recent():
    late = LateAnswers()
    for cycle, delay in enumerate((0, 3, 0, 4)):
        late.add(delay, 0.5 * cycle, 1)
    assert late.recent(1.5) == 7
    assert late.recent(2.0) == 4
    assert late.recent(2.6) == 0


def test_another_session_begins_anew():
    late = LateAnswers()
    late.add(0, 0.0, 1)
    late.add(9, 0.1, 1)
    assert late.add(30, 0.2, 2) == 0
    assert late.recent(0.2) == 0
