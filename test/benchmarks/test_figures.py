import json
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def figures(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import figures

    yield figures
    del sys.modules["figures"]


def test_a_ratio_above_one_is_a_win_whichever_way_the_unit_counts(figures):
    assert figures.more_is_better("add", 300.0, "rows/s", "list", 100.0).ratio == 3.0
    assert figures.less_is_better("parse", 2.0, "us", "etree", 5.0).ratio == 2.5


def test_json_is_one_object_with_the_figures_by_name(figures, capsys):
    raced = figures.more_is_better("add", 300.0, "rows/s", "list", 100.0)
    figures.show("replay", [raced, figures.Figure("late", 0, "")], as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "benchmark": "replay",
        "figures": {
            "add": {
                "value": 300.0, "unit": "rows/s", "peer": "list", "peer_value": 100.0, "ratio": 3.0
            },
            "late": {"value": 0, "unit": ""},
        },
    }  # fmt: skip


def test_the_table_has_a_line_a_figure_and_the_peer_on_it(figures, capsys):
    raced = figures.more_is_better("add", 30_000.0, "rows/s", "list", 100.0)
    figures.show("replay", [raced, figures.Figure("late", 0, "")], as_json=False)
    first, second = capsys.readouterr().out.splitlines()
    assert first.split() == ["add", "30,000", "rows/s", "list:", "100", "ratio", "300.00"]
    assert second.split() == ["late", "0"]


def test_rates_count_rows_and_give_each_body_its_turns(figures):
    calls = [0, 0]

    def body(number, loops):
        calls[number] += 1
        for _ in range(loops):
            pass

    quick, slow = figures.best_rates(
        lambda: body(0, 10), lambda: body(1, 100_000), rows=50, turns=2, turn_s=0.01
    )
    assert quick > 10 * slow > 0.0
    assert min(calls) >= 2


def test_call_times_are_those_of_the_calls_after_the_warm_up(figures):
    calls = []
    times = figures.call_times_us(lambda: calls.append(1), calls=100)
    assert len(calls) == 110
    assert times.shape == (100,)
    assert np.all(times > 0.0)
