"""Claims of the paper about each cell, and their comparison with the study's results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from der_ros.training.study.measures import Comparison

AGREES, DISAGREES, TOO_FEW = "agrees", "disagrees", "too few seeds to tell"
YES, HURTS = "yes", "no, it hurts"
MARGIN = 0.1
"""Smallest difference of the mean success that counts: ten percentage points."""

LARGEST_P = 0.05
"""Largest p of the paired test for a difference that counts."""

LEAST_PAIRS = 6
"""Fewest pairs for a verdict: with fewer, the paired test cannot come below p = 0.05."""


class Claim(NamedTuple):
    """Claim of the paper about a cell (Sec. 4.2).

    Attributes:
        better: True if DER is claimed to be better; False if both are claimed to be similar.
        text: Claim in words.
    """

    better: bool
    text: str


CLAIMS: Mapping[str, Claim] = {
    "peg_in_hole/no_demos": Claim(True, "same end, nearly twice as fast"),
    "peg_in_hole/one_shot_in_all": Claim(True, "much higher success"),
    "peg_in_hole/all_shots_in_all": Claim(True, "much higher success"),
    "peg_in_hole/one_shot_each": Claim(False, "similar"),
    "lap_joint/no_demos": Claim(True, "better"),
    "lap_joint/one_shot_in_all": Claim(False, "similar"),
    "lap_joint/all_shots_in_all": Claim(True, "better"),
    "lap_joint/one_shot_each": Claim(False, "similar"),
}


def verdict(claim: Claim, comparison: Comparison) -> str:
    """Return the verdict on a claim, from the interval of the difference in mean success.

    The difference is DER on minus DER off. The first rule that applies decides:

    * Fewer than ``LEAST_PAIRS`` pairs: too few seeds.
    * Claim "better": an interval above 0 agrees if p is at most ``LARGEST_P``, else too few seeds;
      one that ends below ``MARGIN`` disagrees.
    * Claim "similar": an interval within ± ``MARGIN`` agrees; one without 0 disagrees if p is at
      most ``LARGEST_P``.
    * Otherwise: too few seeds.
    """
    if comparison.interval is None or comparison.pairs < LEAST_PAIRS:
        return TOO_FEW
    low, high = comparison.interval
    if claim.better and low > 0.0:
        return AGREES if _is_clear(comparison) else TOO_FEW
    if claim.better:
        return DISAGREES if high < MARGIN else TOO_FEW
    if low > -MARGIN and high < MARGIN:
        return AGREES
    return DISAGREES if _is_clear(comparison) else TOO_FEW


def effect(comparison: Comparison) -> str:
    """Return in words if the first arm is better: by the interval's sign, if it and p are clear."""
    if comparison.interval is None or not _is_clear(comparison):
        return TOO_FEW
    return YES if comparison.interval.low > 0.0 else HURTS


def _is_clear(comparison: Comparison) -> bool:
    """Return True if there are enough pairs, the interval excludes 0 and p is small.

    Both are asked for: the bootstrap's interval of a few pairs is too narrow.
    """
    interval = comparison.interval
    return (
        interval is not None
        and comparison.pairs >= LEAST_PAIRS
        and comparison.p <= LARGEST_P
        and not interval.low <= 0.0 <= interval.high
    )
