import pytest
from records import BUDGET, record

from der_ros.training.study.design import StudyRun
from der_ros.training.study.measures import (
    MEASURES,
    PRIMARY,
    compare,
    mean_success,
    pairs_of,
    steps_from_first_success,
    steps_to,
)
from der_ros.training.study.run_record import RunRecord


def run(**values):
    data = record(**values)
    return RunRecord(StudyRun(**data["run"]), data)


def test_measures_of_a_curve_by_hand():
    one = run(rates=(0.0, 0.5, 0.7, 0.9), first=300)
    assert mean_success(one) == pytest.approx(2.1 / 4)
    assert steps_to(0.5, one) == 500.0
    assert steps_to(0.8, one) == 1000.0
    assert steps_from_first_success(0.5, one) == 200.0


def test_a_run_that_never_comes_to_it_has_no_steps():
    one = run(rates=(0.0, 0.0, 0.1, 0.4), first=600)
    assert steps_to(0.5, one) is None
    assert steps_from_first_success(0.5, one) is None
    assert MEASURES["first"].value(run(rates=(0.0,) * 4, first=None)) is None


def test_arms_are_paired_by_seed():
    on = [run(seed=seed) for seed in (0, 1, 3)]
    off = [run(arm="no_der", seed=seed) for seed in (3, 0, 2)]
    pairs = pairs_of(on, off)
    assert [(a.run.seed, b.run.seed) for a, b in pairs] == [(0, 0), (3, 3)]


def test_a_comparison_by_hand():
    pairs = [
        (run(rates=(0.0, 0.5, 1.0, 1.0)), run(arm="no_der", rates=(0.0, 0.0, 0.5, 1.0))),
        (run(rates=(0.0, 0.0, 0.0, 0.5)), run(arm="no_der", rates=(0.0, 0.0, 0.0, 0.0))),
    ]
    compared = compare(PRIMARY, pairs)
    assert compared.pairs == 2
    assert compared.means == pytest.approx((0.375, 0.1875))  # (5/8 + 1/8)/2 and (3/8 + 0)/2
    assert compared.difference == pytest.approx(0.1875)
    assert compared.interval == pytest.approx((0.125, 0.25))
    assert compared.p == pytest.approx(0.5)


def test_a_run_without_success_counts_its_budget():
    pairs = [(run(first=400), run(arm="no_der", rates=(0.0,) * 4, first=None))]
    compared = compare("first", pairs)
    assert compared.means == (400.0, BUDGET)
    assert compared.reached == (1, 0)
    assert compared.difference == 400.0 - BUDGET
    assert compared.interval is None
