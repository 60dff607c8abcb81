import pytest

from der_ros.drivers.netft.rate_check import RateCheck


def after(rates_hz, assumed_hz=500.0):
    """Return the finding of a check after some seconds at the given rates."""
    check, count = RateCheck(), 0
    check.update(0, assumed_hz, 100.0)
    for second, rate_hz in enumerate(rates_hz, 101):
        count += rate_hz
        check.update(count, assumed_hz, float(second))
    return check.problem


@pytest.mark.parametrize("rate_hz", [380, 500, 620])
def test_a_rate_within_a_quarter_is_right(rate_hz):
    assert after([rate_hz] * 5) == ""


@pytest.mark.parametrize("rate_hz", [100, 370, 630, 7000])
def test_a_rate_that_differs_for_2_s_is_reported(rate_hz):
    assert after([rate_hz]) == ""
    assert f"measured {rate_hz} readings a second, expected 500 " in after([rate_hz] * 2)


def test_a_rate_that_is_right_again_is_no_problem():
    assert after([7000, 7000, 500]) == ""


def test_without_an_expectation_nothing_is_wrong():
    assert after([7000] * 3, assumed_hz=0.0) == ""


def test_silence_is_not_a_rate():
    assert after([0, 0, 0]) == ""


def test_a_pause_does_not_end_a_problem():
    assert after([7000, 7000, 0]) != ""
