"""Paper's claims per cell, and their comparison with the study's results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from der_ros.training.study.measures import Comparison

AGREES, DISAGREES, TOO_FEW = "agrees", "disagrees", "too few seeds to tell"
MARGIN = 0.1
"""A difference of the mean success below this counts as none: ten points of a hundred."""


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
    """Return how the difference of the mean success, DER on minus off, stands to the claim.

    "Better" agrees with an interval above 0, and disagrees with one that ends below ``MARGIN``.
    "Similar" agrees with an interval within ± ``MARGIN``, and disagrees with one beside 0.
    Whatever else the interval is, and below ``LEAST_PAIRS``, the seeds are too few.
    """
    if comparison.interval is None or comparison.pairs < LEAST_PAIRS:
        return TOO_FEW
    low, high = comparison.interval
    if claim.better:
        return AGREES if low > 0.0 else DISAGREES if high < MARGIN else TOO_FEW
    if low > -MARGIN and high < MARGIN:
        return AGREES
    return DISAGREES if low > 0.0 or high < 0.0 else TOO_FEW


def effect(comparison: Comparison) -> str:
    """Return in words if DER helps, from the sign of an interval that excludes 0."""
    interval = comparison.interval
    if interval is None or comparison.pairs < LEAST_PAIRS or interval.low <= 0.0 <= interval.high:
        return TOO_FEW
    return "yes" if interval.low > 0.0 else "no, it hurts"
