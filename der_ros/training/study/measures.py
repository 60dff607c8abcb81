"""Measures of a run, such as the steps to its first success, and comparisons of two arms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from der_ros.training.study.resampling import Array, Interval, bootstrap_interval, sign_flip_p
from der_ros.training.study.run_record import RunRecord


class Measure(NamedTuple):
    """Rule that computes one number from a run.

    Attributes:
        title: Title for a table.
        value: Function from a record to the number; None if the run never reached the measure.
        is_steps: True for a number of environment steps; False for a share from 0 to 1.
    """

    title: str
    value: Callable[[RunRecord], float | None]
    is_steps: bool


def mean_success(record: RunRecord) -> float:
    """Return the mean of the success rate over the budget: the area under the curve, 0 to 1."""
    return float(record.success_rate.mean())


def steps_to(rate: float, record: RunRecord) -> float | None:
    """Return the steps at the end of the first bin with this success rate; None without one."""
    reached = np.flatnonzero(record.success_rate >= rate)
    return float(record.steps[reached[0]]) if len(reached) else None


def steps_from_first_success(rate: float, record: RunRecord) -> float | None:
    """Return ``steps_to``, counted from the first success: before it, DER has no effect."""
    steps, first = steps_to(rate, record), record.first_success
    return None if steps is None or first is None else max(0.0, steps - first)


PRIMARY = "mean success"
"""Measure that decides verdicts: it is larger if success comes sooner or is more frequent."""

MEASURES: Mapping[str, Measure] = {
    PRIMARY: Measure("success, mean over the training", mean_success, False),
    "final": Measure("success of the last policy", lambda record: record.final_success, False),
    "first": Measure("steps to the first success", lambda record: record.first_success, True),
    "50 %": Measure("steps to 50 %", lambda record: steps_to(0.5, record), True),
    "80 %": Measure("steps to 80 %", lambda record: steps_to(0.8, record), True),
    "50 % from first": Measure(
        "steps from the first success to 50 %",
        lambda record: steps_from_first_success(0.5, record),
        True,
    ),
}


class Comparison(NamedTuple):
    """Comparison of two arms by a measure, over the seeds that both have.

    Attributes:
        measure: A key of ``MEASURES``.
        pairs: Number of seeds.
        means: Mean of each arm; a run that never reached the measure counts with its budget.
        reached: Number of runs of each arm that reached the measure.
        difference: Mean of the first arm minus mean of the second.
        interval: 95 % interval of the difference; None for a single pair.
        p: P value of the paired test.
    """

    measure: str
    pairs: int
    means: tuple[float, float]
    reached: tuple[int, int]
    difference: float
    interval: Interval | None
    p: float


RunPair = tuple[RunRecord, RunRecord]


def pairs_of(first: Sequence[RunRecord], second: Sequence[RunRecord]) -> list[RunPair]:
    """Return pairs of records with the same seed; seeds that only one arm has are left out."""
    of_second = {record.run.seed: record for record in second}
    return [
        (record, of_second[record.run.seed]) for record in first if record.run.seed in of_second
    ]


def compare(measure: str, pairs: Sequence[RunPair]) -> Comparison:
    """Compare two arms by a measure; ``pairs`` holds at least one pair."""
    counted = np.array([[counted_value(measure, record) for record in pair] for pair in pairs])
    differences: Array = counted[:, 0] - counted[:, 1]
    first, second = counted.mean(axis=0)
    return Comparison(
        measure,
        len(pairs),
        (float(first), float(second)),
        (_reached(measure, pairs, 0), _reached(measure, pairs, 1)),
        float(differences.mean()),
        bootstrap_interval(differences),
        sign_flip_p(differences),
    )


def counted_value(measure: str, record: RunRecord) -> float:
    """Return the measure of a run; a run that never reached it counts with its whole budget."""
    value = MEASURES[measure].value(record)
    return float(record.run.env_steps) if value is None else value


def _reached(measure: str, pairs: Sequence[RunPair], arm: int) -> int:
    return sum(MEASURES[measure].value(pair[arm]) is not None for pair in pairs)
