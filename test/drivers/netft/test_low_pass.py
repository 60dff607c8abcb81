"""The digital low-pass filter, by hand and against its analog counterpart."""

import cmath
import math

import numpy as np
import pytest

from der_ros.drivers.netft.low_pass import LowPass, check_stability
from der_ros.errors import ConfigurationError


def gain(low_pass, frequency_hz):
    z = cmath.exp(2j * math.pi * frequency_hz / low_pass.rate_hz)
    numerator = sum(b * z**-i for i, b in enumerate(low_pass.numerator))
    return abs(numerator / sum(a * z**-i for i, a in enumerate(low_pass.denominator)))


def test_coefficients_by_hand():
    # Cut-off at a quarter of the rate: K = tan(pi/4) = 1.
    first = LowPass(1, 250.0, 1000.0)
    np.testing.assert_allclose(first.numerator, (0.5, 0.5, 0.0))
    np.testing.assert_allclose(first.denominator, (1.0, 0.0, 0.0), atol=1e-15)
    second = LowPass(2, 250.0, 1000.0)
    b0 = 1.0 / (2.0 + math.sqrt(2.0))
    np.testing.assert_allclose(second.numerator, (b0, 2 * b0, b0))
    np.testing.assert_allclose(
        second.denominator, (1.0, 0.0, (2 - math.sqrt(2)) / (2 + math.sqrt(2))), atol=1e-15
    )


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(("cutoff_hz", "rate_hz"), [(10, 500), (1, 7000), (200, 500), (50, 1000)])
def test_gain_is_that_of_a_butterworth(order, cutoff_hz, rate_hz):
    low_pass = LowPass(order, cutoff_hz, rate_hz)
    warped = math.tan(math.pi * cutoff_hz / rate_hz)
    for frequency in (0.0, 0.5 * cutoff_hz, cutoff_hz, 2.0 * cutoff_hz):
        ratio = math.tan(math.pi * min(frequency, 0.499 * rate_hz) / rate_hz) / warped
        if frequency < 0.499 * rate_hz:
            assert gain(low_pass, frequency) == pytest.approx((1 + ratio ** (2 * order)) ** -0.5)


def test_the_filter_is_stable_at_10_hz():
    # netft_utils computes D as K^2 + sqrt(2 K + 1): unstable for 10 Hz at a rate of 500 Hz.
    k = math.tan(math.pi * 10.0 / 500.0)
    d = k * k + math.sqrt(2.0 * k + 1.0)
    wrong = (1.0, 2.0 * (k * k - 1.0) / d, (k * k - math.sqrt(2.0) * k + 1.0) / d)
    with pytest.raises(ConfigurationError, match="poles within the unit circle"):
        check_stability(wrong)
    low_pass = LowPass(2, 10.0, 500.0)
    low_pass.update(np.zeros(6))
    step = np.array([low_pass.update(np.ones(6)) for _ in range(1000)])
    assert step.max() < 1.05
    np.testing.assert_allclose(step[-1], 1.0, atol=1e-9)


@pytest.mark.parametrize("order", [1, 2])
def test_it_begins_in_the_steady_state_and_begins_anew(order):
    low_pass = LowPass(order, 5.0, 1000.0)
    for _ in range(3):
        np.testing.assert_allclose(low_pass.update(np.full(6, 30.0)), 30.0)
    assert low_pass.update(np.zeros(6))[0] > 25.0
    low_pass.restart()
    np.testing.assert_allclose(low_pass.update(np.full(6, -2.0)), -2.0)


def test_two_steps_by_hand():
    low_pass = LowPass(1, 250.0, 1000.0)  # the mean of this sample and the one before
    assert [low_pass.update(np.array(x)).item() for x in (2.0, 4.0, 0.0)] == pytest.approx(
        [2, 3, 2]
    )


@pytest.mark.parametrize(
    ("order", "cutoff_hz", "rate_hz", "expected"),
    [
        (3, 10.0, 500.0, "order: expected 1 or 2"),
        (2, 0.0, 500.0, "above 0"),
        (2, 226.0, 500.0, "at most 0.45 of the sample rate of 500 Hz, got 226"),
        (2, 10.0, 0.0, "sample rate"),
        (2, float("nan"), 500.0, "cut-off"),
        (2, 1e-7, 7000.0, "poles within the unit circle"),
    ],
)
def test_what_is_refused(order, cutoff_hz, rate_hz, expected):
    with pytest.raises(ConfigurationError, match=expected):
        LowPass(order, cutoff_hz, rate_hz)
