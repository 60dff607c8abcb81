"""Benchmark of a policy's robustness: perturbations and stored points."""

import contextlib
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from support.perturbations import PERTURBATIONS, environment, reset_options  # noqa: E402
from support.robustness_plot import draw  # noqa: E402
from support.task_cells import TaskCell  # noqa: E402

LAP = TaskCell("lap_joint", "robotless", {})


def started(kind, value, seed=3):
    env = environment(LAP, kind, value, "none")
    with contextlib.closing(env):
        options = reset_options(env, kind, value, seed)
        env.reset(seed=seed, options=options)
        return env, options


def test_a_ground_piece_lies_where_the_kind_puts_it():
    env, _ = started("offset", 4.0)
    assert abs(env.goal_pose.position[:2]) == pytest.approx([0.004, 0.004])
    env, _ = started("yaw", 5.0)
    assert env.task.angle(env.goal_pose, env.goal_pose.identity()) == pytest.approx(math.radians(5))


def test_a_size_is_exact_and_all_else_nominal():
    _, options = started("friction", 2.0)
    assert options["conditions"].friction_scale == 2.0
    assert options["conditions"]._replace(friction_scale=1.0) == type(options["conditions"])()
    env, _ = started("clearance", 0.3)
    assert env.task.clearance_m == pytest.approx(0.0003)


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_every_size_of_every_kind_can_be_set(kind):
    for value in PERTURBATIONS[kind].values:
        _, options = started(kind, value)
        again = started(kind, value)[1]
        assert options["conditions"] == again["conditions"]


def command(*arguments):
    script = str(ROOT / "benchmarks" / "bench_robustness.py")
    chosen = ["--robot", "robotless", "--episodes", "1", "--kind", "none", "--json", *arguments]
    return subprocess.run(
        [sys.executable, script, *chosen], capture_output=True, text=True, timeout=120, check=True
    )


def test_a_kept_point_is_not_measured_again(tmp_path):
    kept, plot = tmp_path / "points.jsonl", tmp_path / "plot.png"
    figures = json.loads(command("--keep", str(kept)).stdout)["figures"]
    assert figures["robotless.none.0.peak_force_median_n"]["value"] > 0.0
    (line,) = kept.read_text().splitlines()
    marked = json.loads(line)
    marked["figures"]["peak_force_median_n"] = 12345.0
    kept.write_text(json.dumps(marked) + "\n")
    again = json.loads(command("--keep", str(kept)).stdout)["figures"]
    assert again["robotless.none.0.peak_force_median_n"]["value"] == 12345.0
    points = [
        ({"kind": "bias", "robot": "iiwa", "sha256": "a", "value": v}, f)
        for v, f in (
            (1.0, {"success_percent": 90.0, "peak_force_median_n": 5.0}),
            (2.0, {"success_percent": 80.0, "peak_force_median_n": 6.0}),
        )
    ]
    draw(points, plot)
    assert plot.stat().st_size > 1000


def test_points_are_drawn_without_a_file_of_them(tmp_path):
    plot = tmp_path / "plot.png"
    command("--kind", "bias", "--value", "0", "--plot", str(plot))
    assert plot.stat().st_size > 1000
