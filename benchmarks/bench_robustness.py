"""Success and peak force of a policy in cells that differ from training, up to twice the range.

    python benchmarks/bench_robustness.py --task lap_joint [--policy FILE] [--robot kr60]
        [--kind offset …] [--episodes 20] [--deployed] [--option compliance=rigid]
        [--keep FILE.jsonl] [--plot FILE.png] [--json]

Each kind in ``support/perturbations.py`` is a single difference of known size; everything else is
nominal. ``--deployed`` gives each robot the force budget of its deployment, and the robot-less tool
that of the KR 60. With ``--keep``, each point is a line of the file, and an interrupted benchmark
continues with the next; a point with more episodes than asked for counts. ``--plot`` draws these
and the file's points for the task, with all policies in one plot; the range of the preset ``wide``
is shaded.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from der_ros.launching.cell_parameters import CELLS, read_parameters, shipped_config
from der_ros.policy.runtime import OnnxPolicy
from der_ros.policy.shipped import shipped_policy
from der_ros.sim.robots import ROBOT_NAMES
from der_ros.tasks import TASK_NAMES
from der_ros.training.evaluation.episodes import wilson_interval
from support.kept_points import keep_point, kept_points
from support.perturbations import PERTURBATIONS, environment, reset_options
from support.report import Figure, argument_parser, count, show
from support.robustness_plot import draw
from support.task_cells import TaskCell, options_of

_FIRST_SEED = 5 << 29  # differs from training and the evaluate tool


class PerturbedPoint(NamedTuple):
    """Conditions of one measured point of a curve.

    Attributes:
        sha256: SHA-256 of the policy.
        task: Name of the task.
        robot: Name of the robot.
        kind: Kind of difference, a key of ``PERTURBATIONS``.
        value: Size of the difference, in the kind's unit.
        episodes: Number of episodes.
        option: Further options of the environment, ``name=value`` separated by spaces.
    """

    sha256: str
    task: str
    robot: str
    kind: str
    value: float
    episodes: int
    option: str = ""


def measure(policy: OnnxPolicy, point: PerturbedPoint) -> dict[str, float]:
    """Measure one point and return its figures."""
    options = options_of(point.option)
    env = environment(
        TaskCell(point.task, point.robot, {}), point.kind, point.value, "none", **options
    )
    try:
        ends = [_episode(env, policy, point, _FIRST_SEED + each) for each in range(point.episodes)]
    finally:
        env.close()
    peaks = [info["peak_force_n"] for info in ends]
    return {
        "success_percent": 100.0 * sum(info["success"] for info in ends) / len(ends),
        "latched_percent": 100.0 * sum(info["latched"] for info in ends) / len(ends),
        "peak_force_median_n": float(np.median(peaks)),
        "peak_force_p99_n": float(np.percentile(peaks, 99)),
        "duration_median_s": float(np.median([info["duration_s"] for info in ends])),
    }


def _episode(env: Any, policy: OnnxPolicy, point: PerturbedPoint, seed: int) -> dict[str, Any]:
    """Run one attempt and return its last ``info``."""
    act = policy.for_attempt()
    options = reset_options(env, point.kind, point.value, seed)
    observation, _ = env.reset(seed=seed, options=options)
    ended = False
    while not ended:
        observation, _, terminated, truncated, info = env.step(act(observation))
        ended = terminated or truncated
    return info


def points(policy: OnnxPolicy, arguments: argparse.Namespace) -> Iterator[PerturbedPoint]:
    """Yield the points selected on the command line."""
    for robot in [arguments.robot] if arguments.robot else ROBOT_NAMES:
        budget = deployed_budget(robot) if arguments.deployed else ()
        option = " ".join((*budget, *arguments.option))
        for kind in arguments.kind or PERTURBATIONS:
            own = PERTURBATIONS[kind].values
            for value in own if kind == "none" else arguments.value or own:
                yield PerturbedPoint(
                    policy.sha256,
                    arguments.task,
                    robot,
                    kind,
                    float(value),
                    arguments.episodes,
                    option,
                )


def deployed_budget(robot: str) -> tuple[str, ...]:
    """Return the force budget of a robot's deployment as an option; robot-less: the KR 60's."""
    cell = f"deploy_{robot}" if f"deploy_{robot}" in CELLS else "deploy_kr60"
    bridge = read_parameters(shipped_config(cell))["kuka_bridge"]
    return (f"force_budget_n={bridge['force_budget_n']:g}",)


def measured(
    policy: OnnxPolicy, arguments: argparse.Namespace
) -> Iterator[tuple[PerturbedPoint, dict[str, float]]]:
    """Yield each selected point with its figures; append new ones to the file at once.

    A point of the file that has more episodes replaces the selected one.
    """
    kept = kept_points(arguments.keep, PerturbedPoint)
    for point in points(policy, arguments):
        alike = [each for each in kept if each._replace(episodes=point.episodes) == point]
        most = max(alike, key=lambda each: each.episodes, default=point)
        if most.episodes < point.episodes or most not in kept:
            most = point
            kept[most] = measure(policy, most)
            keep_point(arguments.keep, most, kept[most])
        yield most, kept[most]


def main() -> int:
    """Run the benchmark and print its figures."""
    arguments = _parser().parse_args()
    path = arguments.policy or shipped_policy(arguments.task)
    policy = OnnxPolicy.load(path, arguments.task)
    figures, now = [], {}
    for point, found in measured(policy, arguments):
        now[point] = found
        name = f"{point.robot}.{point.kind}.{point.value:g}"
        low, high = wilson_interval(
            round(found["success_percent"] * point.episodes / 100.0), point.episodes
        )
        print(
            f"{name}: {found['success_percent']:.0f} % ({100 * low:.0f} to {100 * high:.0f}), "
            f"latched {found['latched_percent']:.0f} %, peak {found['peak_force_median_n']:.0f} "
            f"and {found['peak_force_p99_n']:.0f} N, {found['duration_median_s']:.1f} s",
            file=sys.stderr,
            flush=True,
        )
        figures += [Figure(f"{name}.{key}", value, "") for key, value in found.items()]
    show("robustness", figures, arguments.json)
    if arguments.plot is not None:
        everything = kept_points(arguments.keep, PerturbedPoint) | now
        draw(
            [(p._asdict(), f) for p, f in everything.items() if p.task == arguments.task],
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
    parser.add_argument("--robot", choices=ROBOT_NAMES, help="robot; default: all")
    parser.add_argument(
        "--kind", choices=tuple(PERTURBATIONS), action="append", help="difference; default: all"
    )
    parser.add_argument(
        "--value", type=float, action="append", help="size; default: the kind's own"
    )
    parser.add_argument(
        "--episodes", type=count, default=20, help="episodes per point (%(default)s)"
    )
    parser.add_argument(
        "--deployed",
        action="store_true",
        help="each robot with its deployment's force budget; robot-less: the KR 60's",
    )
    parser.add_argument(
        "--option", action="append", default=[], help="NAME=VALUE of the environment"
    )
    parser.add_argument("--keep", type=Path, metavar="FILE", help="stores and reuses the points")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="plot of the points, with those in --keep"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
