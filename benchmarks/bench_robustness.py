"""Success and peak force of a policy where a cell differs from its training, to twice the range.

    python benchmarks/bench_robustness.py --task lap_joint [--policy FILE] [--robot kr60]
        [--kind offset …] [--episodes 50] [--keep FILE.jsonl] [--plot FILE.png] [--json]

Each kind of ``support/perturbations.py`` is a single difference of a known size; all else is
nominal. With ``--keep`` every point is a line of the file, and a run that was stopped goes on with
the next. ``--plot`` draws what the file holds of the task, all its policies together.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from der_ros.policy.runtime import OnnxPolicy
from der_ros.policy.shipped import shipped_policy
from der_ros.sim.robots import ROBOT_NAMES
from der_ros.tasks import TASK_NAMES
from der_ros.training.evaluation.episodes import wilson_interval
from support.perturbations import PERTURBATIONS, environment, reset_options
from support.report import Figure, argument_parser, show
from support.robustness_plot import draw
from support.task_cells import Cell

_FIRST_SEED = 5 << 29  # beside those of training and of the evaluate tool


class Point(NamedTuple):
    """One measured point of a curve; how far a policy has been asked is not in it.

    Attributes:
        sha256: of the policy.
        task: that is done.
        robot: that does it.
        kind: of ``PERTURBATIONS``.
        value: size of the difference, in the kind's unit.
        episodes: that were run.
    """

    sha256: str
    task: str
    robot: str
    kind: str
    value: float
    episodes: int


def measure(policy: OnnxPolicy, point: Point) -> dict[str, float]:
    """Return the figures of a point."""
    env = environment(Cell(point.task, point.robot, {}), point.kind, point.value, "none")
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


def _episode(env: Any, policy: OnnxPolicy, point: Point, seed: int) -> dict[str, Any]:
    """Return the last ``info`` of one attempt, with its duration."""
    act = policy.for_attempt()
    options = reset_options(env, point.kind, point.value, seed)
    observation, _ = env.reset(seed=seed, options=options)
    steps, ended = 0, False
    while not ended:
        observation, _, terminated, truncated, info = env.step(act(observation))
        steps, ended = steps + 1, terminated or truncated
    return {**info, "duration_s": steps * env.control_dt_s}


def points(policy: OnnxPolicy, arguments: argparse.Namespace) -> Iterator[Point]:
    """Yield the points that the user chose."""
    for robot in [arguments.robot] if arguments.robot else ROBOT_NAMES:
        for kind in arguments.kind or PERTURBATIONS:
            for value in arguments.value or PERTURBATIONS[kind].values:
                yield Point(
                    policy.sha256, arguments.task, robot, kind, float(value), arguments.episodes
                )


def kept_points(path: Path | None) -> dict[Point, dict[str, float]]:
    """Return the points in a file; none where there is no file."""
    if path is None or not path.exists():
        return {}
    found = {}
    for line in path.read_text().splitlines():
        fields = json.loads(line)
        figures = fields.pop("figures")
        found[Point(**fields)] = figures
    return found


def measured(
    policy: OnnxPolicy, arguments: argparse.Namespace
) -> Iterator[tuple[Point, dict[str, float]]]:
    """Yield each chosen point with its figures; a new one is added to the file at once."""
    kept = kept_points(arguments.keep)
    for point in points(policy, arguments):
        if point not in kept:
            kept[point] = measure(policy, point)
            if arguments.keep is not None:
                with arguments.keep.open("a") as file:
                    file.write(json.dumps({**point._asdict(), "figures": kept[point]}) + "\n")
        yield point, kept[point]


def main() -> int:
    """Run the benchmark and print its figures."""
    arguments = _parser().parse_args()
    path = arguments.policy or shipped_policy(arguments.task)
    policy = OnnxPolicy.load(path, arguments.task)
    figures = []
    for point, found in measured(policy, arguments):
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
        everything = kept_points(arguments.keep)
        draw(
            [(p._asdict(), f) for p, f in everything.items() if p.task == arguments.task],
            arguments.plot,
        )
        print(f"wrote {arguments.plot}", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    parser.add_argument("--task", choices=TASK_NAMES, default="lap_joint", help="(%(default)s)")
    parser.add_argument("--policy", type=Path, help="default: the task's shipped policy")
    parser.add_argument("--robot", choices=ROBOT_NAMES, help="default: all")
    parser.add_argument(
        "--kind", choices=tuple(PERTURBATIONS), action="append", help="default: all"
    )
    parser.add_argument("--value", type=float, action="append", help="default: the kind's own")
    parser.add_argument("--episodes", type=int, default=50, help="of each point (%(default)s)")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keeps the points, to go on")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="picture of all in --keep")
    return parser


if __name__ == "__main__":
    sys.exit(main())
