"""Message ages by arrival time, while the system clock is set back and forth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from der_ros.control.arrivals import ArrivalClock

S = 1_000_000_000
MS = 1_000_000


class Clocks:
    """A settable system clock and a steady clock; a reading of the first takes a pause first."""

    def __init__(self) -> None:
        self.steady = 1000 * S
        self.offset = 1_700_000_000 * S
        self.pauses: list[int] = []

    def system(self) -> int:
        self.steady += self.pauses.pop() if self.pauses else 0
        return self.steady + self.offset

    def arrivals(self) -> ArrivalClock:
        return ArrivalClock(self.system, lambda: self.steady)


def age_ms(clocks: Clocks, arrivals: ArrivalClock, stamp: int) -> float:
    return 1e-6 * clocks.steady - 1e3 * arrivals.arrived_s(stamp)


def test_an_arrival_is_as_old_as_it_is():
    clocks = Clocks()
    arrivals = clocks.arrivals()
    stamp = clocks.system()
    clocks.steady += 30 * MS
    assert age_ms(clocks, arrivals, stamp) == pytest.approx(30.0, abs=0.01)


def test_without_a_time_of_arrival_it_is_now():
    clocks = Clocks()
    assert age_ms(clocks, clocks.arrivals(), 0) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("step_s", [-3600, -3, 3, 3600])
def test_a_message_before_a_step_keeps_its_age(step_s):
    clocks = Clocks()
    arrivals = clocks.arrivals()
    clocks.steady += 10 * MS
    stamp = clocks.system()
    clocks.steady += 20 * MS
    clocks.offset += step_s * S
    assert age_ms(clocks, arrivals, stamp) == pytest.approx(20.0, abs=0.01)


@pytest.mark.parametrize("step_s", [-3600, -3, 3, 3600])
def test_a_message_after_a_step_keeps_its_age(step_s):
    clocks = Clocks()
    arrivals = clocks.arrivals()
    clocks.steady += 10 * MS
    clocks.offset += step_s * S
    stamp = clocks.system()
    clocks.steady += 20 * MS
    assert age_ms(clocks, arrivals, stamp) == pytest.approx(20.0, abs=0.01)


@pytest.mark.parametrize("step_s", [-3, 3])
def test_after_a_look_a_step_is_past(step_s):
    clocks = Clocks()
    arrivals = clocks.arrivals()
    clocks.offset += step_s * S
    arrivals.emptied()
    stamp = clocks.system()
    clocks.steady += 20 * MS
    assert arrivals.steps == 1
    assert age_ms(clocks, arrivals, stamp) == pytest.approx(20.0, abs=0.01)


def test_a_stamp_ahead_of_the_clock_is_in_doubt_old():
    clocks = Clocks()
    arrivals = clocks.arrivals()
    clocks.steady += 40 * MS
    assert age_ms(clocks, arrivals, clocks.system() + 3 * S) == pytest.approx(40.0, abs=0.01)


def test_a_pause_between_the_readings_ages_nothing():
    clocks = Clocks()
    arrivals = clocks.arrivals()
    stamp = clocks.system()
    clocks.pauses = [3 * MS, 4 * MS]
    assert arrivals.arrived_s(stamp) == pytest.approx(1000.0, abs=1e-5)
    assert clocks.pauses == []


def test_a_pause_is_no_step_of_the_clock():
    clocks = Clocks()
    arrivals = clocks.arrivals()
    clocks.pauses = [20 * MS]
    arrivals.emptied()
    assert arrivals.steps == 0


STEPS = st.integers(-5 * S, 5 * S)
WAITS = st.integers(0, 200 * MS)
# With room for the rounding of clock readings, which are sums of nanoseconds.
SLACK_S = 0.02 + 1e-9


@given(WAITS, STEPS, WAITS, st.booleans())
def test_no_message_is_taken_for_fresher(before, step, after, came_first):
    clocks = Clocks()
    arrivals = clocks.arrivals()
    clocks.steady += before
    stamps = [clocks.system()]
    clocks.offset += step
    stamps.append(clocks.system())
    came_s = 1e-9 * clocks.steady
    clocks.steady += after
    assert arrivals.arrived_s(stamps[0 if came_first else 1]) <= came_s + SLACK_S


@given(st.lists(st.tuples(WAITS, STEPS), min_size=1, max_size=5), st.integers(0, 4))
def test_many_steps_leave_a_message_between_two_looks(moments, place):
    clocks = Clocks()
    arrivals = clocks.arrivals()
    looked_s, stamp = 1e-9 * clocks.steady, clocks.system()
    for number, (wait, step) in enumerate(moments):
        clocks.steady += wait
        if number == place:
            stamp = clocks.system()
        clocks.offset += step
    arrived_s = arrivals.arrived_s(stamp)
    assert looked_s - SLACK_S <= arrived_s <= 1e-9 * clocks.steady + 1e-9
