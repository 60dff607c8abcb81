import pytest

from der_ros.replay.structures import STRUCTURE_NAMES
from der_ros.training.study.design import TASKS
from der_ros.training.study.measures import Comparison
from der_ros.training.study.resampling import Interval
from der_ros.training.study.verdict import AGREES, CLAIMS, DISAGREES, TOO_FEW, Claim, verdict

BETTER, SIMILAR = Claim(True, "better"), Claim(False, "similar")


@pytest.mark.parametrize(("claim", "interval", "expected"), [
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
])  # fmt: skip
def test_verdicts(claim, interval, expected):
    compared = Comparison("mean success", 3, (0.5, 0.4), (3, 3), 0.1, interval, 0.25)
    assert verdict(claim, compared) == expected


def test_the_paper_claims_something_of_every_cell():
    assert set(CLAIMS) == {f"{task}/{structure}" for task in TASKS for structure in STRUCTURE_NAMES}
