"""Comparisons and measures of runs as text, in percent or in thousands of steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from der_ros.training.study.measures import MEASURES, Comparison, counted_value
from der_ros.training.study.run_record import RunRecord


def both_text(compared: Comparison) -> str:
    """Return the means of both arms, ``28.4 % / 20.1 %``."""
    return " / ".join(_value(compared, value) for value in compared.means)


def arm_text(compared: Comparison, arm: int) -> str:
    """Return the mean of one arm, with the number of its runs that never reached the measure."""
    return _with_never(
        _value(compared, compared.means[arm]), compared.pairs - compared.reached[arm]
    )


def _with_never(text: str, never: int) -> str:
    """Return a mean's text with the number of runs that never reached the measure."""
    return f"{text} ({never} never)" if never else text


def difference_text(compared: Comparison) -> str:
    """Return the difference of the arms with its interval, ``+8.3 % (+3.5 % to +13.7 %)``."""
    text = _value(compared, compared.difference, "+")
    if compared.interval is None:
        return f"{text}, no interval"
    low, high = (_value(compared, end, "+") for end in compared.interval)
    return f"{text} ({low} to {high})"


def _value(compared: Comparison, value: float, sign: str = "") -> str:
    """Return a share in percent, or steps in thousands, as text."""
    if MEASURES[compared.measure].is_steps:
        return f"{value / 1000.0:{sign}.1f} k"
    return f"{100.0 * value:{sign}.1f} %"


def seeds_text(number: int) -> str:
    """Return a number of seeds in words, ``3 seeds``."""
    return "1 seed" if number == 1 else f"{number} seeds"


def steps_text(measure: str, runs: Sequence[RunRecord]) -> str:
    """Return the mean of a measure in steps, with the number of runs that never reached it."""
    never = sum(MEASURES[measure].value(run) is None for run in runs)
    mean = np.mean([counted_value(measure, run) for run in runs]) / 1000.0
    return _with_never(f"{mean:.1f} k", never)
