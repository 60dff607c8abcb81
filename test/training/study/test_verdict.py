import pytest

from der_ros.replay.structures import STRUCTURE_NAMES
from der_ros.training.study.design import TASKS
from der_ros.training.study.measures import Comparison
from der_ros.training.study.resampling import Interval
from der_ros.training.study.verdict import (
    AGREES,
    CLAIMS,
    DISAGREES,
    LEAST_PAIRS,
    TOO_FEW,
    Claim,
    effect,
    verdict,
)

BETTER, SIMILAR = Claim(True, "better"), Claim(False, "similar")


@pytest.mark.parametrize(
    ("claim", "interval", "expected"),
    [
        (BETTER, Interval(0.02, 0.5), AGREES),
        (BETTER, Interval(-0.3, 0.09), DISAGREES),
        (BETTER, Interval(-0.3, -0.1), DISAGREES),
        (BETTER, Interval(-0.1, 0.3), TOO_FEW),
        (SIMILAR, Interval(-0.09, 0.09), AGREES),
        (SIMILAR, Interval(0.02, 0.3), DISAGREES),
        (SIMILAR, Interval(-0.3, -0.02), DISAGREES),
        (SIMILAR, Interval(-0.05, 0.3), TOO_FEW),
        (BETTER, None, TOO_FEW),
        (SIMILAR, None, TOO_FEW),
    ],
)
def test_verdicts(claim, interval, expected):
    compared = Comparison("mean success", LEAST_PAIRS, (0.5, 0.4), (6, 6), 0.1, interval, 0.04)
    assert verdict(claim, compared) == expected


@pytest.mark.parametrize("claim", [BETTER, SIMILAR])
@pytest.mark.parametrize("interval", [Interval(0.002, 0.09), Interval(0.1, 0.5)])
def test_an_interval_above_0_needs_a_small_p(claim, interval):
    compared = Comparison("mean success", 7, (0.5, 0.4), (7, 7), 0.1, interval, 0.25)
    assert effect(compared) == TOO_FEW
    assert verdict(claim, compared) == (
        AGREES if (claim, interval.high) == (SIMILAR, 0.09) else TOO_FEW
    )


def test_the_paper_claims_something_of_every_cell():
    assert set(CLAIMS) == {f"{task}/{structure}" for task in TASKS for structure in STRUCTURE_NAMES}


@pytest.mark.parametrize("claim", [BETTER, SIMILAR])
def test_of_five_pairs_nothing_is_concluded(claim):
    clear = Comparison("mean success", 5, (0.9, 0.1), (5, 5), 0.8, Interval(0.7, 0.9), 0.0625)
    assert verdict(claim, clear) == effect(clear) == TOO_FEW


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (Interval(0.01, 0.3), "yes"),
        (Interval(-0.3, -0.01), "no, it hurts"),
        (Interval(-0.1, 0.3), TOO_FEW),
        (None, TOO_FEW),
    ],
)
def test_effects(interval, expected):
    assert (
        effect(Comparison("mean success", 8, (0.5, 0.4), (8, 8), 0.1, interval, 0.05)) == expected
    )
