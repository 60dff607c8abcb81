import json

import numpy as np
import pytest
import yaml
from matplotlib.figure import Figure
from PIL import Image

from der_ros.cli import plot_runs
from der_ros.errors import ConfigurationError
from der_ros.training.metrics.comparison import group_runs, mean_curve, read_run, t_95


def make_run(folder, seed, algorithm="ddpg", slope=1.0, last=100, **settings):
    run_dir = folder / f"{algorithm}_{seed}"
    run_dir.mkdir()
    config = {"task": "lap_joint", "algorithm": algorithm, "seed": seed, "max_minutes": 3 + seed}
    config |= settings
    (run_dir / "config.yaml").write_text(yaml.safe_dump(config))
    with (run_dir / "metrics.jsonl").open("w") as file:
        for step in range(0, last + 1, 10):
            line = {"time/env_steps": step, "time/elapsed_s": 6.0 * step}
            if step > 0:
                line["rollout/success_rate"] = slope * step / 100
                line["rollout/episode_return"] = step - 100.0
            file.write(json.dumps(line) + "\n")
    return run_dir


def read(*run_dirs):
    return [read_run(path, "rollout/success_rate", "steps") for path in run_dirs]


def test_a_run_is_read_where_it_has_the_metric(tmp_path):
    (run,) = read(make_run(tmp_path, 1))
    np.testing.assert_array_equal(run.x, np.arange(10, 101, 10))
    np.testing.assert_allclose(run.y, np.arange(0.1, 1.01, 0.1))


def test_minutes_are_minutes(tmp_path):
    run = read_run(make_run(tmp_path, 1), "rollout/success_rate", "minutes")
    assert run.x[-1] == 10.0


def test_runs_of_other_seeds_and_budgets_are_one_group(tmp_path):
    folders = [make_run(tmp_path, 1), make_run(tmp_path, 2), make_run(tmp_path, 1, "td3")]
    groups = group_runs(read(*folders))
    assert {label: len(runs) for label, runs in groups.items()} == {
        "algorithm=ddpg": 2,
        "algorithm=td3": 1,
    }
    assert list(group_runs(read(*folders[:2]))) == ["lap_joint"]


def test_a_group_is_named_after_its_environment(tmp_path):
    cart, lap = make_run(tmp_path, 1, "dqn", env="CartPole-v1"), make_run(tmp_path, 1)
    assert list(group_runs(read(cart))) == ["CartPole-v1"]
    assert list(group_runs(read(cart, lap))) == ["CartPole-v1", "lap_joint"]
    other = make_run(tmp_path, 1, "td3")
    assert list(group_runs(read(cart, lap, other))) == [
        "CartPole-v1",
        "lap_joint, algorithm=ddpg",
        "lap_joint, algorithm=td3",
    ]


def test_very_different_runs_are_named_by_folder(tmp_path):
    many = {f"setting_{number}": number for number in range(5)}
    folders = [make_run(tmp_path, 1), make_run(tmp_path, 2, **many), make_run(tmp_path, 3, **many)]
    groups = group_runs(read(*folders))
    assert {label: len(runs) for label, runs in groups.items()} == {"ddpg_1": 1, "ddpg_2": 2}
    (tmp_path / "other").mkdir()
    same_name = make_run(tmp_path / "other", 1, **many)
    assert len(group_runs(read(folders[0], same_name))) == 2


def test_the_mean_and_its_interval_are_those_by_hand(tmp_path):
    runs = read(make_run(tmp_path, 1, slope=0.4), make_run(tmp_path, 2, slope=0.6, last=50))
    curve = mean_curve("both", runs)
    assert (curve.x[0], curve.x[-1]) == (10.0, 50.0)
    # At 50 steps: 0.2 and 0.3; standard deviation 0.1 / sqrt(2), and 0.05 of the mean.
    assert curve.mean[-1] == pytest.approx(0.25)
    assert curve.high[-1] - curve.mean[-1] == pytest.approx(12.706 * 0.05)
    assert curve.low[-1] == pytest.approx(0.25 - 12.706 * 0.05)


def test_a_single_run_has_no_band(tmp_path):
    curve = mean_curve("one", read(make_run(tmp_path, 1)))
    np.testing.assert_array_equal(curve.low, curve.mean)
    np.testing.assert_array_equal(curve.high, curve.mean)


def test_students_t_falls_towards_the_normals():
    values = [t_95(n) for n in range(1, 100)]
    assert values == sorted(values, reverse=True)
    assert t_95(20) == pytest.approx(2.086, abs=0.02)
    assert t_95(1000) == pytest.approx(1.962, abs=0.001)


def test_no_run_and_no_such_metric_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="expected a run folder"):
        read(tmp_path)
    with pytest.raises(ConfigurationError, match=r"the metric loss, it has rollout/episode_return"):
        read_run(make_run(tmp_path, 1), "loss", "steps")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.yaml", b"3"),
        ("config.yaml", b"\x98\x00"),
        ("metrics.jsonl", b"\x98\n"),
        ("metrics.jsonl", b"[1]\n"),
        ("metrics.jsonl", b'{"a":' * 90000 + b"\n"),
    ],
)
def test_damaged_run_files_are_refused_by_name(tmp_path, name, content):
    run_dir = make_run(tmp_path, 1)
    (run_dir / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"{run_dir.name}: expected a run folder"):
        read(run_dir)


def test_runs_without_a_common_stretch_are_refused(tmp_path):
    runs = read(make_run(tmp_path, 1), make_run(tmp_path, 2))
    late = runs[1]._replace(x=runs[1].x + 1000)
    with pytest.raises(ConfigurationError, match="expected runs that overlap"):
        mean_curve("both", [runs[0], late])


def test_the_tool_writes_a_picture_and_the_last_points(tmp_path, capsys):
    folders = [make_run(tmp_path, 1), make_run(tmp_path, 2), make_run(tmp_path, 1, "td3", 0.5)]
    out = tmp_path / "curves.png"
    assert plot_runs.main([*map(str, folders), "--out", str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["out"] == str(out)
    assert [(c["label"], c["runs"], c["mean"]) for c in result["curves"]] == [
        ("algorithm=ddpg", 2, pytest.approx(1.0)),
        ("algorithm=td3", 1, pytest.approx(0.5)),
    ]
    with Image.open(out) as image:
        assert image.size == (960, 540)


def test_the_picture_names_what_it_shows(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    folders = [make_run(tmp_path, 1, "dqn", env="CartPole-v1"), make_run(tmp_path, 1)]
    for chosen in (folders[:1], folders):
        assert plot_runs.main([*map(str, chosen), "--out", str(tmp_path / "curves.png")]) == 0
    assert [figure.axes[0].get_title() for figure in drawn] == ["CartPole-v1", ""]
    (legend,) = drawn[1].legends
    assert [text.get_text() for text in legend.get_texts()] == ["CartPole-v1", "lap_joint"]
    assert legend.get_title().get_text() == ""  # no intervals, because no curve is a mean


def test_without_a_success_the_tool_shows_returns(tmp_path, capsys):
    run, other = make_run(tmp_path, 1, slope=0.0), make_run(tmp_path, 1, "td3")
    out = ["--out", str(tmp_path / "curves.png"), "--json"]
    for runs, metric in (([run], "episode_return"), ([run, other], "success_rate")):
        assert plot_runs.main([*map(str, runs), *out]) == 0
        assert json.loads(capsys.readouterr().out)["metric"] == f"rollout/{metric}"
    assert plot_runs.main([str(run), "--metric", "rollout/success_rate", *out]) == 0
    assert json.loads(capsys.readouterr().out)["metric"] == "rollout/success_rate"


def test_the_tool_refuses_in_one_line(tmp_path, capsys):
    assert plot_runs.main([str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err.startswith("error: ")
    run = str(make_run(tmp_path, 1))
    for out in (tmp_path / "no" / "folder.png", tmp_path):
        assert plot_runs.main([run, "--out", str(out)]) == 1
        assert "cannot be written" in capsys.readouterr().err
