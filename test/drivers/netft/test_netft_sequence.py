"""Loss, duplicates, reordering, wrap-around and restarts, computed by hand."""

import pytest

from der_ros.drivers.netft.stream import SequenceTracker


def counts(numbers):
    tracker = SequenceTracker()
    orders = [tracker.arrived(number).value for number in numbers]
    return orders, (tracker.lost, tracker.duplicates, tracker.reordered, tracker.restarts)


TOP = 2**32


@pytest.mark.parametrize(
    ("numbers", "orders", "expected"),
    [
        ([1, 2, 3], ["next"] * 3, (0, 0, 0, 0)),
        ([1, 4], ["next", "next"], (2, 0, 0, 0)),
        ([1, 2, 2], ["next", "next", "duplicate"], (0, 1, 0, 0)),
        ([1, 3, 2, 4], ["next", "next", "reordered", "next"], (0, 0, 1, 0)),
        ([1, 3, 2, 2], ["next", "next", "reordered", "duplicate"], (0, 1, 1, 0)),
        ([TOP - 2, TOP - 1, 0, 1], ["next"] * 4, (0, 0, 0, 0)),
        ([TOP - 1, 2, 0], ["next", "next", "reordered"], (1, 0, 1, 0)),
        ([90_000, 1, 2], ["next", "restart", "next"], (0, 0, 0, 1)),
        ([1, 1_000_001], ["next", "next"], (999_999, 0, 0, 0)),
    ],
)
def test_table(numbers, orders, expected):
    assert counts(numbers) == (orders, expected)


def test_a_start_that_was_asked_for_is_no_restart():
    tracker = SequenceTracker()
    tracker.arrived(90_000)
    tracker.expect_restart()
    tracker.arrived(1)
    assert (tracker.lost, tracker.restarts) == (0, 0)
