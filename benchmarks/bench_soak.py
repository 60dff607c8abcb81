"""A million steps of random actions for each task and arm, to find long-term faults.

    python benchmarks/bench_soak.py [--task lap_joint] [--robot kr60] [--steps 1000000]
        [--control-dt 0.004] [--randomization deploy] [--keep FOLDER] [--json]

Steps are environment steps with an action, an observation and a reward. They last 4 ms, the paper's
control period, which is one physics step. The actions press down and wander, so that the pieces
are in contact most of the time. With ``--keep``, each cell has a file in FOLDER, written
periodically, and an interrupted benchmark continues from it. The exit status is 1 if a number was
not finite, the pieces penetrated each other by more than 0.1 mm, the held piece was further than
that below its goal, or memory grew by more than 5 MB per million steps.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from der_ros.envs import TaskEnv
from der_ros.envs.state import EnvironmentState
from support.report import Figure, argument_parser, count, show
from support.task_cells import TaskCell, add_cells, add_randomization, chosen_cells

_PIECES = 40  # number of memory samples and progress lines of a run
_DEEPEST_M = 0.0001
_MOST_GROWTH_MB = 5.0
_WANDERING_S = 0.4  # correlation time of the action noise


@dataclass
class Soak:
    """Counts of a soak test so far; plain data, written to a file.

    Attributes:
        memory_mb: Per process that contributed, pairs of steps so far and resident memory, MB.
    """

    steps: int = 0
    episodes: int = 0
    successes: int = 0
    latched: int = 0
    touching: int = 0
    not_finite: int = 0
    peak_force_n: float = 0.0
    penetration_m: float = 0.0
    lowest_m: float = math.inf
    wall_s: float = 0.0
    memory_mb: list[list[tuple[int, float]]] = field(default_factory=list)

    def growth_mb(self) -> float:
        """Slope of the resident memory, MB per million steps, in the process with the most samples.

        The first quarter is ignored, since caches fill there.
        """
        run = np.array(max(self.memory_mb, key=len))
        rows = run[len(run) // 4 :]
        return 1e6 * float(np.polyfit(rows[:, 0], rows[:, 1], 1)[0]) if len(rows) > 2 else 0.0

    @property
    def sound(self) -> bool:
        """True if no check has failed so far."""
        return (
            self.not_finite == 0
            and self.penetration_m < _DEEPEST_M
            and self.lowest_m > -_DEEPEST_M
            and self.growth_mb() < _MOST_GROWTH_MB
        )


def wandering_actions(
    rng: np.random.Generator, count: int, dt_s: float
) -> Iterator[NDArray[np.float64]]:
    """Yield downward actions (6,) with correlated noise, independent of the control period."""
    keep, noise = math.exp(-dt_s / _WANDERING_S), np.zeros(6)
    for _ in range(count):
        noise = keep * noise + math.sqrt(1.0 - keep**2) * rng.standard_normal(6)
        yield np.array((0, 0, -0.5, 0, 0, 0)) + 0.3 * noise


def run_episode(env: TaskEnv, seen: Soak, seed: int) -> None:
    """Run one episode and add it to the counts."""
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    for action in wandering_actions(rng, env.max_steps, env.control_dt_s):
        observation, reward, terminated, truncated, info = env.step(action)
        pose = env.world.held_pose()
        goal = env.task.nearest_goal(pose, env.goal_pose)
        seen.steps += 1
        seen.touching += bool(np.linalg.norm(info["wrench"][:3]) > 5.0)
        seen.not_finite += not (np.isfinite(observation).all() and math.isfinite(reward))
        seen.penetration_m = max(seen.penetration_m, info["penetration_m"])
        seen.lowest_m = min(seen.lowest_m, float(pose.position[2] - goal.position[2]))
        if terminated or truncated:
            break
    seen.peak_force_n = max(seen.peak_force_n, info["peak_force_n"])
    seen.episodes += 1
    seen.successes += terminated
    seen.latched += info["latched"]


def soak(env: TaskEnv, seen: Soak, steps: int, kept: Path | None) -> None:
    """Run episodes until ``steps`` environment steps are done."""
    piece = max(1, steps // _PIECES)
    seen.memory_mb.append([])
    while seen.steps < steps:
        began, until = time.monotonic(), seen.steps + piece
        while seen.steps < until:
            run_episode(env, seen, seed=seen.episodes)
        seen.wall_s += time.monotonic() - began
        seen.memory_mb[-1].append((seen.steps, resident_mb()))
        told = f"{env.task.name} on {env.robot}: {seen.steps:,} of {steps:,} steps"
        print(f"{told}, {seen.memory_mb[-1][-1][1]:.1f} MB", file=sys.stderr, flush=True)
        if kept is not None:
            data = {"seen": asdict(seen), "state": env.save_state().to_data()}
            partial = kept.with_suffix(".partial")
            partial.write_text(json.dumps(data))
            partial.replace(kept)


def resident_mb() -> float:
    """Return the resident memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def soak_cell(cell: TaskCell, arguments: argparse.Namespace) -> Soak:
    """Soak-test one cell, or continue from its file."""
    env = cell.env(control_dt=arguments.control_dt, randomization=arguments.randomization)
    seen, kept = Soak(), None
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        kept = arguments.keep / f"{cell.name}.json"
        if kept.exists():
            data = json.loads(kept.read_text())
            seen = Soak(**data["seen"])
            env.restore_state(EnvironmentState.from_data(data["state"]))
    soak(env, seen, arguments.steps, kept)
    env.close()
    return seen


def figures_of(name: str, seen: Soak) -> list[Figure]:
    """Return the figures of one cell."""
    rows = (
        ("steps", seen.steps, ""),
        ("episodes", seen.episodes, ""),
        ("successes", seen.successes, ""),
        ("latched", seen.latched, ""),
        ("touching", 100.0 * seen.touching / seen.steps, "%"),
        ("not_finite", seen.not_finite, ""),
        ("peak_force", seen.peak_force_n, "N"),
        ("deepest_penetration", 1e6 * seen.penetration_m, "um"),
        ("lowest_above_goal", 1e3 * seen.lowest_m, "mm"),
        ("memory_growth", seen.growth_mb(), "MB/1e6"),
        ("speed", seen.steps / seen.wall_s, "steps/s"),
    )
    return [Figure(f"{name}.{what}", value, unit) for what, value, unit in rows]


def main() -> int:
    """Run the benchmark and print its figures."""
    parser = argument_parser(__doc__)
    add_cells(parser)
    add_randomization(parser, default="deploy")
    parser.add_argument(
        "--steps", type=count, default=1_000_000, help="steps per cell (%(default)s)"
    )
    parser.add_argument("--control-dt", type=float, default=0.004, help="period, s (%(default)s)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="stores and continues the runs")
    arguments = parser.parse_args()
    seen = {cell.name: soak_cell(cell, arguments) for cell in chosen_cells(arguments)}
    show("soak", [row for item in seen.items() for row in figures_of(*item)], arguments.json)
    return 0 if all(one.sound for one in seen.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
