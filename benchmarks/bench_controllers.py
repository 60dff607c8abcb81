"""Success rate of scripted controllers on each task and arm: an oracle, and a blind push.

    python benchmarks/bench_controllers.py [--task lap_joint] [--robot kr60] [--episodes 200]
        [--controller oracle] [--randomization none] [--option epsilon_m=0.0015 …]
        [--keep FOLDER] [--json]

The oracle knows the true goal and shows that a task can be solved. The blind controller pushes
straight down and shows that the task needs a policy. With ``--keep``, each cell and controller has
a file in FOLDER, and an interrupted benchmark continues with the next. The exit status is 1 if the
oracle succeeds in less than 99 % of its episodes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from der_ros.envs import TaskEnv
from der_ros.envs.scripted import blind_action, oracle_action
from der_ros.training.evaluation.episodes import wilson_interval
from support.report import Figure, argument_parser, count, show
from support.task_cells import TaskCell, add_cells, add_options, add_randomization, chosen_cells

_CONTROLLERS = {"oracle": oracle_action, "blind": blind_action}
_LEAST_SUCCESS = 0.99


def run_episode(env: TaskEnv, controller: Callable[[Any], Any], seed: int) -> dict[str, Any]:
    """Run an episode and return its last ``info``, with the deepest penetration of all steps."""
    env.reset(seed=seed)
    deepest_m, ended = 0.0, False
    while not ended:
        _, _, terminated, truncated, info = env.step(controller(env))
        deepest_m = max(deepest_m, info["penetration_m"])
        ended = terminated or truncated
    return {**info, "penetration_m": deepest_m}


def why(info: dict[str, Any]) -> str:
    """Return the reason of an episode's end as one word; ``neither`` for a timeout."""
    named = (word for word in ("success", "latched", "joint_limit") if info[word])
    return next(named, "neither")


def run_controller(
    cell: TaskCell, name: str, count: int, options: dict[str, Any]
) -> dict[str, float]:
    """Return the controller's figures in the cell with these options; names include the unit."""
    env = cell.env(**options)
    ends = [run_episode(env, _CONTROLLERS[name], seed) for seed in range(count)]
    env.close()
    counted = Counter(map(why, ends))
    low, high = wilson_interval(counted["success"], count)
    return {
        f"{name}_success_percent": 100.0 * counted["success"] / count,
        f"{name}_success_low_percent": 100.0 * low,
        f"{name}_success_high_percent": 100.0 * high,
        f"{name}_latched_percent": 100.0 * counted["latched"] / count,
        f"{name}_peak_force_n": max(info["peak_force_n"] for info in ends),
        f"{name}_penetration_um": 1e6 * max(info["penetration_m"] for info in ends),
    }


def run_or_recall(cell: TaskCell, name: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Return the controller's figures, measured or read from the ``--keep`` folder."""
    count = arguments.episodes
    chosen = dict(arguments.option)
    options = {"randomization": arguments.randomization, **chosen}
    if arguments.keep is None:
        return run_controller(cell, name, count, options)
    arguments.keep.mkdir(parents=True, exist_ok=True)
    named = (f"{option}={value}" for option, value in chosen.items())
    given = "_".join((arguments.randomization, *named))
    kept = arguments.keep / f"{cell.name}_{name}_{given}_{count}.json"
    if not kept.exists():
        kept.write_text(json.dumps(run_controller(cell, name, count, options)))
    found: dict[str, float] = json.loads(kept.read_text())
    return found


def main() -> int:
    """Run the benchmark and print its figures."""
    parser = argument_parser(__doc__)
    add_cells(parser)
    add_randomization(parser, default="none")
    add_options(parser)
    parser.add_argument("--episodes", type=count, default=200, help="episodes each (%(default)s)")
    parser.add_argument(
        "--controller", choices=tuple(_CONTROLLERS), help="controller; default: both"
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="stores and reuses figures")
    arguments = parser.parse_args()
    names = [name for name in _CONTROLLERS if arguments.controller in (None, name)]
    rows: dict[str, float] = {}
    for cell in chosen_cells(arguments):
        for name in names:
            figures = run_or_recall(cell, name, arguments)
            rows |= {f"{cell.name}.{key}": value for key, value in figures.items()}
            print(f"{cell.name}: {name}", file=sys.stderr, flush=True)
    show("controllers", [Figure(name, value, "") for name, value in rows.items()], arguments.json)
    oracles = [value for name, value in rows.items() if name.endswith("oracle_success_percent")]
    return 0 if all(value >= 100.0 * _LEAST_SUCCESS for value in oracles) else 1


if __name__ == "__main__":
    sys.exit(main())
