"""Benchmark of a policy's robustness: perturbations and stored points."""

import contextlib
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from bench_robustness import PerturbedPoint, deployed_budget  # noqa: E402

from der_ros.errors import ConfigurationError  # noqa: E402
from der_ros.tasks import TASK_NAMES  # noqa: E402
from support.perturbations import (  # noqa: E402
    PERTURBATIONS,
    environment,
    nominal_size,
    reset_options,
    trained_range,
)
from support.robustness_plot import Line, curve_of, draw  # noqa: E402
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
    kept = tmp_path / "points.jsonl"
    figures = json.loads(command("--keep", str(kept)).stdout)["figures"]
    assert figures["robotless.none.0.peak_force_median_n"]["value"] > 0.0
    (line,) = kept.read_text().splitlines()
    marked = json.loads(line)
    marked["figures"]["peak_force_median_n"] = 12345.0
    marked["episodes"] = 2
    kept.write_text(json.dumps(marked) + "\n")
    again = json.loads(command("--keep", str(kept)).stdout)["figures"]
    assert again["robotless.none.0.peak_force_median_n"]["value"] == 12345.0


def point(value, episodes=20, robot="iiwa", kind="bias", option="force_budget_n=60"):
    found = {"success_percent": 90.0, "peak_force_median_n": 5.0, "peak_force_p99_n": 9.0}
    conditions = PerturbedPoint("a" * 64, "lap_joint", robot, kind, value, episodes, option)
    return conditions._asdict(), {**found, "success_percent": float(episodes)}


def test_a_curve_begins_at_the_nominal_cell(tmp_path):
    found = [point(5.0, 40), point(5.0, 20), point(0.0, 30, kind="none"), point(5.0, 10, option="")]
    line = Line("iiwa", "a" * 64, "force_budget_n=60")
    curve = [(size, figures["success_percent"]) for size, figures in curve_of(found, line, "bias")]
    assert curve == [(0.0, 30.0), (5.0, 40.0)]
    draw([*found, point(5.0, robot="robotless", option="")], tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_only_nominal_points_are_no_plot(tmp_path):
    with pytest.raises(ConfigurationError, match="points of a kind"):
        draw([point(0.0, kind="none")], tmp_path / "plot.png")


def test_deployed_sets_the_budget_of_each_robot():
    assert [deployed_budget(robot) for robot in ("robotless", "iiwa", "kr60")] == [
        ("force_budget_n=120",),
        ("force_budget_n=60",),
        ("force_budget_n=120",),
    ]


@pytest.mark.parametrize("task", TASK_NAMES)
@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_sizes_reach_twice_the_range_of_training(kind, task):
    low, high = np.round(trained_range(kind, task), 9)
    values = PERTURBATIONS[kind].values
    nominal = nominal_size(kind, task)
    if kind == "clearance":
        assert min(values) <= low < nominal < high < max(values)
    elif PERTURBATIONS[kind].unit == "factor":
        assert min(values) <= low / 2.0 < 2.0 * high <= max(values)
    else:
        assert max(values) >= 2.0 * high
        assert low >= 0.0 or min(values) <= 2.0 * low


def test_points_are_drawn_without_a_file_of_them(tmp_path):
    plot = tmp_path / "plot.png"
    command("--kind", "bias", "--value", "0", "--plot", str(plot))
    assert plot.stat().st_size > 1000
