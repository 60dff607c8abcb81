import numpy as np
import pytest

from der_ros.training.study.resampling import Interval, bootstrap_interval, sign_flip_p


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1.0, 2.0, 3.0], 2 / 8),  # all of one sign: only this pattern and its negative reach 6
        ([3.0, 1.0, -2.0], 6 / 8),  # sums 6, 2, 4, 0 and their negatives; two of eight are 0
        ([1.0, -1.0], 1.0),
        ([0.5] * 5, 2 / 32),  # the smallest that five pairs can give
        ([0.1, 0.2, 0.3, -0.6], 1.0),  # a sum of 0 up to rounding
        ([0.4], 1.0),
    ],
)
def test_p_by_hand(differences, p):
    assert sign_flip_p(np.array(differences)) == pytest.approx(p)


def test_p_of_many_pairs_is_near_the_exact_one():
    # 20 differences of ±1, 15 of them +: P(|sum| >= 10) of a fair binomial, 0.041389.
    differences = np.array([1.0] * 15 + [-1.0] * 5)
    assert sign_flip_p(differences) == pytest.approx(0.041389, abs=0.006)


def test_p_of_many_pairs_is_never_zero():
    assert 0.0 < sign_flip_p(np.ones(40)) < 0.001


def test_an_interval_needs_two_pairs():
    assert bootstrap_interval(np.array([0.3])) is None


def test_the_interval_of_two_pairs_is_both():
    # A quarter of the resamples holds only the first, a quarter only the second.
    assert bootstrap_interval(np.array([0.0, 1.0])) == Interval(0.0, 1.0)


def test_the_interval_of_equal_differences_is_a_point():
    interval = bootstrap_interval(np.full(6, 0.2))
    assert interval == pytest.approx((0.2, 0.2))


def test_the_interval_of_many_pairs_is_the_normal_one():
    differences = np.random.default_rng(5).normal(0.1, 0.5, 400)
    half = 1.96 * differences.std() / 20.0
    expected = (differences.mean() - half, differences.mean() + half)
    assert bootstrap_interval(differences) == pytest.approx(expected, abs=0.005)
