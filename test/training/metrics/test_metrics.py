import json
import resource
import shutil
from contextlib import contextmanager

import pytest
from matplotlib.figure import Figure

from der_ros.errors import ConfigurationError
from der_ros.training.metrics.log import MetricsWriter, plot_learning_curve, read_metrics


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


@contextmanager
def full_disk(path):
    """Refuse each byte that would make a file larger than ``path`` is."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def line(step):
    return {"time/env_steps": float(step)}


def test_lines_of_a_full_disk_are_written_later(tmp_path, caplog):
    with MetricsWriter(tmp_path) as writer:
        writer.write(line(1))
        with full_disk(tmp_path / "metrics.jsonl"):
            writer.write(line(2))
            writer.write(line(3))
        assert read_metrics(tmp_path / "metrics.jsonl") == [line(1)]
        writer.write(line(4))
    assert read_metrics(tmp_path / "metrics.jsonl") == [line(step) for step in (1, 2, 3, 4)]
    told = [each.message for each in caplog.records if "metrics.jsonl" in each.message]
    assert told == [f"{tmp_path / 'metrics.jsonl'}: File too large; its lines are written later"]


def test_lines_that_are_lost_at_the_end_are_an_error(tmp_path):
    writer = MetricsWriter(tmp_path).__enter__()
    writer.write(line(1))
    with full_disk(tmp_path / "metrics.jsonl"):
        writer.write(line(2))
        with pytest.raises(ConfigurationError, match="write 1 lines more, got: File too large"):
            writer.__exit__(None, None, None)


def test_a_run_folder_that_is_removed_is_named(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    with MetricsWriter(run) as writer:
        writer.write(line(1))
        # Renamed first, so that TensorBoard's thread creates no file in it while it is deleted.
        shutil.rmtree(run.rename(tmp_path / "removed"))
        with pytest.raises(ConfigurationError, match="it was removed while training"):
            writer.write(line(2))


def test_an_error_of_tensorboards_thread_is_one_line(tmp_path, caplog, capsys):
    run = tmp_path / "run"
    run.mkdir()
    with MetricsWriter(run) as writer:
        writer.write(line(1))
        for events in run.glob("events*"):
            events.unlink()
        run.rename(tmp_path / "moved")
        writer.write(line(2))
    assert "TensorBoard's file ends here: No such file or directory" in caplog.text
    assert "Traceback" not in capsys.readouterr().err
