"""Classification of telegrams: next, repeated, late, or a new start."""

import pytest

from der_ros.drivers.kuka.series import Arrival, TelegramSeries


def series(**options):
    return TelegramSeries(0.012, 0.5, **options)


def feed(s, ipocs, start_s=100.0, step_s=0.012):
    return [s.arrived(ipoc, start_s + i * step_s) for i, ipoc in enumerate(ipocs)]


@pytest.mark.parametrize("step", [1, 4, 12])
def test_a_steady_series_whatever_it_counts_by(step):
    s = series()
    ipocs = range(1000, 1000 + 50 * step, step)
    assert feed(s, ipocs) == [Arrival.START] + [Arrival.NEXT] * 49
    assert (s.session, s.lost) == (1, 0)


def test_losses_repeats_and_late_ones():
    s = series()
    got = feed(s, [1000, 1012, 1048, 1048, 1024, 1060])
    assert [a.value for a in got] == ["start", "next", "next", "duplicate", "late", "next"]
    assert s.lost == 2


def test_a_jump_beyond_losses_is_another_series():
    s = series()
    assert feed(s, [1000, 1012, 9_000_000, 9_000_012])[2:] == [Arrival.START, Arrival.NEXT]
    assert (s.session, s.lost) == (2, 0)


def test_silence_old_or_empty_telegrams_start_a_series():
    s = series()
    feed(s, [500_000, 500_012])
    assert s.arrived(500_024, 101.0) is Arrival.START
    assert s.arrived(12, 101.012) is Arrival.START
    assert s.arrived(None, 101.024) is Arrival.START
    assert s.session == 4


@pytest.mark.parametrize(("step_s", "right"), [(0.012, True), (0.004, False), (0.011, True)])
def test_the_cycle_is_checked(step_s, right):
    s = series()
    feed(s, range(0, 20 * 12, 12), step_s=step_s)
    assert s.cycle_is_right is None
    feed(s, range(20 * 12, 40 * 12, 12), start_s=100.0 + 20 * step_s, step_s=step_s)
    assert s.cycle_is_right is right
    assert s.measured_cycle_s == pytest.approx(step_s)


def test_the_check_can_be_left_out():
    assert series(check_cycle=False).cycle_is_right is True
