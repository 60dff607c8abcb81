"""The plot of an attempt: content and file."""

import json
import os
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from der_ros.bags.bag_copy import copy_bag
from der_ros.cli.bag_commands.bags import main
from der_ros.offline_replay.attempt_replay import replay_bag
from der_ros.offline_replay.plot import plotted_cycles
from der_ros.offline_replay.plot.attempt_plot import AttemptPlot
from der_ros.offline_replay.what_if import WhatIf

BAGS = Path(__file__).resolve().parents[2] / "replay" / "bags"


def drawn(name):
    """Return the replay of a bag without its policy, its panels by their label, and the title."""
    plot = AttemptPlot(compares=False)
    replay = replay_bag(BAGS / name, None, None, on_sample=plot.cycles.add)
    figure = plot.figure(name, replay)
    panels = {axes.get_ylabel(): axes for axes in figure.axes}
    return replay, panels, figure.get_suptitle()


def curve(axes, label):
    """Return times and values of a curve."""
    (line,) = (each for each in axes.lines if each.get_label() == label)
    return np.array(line.get_xdata()), np.array(line.get_ydata())


def test_a_picture_explains_a_hard_force():
    replay, panels, title = drawn("kr60_hard_force")
    time_s, force_n = curve(panels["force (N)"], "force")
    at_s = time_s[np.nanargmax(force_n)]
    assert np.nanmax(force_n) == pytest.approx(replay.stream.peak_force_n)
    assert list(curve(panels["force (N)"], "hard limit, 100 N")[1]) == [100.0, 100.0]
    _, speed_mmps = curve(panels["speed (mm/s)"], "applied")
    assert speed_mmps.max() == pytest.approx(30.0, abs=0.1)  # the limit of this bag
    assert np.all(speed_mmps[time_s > at_s + 0.05] == 0.0)
    rows = [text.get_text() for text in panels["governor"].get_yticklabels()]
    assert rows == ["speed", "acceleration", "hard force", "stale", "held by a fault"]
    assert title.startswith("kr60_hard_force: fault · lap_joint · peak 205 N\n")
    assert "hard limit" in title


def test_a_seated_piece_ends_near_flush():
    _, panels, title = drawn("kr60_exact")
    _, height_mm = curve(panels["piece (mm)"], "z, 0: flush")
    assert height_mm[0] > 30.0
    assert abs(height_mm[-1]) < 5.0
    assert title.endswith("\nthe piece is seated")


def test_a_square_peg_turns_to_its_nearest_goal():
    _, panels, _ = drawn("iiwa_exact")
    (line,) = (each for each in panels["turned (deg)"].lines if len(each.get_xdata()) > 2)
    angles_deg = line.get_ydata()
    assert angles_deg[0] == pytest.approx(14.0, abs=1.0)  # of a pose that is turned by 104 degrees
    assert angles_deg[-1] < 1.0


def test_a_silent_policy_has_no_command():
    replay, panels, _ = drawn("kr60_policy_silent")
    time_s, commanded = curve(panels["speed (mm/s)"], "commanded")
    ended_s = 1e-9 * (replay.setup.result.ended_ns - replay.start_ns)
    assert np.nanmax(commanded) > 1.0
    assert np.all(np.isnan(commanded[(time_s > ended_s - 0.8) & (time_s < ended_s)]))


@pytest.mark.parametrize("what_if", [None, WhatIf(latency_s=0.04)])
@pytest.mark.parametrize("name", ["kr60_hard_force", "kr60_success"])
def test_all_texts_lie_within_the_picture(name, what_if):
    plot = AttemptPlot()
    replay = replay_bag(BAGS / name, None, None, what_if=what_if, on_sample=plot.cycles.add)
    figure = plot.figure(name, replay)
    FigureCanvasAgg(figure).draw()
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.x1, axes.get_ylabel()
        assert box.y0 >= 0, axes.get_ylabel()
    (title,) = figure.texts
    box = title.get_window_extent()
    assert figure.axes[0].get_window_extent().y1 < box.y0 < box.y1 <= figure.bbox.y1


def test_thinned_cycles_keep_peak_and_interventions(monkeypatch):
    monkeypatch.setattr(plotted_cycles, "_MOST_POINTS", 20)
    replay, panels, _ = drawn("kr60_hard_force")
    time_s, force_n = curve(panels["force (N)"], "force")
    assert len(time_s) <= 20 < replay.cycles
    assert np.nanmax(force_n) == pytest.approx(replay.stream.peak_force_n)
    rows = [text.get_text() for text in panels["governor"].get_yticklabels()]
    assert rows == ["speed", "acceleration", "hard force", "stale", "held by a fault"]


def test_bags_plot_writes_a_picture_beside_the_bag(tmp_path, capsys):
    bag = shutil.copytree(BAGS / "kr60_stopped", tmp_path / "stopped")
    assert main(["plot", str(bag), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["out"] == str(tmp_path / "stopped.png")
    data = (tmp_path / "stopped.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack_from(">II", data, 16) == (1000, 1050)


def test_a_bag_without_an_attempt_is_not_drawn(tmp_path, capsys):
    bag = tmp_path / "forces"
    copy_bag(BAGS / "kr60_stopped", bag, topics={"/netft_data"})
    assert main(["plot", str(bag)]) == 2
    assert f"bag {bag}: expected one topic kuka/tcp_pose" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [bag]


def test_a_picture_of_an_unknown_kind_is_refused(tmp_path, capsys):
    assert main(["plot", str(BAGS / "kr60_stopped"), "--out", str(tmp_path / "x.abc")]) == 1
    assert "x.abc: cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "begin"), [("x.pdf", b"%PDF"), ("x.PNG", b"\x89PNG")])
def test_the_ending_names_the_format(tmp_path, name, begin):
    assert main(["plot", str(BAGS / "kr60_stopped"), "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_bytes().startswith(begin)


def test_a_name_that_is_no_text_is_drawn_as_escapes(tmp_path):
    bag = shutil.copytree(BAGS / "kr60_stopped", os.fsdecode(os.fsencode(tmp_path) + b"/a\xff"))
    out = tmp_path / "x.png"
    assert main(["plot", bag, "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")


def test_a_governor_that_did_nothing_has_no_rows():
    plot = AttemptPlot(compares=False)
    replay = replay_bag(BAGS / "kr60_stopped", None, None, on_sample=plot.cycles.add)
    plot.cycles.rows = [row._replace(stepped_in=frozenset()) for row in plot.cycles.rows]
    panels = {axes.get_ylabel(): axes for axes in plot.figure("a bag", replay).axes}
    assert list(panels["governor: nothing"].get_yticks()) == []
