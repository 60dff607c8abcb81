"""Header stamps: invalid ones are refused with a reason."""

import pytest
from builtin_interfaces.msg import Time

from der_ros.control.stamps import StampError, stamp_age_s, stamp_ns, stamp_problem

NOW_S = 1_700_000_000
NOW_NS = NOW_S * 10**9


@pytest.mark.parametrize(
    ("sec", "nanosec"), [(-1, 0), (-(2**31), 0), (NOW_S, 1_000_000_000), (0, 4_000_000_000)]
)
def test_an_invalid_stamp_is_refused_with_its_numbers(sec, nanosec):
    stamp = Time(sec=sec, nanosec=nanosec)
    assert f"sec {sec}, nanosec {nanosec}" in stamp_problem(stamp)
    with pytest.raises(StampError, match=r"expected header\.stamp") as caught:
        stamp_age_s(NOW_NS, stamp)
    assert caught.value.kind == "invalid"
    with pytest.raises(StampError):
        stamp_ns(stamp)


@pytest.mark.parametrize(
    ("sec", "nanosec", "expected_ns"),
    [(0, 0, 0), (1, 5, 1_000_000_005), (2**31 - 1, 999_999_999, (2**31 - 1) * 10**9 + 999_999_999)],
)
def test_a_stamp_is_read_to_the_nanosecond(sec, nanosec, expected_ns):
    assert stamp_problem(Time(sec=sec, nanosec=nanosec)) == ""
    assert stamp_ns(Time(sec=sec, nanosec=nanosec)) == expected_ns


def test_an_age_counts_both_ways():
    assert stamp_age_s(NOW_NS, Time(sec=NOW_S - 2)) == pytest.approx(2.0)
    assert stamp_age_s(NOW_NS, Time(sec=NOW_S + 2)) == pytest.approx(-2.0)
    assert stamp_age_s(NOW_NS, Time()) == pytest.approx(NOW_S)


@pytest.mark.parametrize(
    ("sec", "kind", "reason"),
    [(NOW_S - 2, "old", "2.000 s old"), (NOW_S + 2, "future", "2.000 s in the future")],
)
def test_an_old_or_future_stamp_is_refused(sec, kind, reason):
    with pytest.raises(StampError, match=reason) as caught:
        stamp_age_s(NOW_NS, Time(sec=sec), max_age_s=1.0, max_future_s=1.0)
    assert caught.value.kind == kind


def test_a_stamp_at_its_limits_is_taken():
    for sec in (NOW_S - 1, NOW_S + 1):
        stamp_age_s(NOW_NS, Time(sec=sec), max_age_s=1.0, max_future_s=1.0)
