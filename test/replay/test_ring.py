import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from der_ros.replay.ring import Ring


def slots_of(ring, rows):
    runs = ring.reserve(rows)
    return [slot for slots, _ in runs for slot in range(slots.start, slots.stop)]


def test_slots_are_taken_in_turn():
    ring = Ring(3, 7)
    assert slots_of(ring, 3) == [3, 4, 5]
    assert ring.reserve(3) == [(slice(6, 7), slice(0, 1)), (slice(3, 5), slice(1, 3))]
    assert ring.filled_slots == slice(3, 7)
    assert ring.ages(np.arange(3, 7)).tolist() == [1, 0, 3, 2]


def test_of_too_many_rows_the_newest_get_a_slot():
    ring = Ring(0, 3)
    runs = ring.reserve(8)
    assert sorted(row for _, rows in runs for row in range(rows.start, rows.stop)) == [5, 6, 7]
    assert (ring.writes, ring.filled) == (8, 3)


def test_a_ring_without_slots_holds_nothing():
    ring = Ring(4, 4)
    assert ring.filled == 0
    assert ring.overwritten(np.array([5, 6]), 0).tolist() == [False, False]


@given(st.lists(st.integers(0, 12), max_size=12), st.integers(0, 12), st.integers(1, 9))
def test_the_count_tells_which_slots_are_current(writes, split, room):
    ring, low = Ring(2, 2 + room), 2
    written_at = np.full(room, -1)
    since = 0
    for number, rows in enumerate(writes):
        if number == split:
            since = ring.writes
        start = ring.writes
        for slots, part in ring.reserve(rows):
            written_at[slots.start - low : slots.stop - low] = start + np.arange(rows)[part]
    held = np.flatnonzero(written_at >= 0)
    assert ring.filled_slots == slice(low, low + len(held))
    assert ring.ages(held + low).tolist() == (ring.writes - 1 - written_at[held]).tolist()
    assert ring.overwritten(held + low, since).tolist() == (written_at[held] >= since).tolist()
