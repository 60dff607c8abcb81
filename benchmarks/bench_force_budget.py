"""Share of episodes within a force budget, success and duration, for several budgets.

    python benchmarks/bench_force_budget.py --task lap_joint --robot kr60 [--policy FILE]
        [--budget 30 …] [--episodes 300] [--option compliance=cell] [--keep FILE.jsonl]
        [--plot FILE.png] [--json]

The peak force is the largest reading of the governor's sensor in an episode; each reading covers
12 ms. A budget of 10000 N means no budget. With ``--keep``, each budget is a line of the file, and
an interrupted benchmark continues with the next. ``--plot`` draws the file's lines for the task and
the policy.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from der_ros.envs.task_env import TaskEnv
from der_ros.policy.force_budget import NO_FORCE_BUDGET_N
from der_ros.policy.runtime import OnnxPolicy
from der_ros.policy.shipped import shipped_policy
from der_ros.sim.robots import ROBOT_NAMES
from der_ros.tasks import TASK_NAMES
from support.kept_points import keep_point, kept_points
from support.report import Figure, argument_parser, count, show
from support.task_cells import options_of

_FIRST_SEED = 7 << 28  # differs from training, the evaluate tool and the robustness benchmark
_BUDGETS_N = {
    "iiwa": (10.0, 20.0, 40.0, 60.0, NO_FORCE_BUDGET_N),
    "kr60": (30.0, 60.0, 120.0, 200.0, NO_FORCE_BUDGET_N),
}
_PANELS = {
    "kept_percent": "within the budget [%]",
    "success_percent": "success [%]",
    "duration_median_s": "median duration [s]",
    "peak_force_median_n": "peak force, median and highest [N]",
}


class BudgetPoint(NamedTuple):
    """Conditions of one measurement.

    Attributes:
        sha256: SHA-256 of the policy.
        task: Name of the task.
        robot: Name of the robot.
        budget_n: Force budget of the governor, N.
        option: Other options of the environment, as given on the command line.
        episodes: Number of episodes.
    """

    sha256: str
    task: str
    robot: str
    budget_n: float
    option: str
    episodes: int


def measure(policy: OnnxPolicy, point: BudgetPoint) -> dict[str, float]:
    """Measure one budget and return its figures."""
    options = options_of(point.option)
    env = TaskEnv(point.task, robot=point.robot, force_budget_n=point.budget_n, **options)
    try:
        ends = [_episode(env, policy, _FIRST_SEED + each) for each in range(point.episodes)]
    finally:
        env.close()
    peaks = np.array([info["peak_force_n"] for info in ends])
    return {
        "kept_percent": 100.0 * float(np.mean(peaks <= point.budget_n)),
        "success_percent": 100.0 * float(np.mean([info["success"] for info in ends])),
        "peak_force_median_n": float(np.median(peaks)),
        "peak_force_p99_n": float(np.percentile(peaks, 99)),
        "peak_force_max_n": float(peaks.max()),
        "duration_median_s": float(np.median([info["duration_s"] for info in ends])),
    }


def _episode(env: Any, policy: OnnxPolicy, seed: int) -> dict[str, Any]:
    """Run one attempt and return its last ``info``."""
    act = policy.for_attempt()
    observation, _ = env.reset(seed=seed)
    ended = False
    while not ended:
        observation, _, terminated, truncated, info = env.step(act(observation))
        ended = terminated or truncated
    return info


def draw(points: dict[BudgetPoint, dict[str, float]], path: Path) -> None:
    """Plot compliance, success, duration and peak force against the budget, one line per robot."""
    from matplotlib.figure import Figure as Picture

    points = {p: f for p, f in points.items() if p.budget_n < NO_FORCE_BUDGET_N}
    budgets = sorted({point.budget_n for point in points})
    picture = Picture(figsize=(9.0, 6.4), layout="constrained")
    axes = picture.subplots(2, 2).ravel()
    for robot in sorted({point.robot for point in points}):
        line = sorted((p.budget_n, f) for p, f in points.items() if p.robot == robot)
        for ax, name in zip(axes, _PANELS, strict=True):
            sizes = [budget for budget, _ in line]
            (drawn,) = ax.plot(sizes, [f[name] for _, f in line], marker="o", label=robot)
        highest = [figures["peak_force_max_n"] for _, figures in line]
        ax.plot(sizes, highest, color=drawn.get_color(), linestyle=":", marker=".")
    ticks = [f"{budget:g}" for budget in budgets]
    for ax, name in zip(axes, _PANELS, strict=True):
        ax.set(xscale="log", xlabel="force budget [N]", ylabel=_PANELS[name])
        ax.set_xticks(budgets, ticks)
        ax.grid(alpha=0.3)
        if name.startswith("peak"):
            ax.plot(budgets, budgets, color="0.5", linewidth=0.8, label="budget")
            ax.set_yscale("log")
            ax.set_yticks(budgets, ticks)
            ax.legend()
        else:
            ax.set_ylim(0.0, 105.0 if name.endswith("percent") else None)
        ax.minorticks_off()
    picture.savefig(path, dpi=100)


def main() -> int:
    """Run the benchmark and print its figures."""
    arguments = _parser().parse_args()
    path = arguments.policy or shipped_policy(arguments.task)
    policy = OnnxPolicy.load(path, arguments.task)
    kept, figures = kept_points(arguments.keep, BudgetPoint), []
    option = " ".join(arguments.option or ())
    for robot in [arguments.robot] if arguments.robot else _BUDGETS_N:
        for budget in arguments.budget or _BUDGETS_N.get(robot, _BUDGETS_N["kr60"]):
            point = BudgetPoint(
                policy.sha256, arguments.task, robot, budget, option, arguments.episodes
            )
            if point not in kept:
                kept[point] = measure(policy, point)
                keep_point(arguments.keep, point, kept[point])
            found = kept[point]
            name = f"{arguments.task}.{robot}.{budget:g}"
            told = ", ".join(f"{key} {value:.1f}" for key, value in found.items())
            print(f"{name}: {told}", file=sys.stderr, flush=True)
            figures += [Figure(f"{name}.{key}", value, "") for key, value in found.items()]
    show("force_budget", figures, arguments.json)
    if arguments.plot is not None:
        draw(
            {
                p: f
                for p, f in kept.items()
                if (p.sha256, p.task, p.option) == (policy.sha256, arguments.task, option)
            },
            arguments.plot,
        )
        print(f"wrote {arguments.plot}", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    parser.add_argument(
        "--task", choices=TASK_NAMES, default="lap_joint", help="task (%(default)s)"
    )
    parser.add_argument("--policy", type=Path, help="policy file; default: the shipped policy")
    parser.add_argument("--robot", choices=ROBOT_NAMES, help="robot; default: kr60 and iiwa")
    parser.add_argument("--budget", type=float, action="append", help="budget, N; default: several")
    parser.add_argument(
        "--episodes", type=count, default=300, help="episodes per budget (%(default)s)"
    )
    parser.add_argument("--option", action="append", help="NAME=VALUE of the environment")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="stores and reuses figures")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="plot of the figures in --keep")
    return parser


if __name__ == "__main__":
    sys.exit(main())
