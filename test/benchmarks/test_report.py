"""Timing of the benchmarks, and their report as a table and as JSON."""

import argparse
import json

import numpy as np
import pytest

from support import report


def test_a_ratio_above_one_is_a_win():
    assert report.more_is_better("add", 300.0, "rows/s", "list", 100.0).ratio == 3.0
    assert report.less_is_better("parse", 2.0, "us", "etree", 5.0).ratio == 2.5


def test_json_is_one_object_with_the_figures_by_name(capsys):
    raced = report.more_is_better("add", 300.0, "rows/s", "list", 100.0)
    report.show("replay", [raced, report.Figure("late", 0, "")], as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "benchmark": "replay",
        "figures": {
            "add": {
                "value": 300.0,
                "unit": "rows/s",
                "peer": "list",
                "peer_value": 100.0,
                "ratio": 3.0,
            },
            "late": {"value": 0, "unit": ""},
        },
    }


def test_the_table_has_a_line_for_each_figure(capsys):
    raced = report.more_is_better("add", 30_000.0, "rows/s", "list", 100.0)
    report.show("replay", [raced, report.Figure("late", 0, "")], as_json=False)
    first, second = capsys.readouterr().out.splitlines()
    assert first.split() == ["add", "30,000", "rows/s", "list:", "100", "ratio", "300.00"]
    assert second.split() == ["late", "0"]


def test_rates_count_rows_of_each_body():
    calls = [0, 0]

    def body(number, loops):
        calls[number] += 1
        for _ in range(loops):
            pass

    quick, slow = report.best_rates(
        lambda: body(0, 10), lambda: body(1, 100_000), rows=50, turns=2, turn_s=0.01
    )
    assert quick > 10 * slow > 0.0
    assert min(calls) >= 2


def test_call_times_exclude_the_warm_up():
    calls = []
    times = report.call_times_us(lambda: calls.append(1), calls=100)
    assert len(calls) == 110
    assert times.shape == (100,)
    assert np.all(times > 0.0)


@pytest.mark.parametrize("text", ["0", "-1"])
def test_a_count_is_at_least_one(text):
    assert report.count("3") == 3
    with pytest.raises(argparse.ArgumentTypeError, match="at least 1"):
        report.count(text)
