"""Intervals and tests for differences that are paired by seed; they assume no distribution."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_RESAMPLES = 10_000
_MOST_EXACT_PAIRS = 14  # all 2^14 patterns of signs are tested; with more pairs, a sample
_SEED = 0
_TIE = 1e-9  # relative; the order of a sum changes its rounding


class Interval(NamedTuple):
    """A closed interval."""

    low: float
    high: float


def bootstrap_interval(differences: Array) -> Interval | None:
    """Return the 95 % percentile bootstrap interval of the mean (Efron 1979).

    Args:
        differences: Difference of each pair, shape (pairs,).

    Returns:
        The interval; None for fewer than two pairs, which have no spread.
    """
    pairs = len(differences)
    if pairs < 2:
        return None
    rng = np.random.default_rng(_SEED)
    means = differences[rng.integers(pairs, size=(_RESAMPLES, pairs))].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return Interval(float(low), float(high))


def sign_flip_p(differences: Array) -> float:
    """Return the two-sided p value of the paired permutation test (Fisher 1935).

    Without an effect, each difference is equally likely to have the other sign. p is the share of
    the 2^n patterns of signs whose mean is at least as far from 0 as the measured mean. It is
    never below 2 / 2^n: five pairs cannot come below 0.0625. With more than 14 pairs, p is
    estimated from 10,000 random patterns.

    Args:
        differences: Difference of each pair, shape (pairs,); at least one pair.
    """
    pairs = len(differences)
    reached = abs(float(differences.sum())) - _TIE * float(np.abs(differences).sum())
    if pairs <= _MOST_EXACT_PAIRS:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=pairs)))
        return float(np.mean(np.abs(signs @ differences) >= reached))
    rng = np.random.default_rng(_SEED)
    signs = rng.choice((1.0, -1.0), size=(_RESAMPLES, pairs))
    at_least = int(np.count_nonzero(np.abs(signs @ differences) >= reached))
    return (at_least + 1) / (_RESAMPLES + 1)
