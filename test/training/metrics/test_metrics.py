import json

import pytest
from matplotlib.figure import Figure

from der_ros.training.metrics.log import plot_learning_curve


@pytest.fixture
def drawn(monkeypatch):
    """The figures that would have been saved."""
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    return figures


def curve_of(run_dir, drawn, successes, evaluated=True):
    """Plot a run with a line at 100, 200, … steps, whose returns are -100, -99, …"""
    lines = [
        {
            "time/env_steps": 100 * (index + 1),
            "time/elapsed_s": 30.0 * index,
            "rollout/success_rate": success,
            "rollout/greedy_success_rate": success,
            "rollout/episode_return": index - 100.0,
        }
        for index, success in enumerate(successes)
    ]
    if evaluated:
        lines[-1] |= {"rollout/evaluation_success_rate": successes[-1]}
        lines[-1] |= {"rollout/evaluation_return": -90.0}
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (run_dir / "metrics.jsonl").write_text(text)
    plot_learning_curve(run_dir, "reach")
    (figure,) = drawn
    return figure


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_a_run_that_succeeds_shows_success_in_percent(tmp_path, drawn):
    figure = curve_of(tmp_path, drawn, [0.0, 0.25, 0.5])
    (axes,) = figure.axes
    assert axes.get_ylabel() == "success (%)"
    assert list(axes.lines[0].get_ydata()) == [0.0, 25.0, 50.0]
    assert [label.split(" ")[0] for label in labels(figure)] == [
        "exploring",
        "noise-free",
        "evaluation",
    ]
    assert axes.get_title() == "reach · 1.0 minutes"


def test_a_run_without_a_success_shows_its_return(tmp_path, drawn):
    figure = curve_of(tmp_path, drawn, [0.0, 0.0, 0.0])
    (axes,) = figure.axes
    assert axes.get_ylabel() == "return of an episode"
    assert axes.get_title() == "reach · 1.0 minutes · no success"
    exploring, evaluation = axes.lines
    assert list(exploring.get_ydata()) == [-100.0, -99.0, -98.0]
    assert list(evaluation.get_ydata()) == [-90.0]
    low, high = axes.get_ylim()
    assert low < -100.0
    assert high > -90.0


def test_the_legend_covers_no_line(tmp_path, drawn):
    figure = curve_of(tmp_path, drawn, [0.0, 0.5, 1.0])
    figure.canvas.draw()
    (legend,), (axes,) = figure.legends, figure.axes
    assert not legend.get_window_extent().overlaps(axes.get_window_extent())


def test_a_single_point_is_seen(tmp_path, drawn):
    figure = curve_of(tmp_path, drawn, [0.0], evaluated=False)
    assert [line.get_marker() for line in figure.axes[0].lines] == ["o"]


def test_a_run_without_an_episode_has_no_legend(tmp_path, drawn):
    (tmp_path / "metrics.jsonl").write_text('{"time/env_steps": 20}\n')
    plot_learning_curve(tmp_path, "reach")
    assert not drawn[0].legends
