"""A million physics steps of random actions for each task and arm: what goes wrong in the long run.

    python benchmarks/bench_soak.py [--task lap_joint] [--robot kr60] [--steps 1000000]
        [--randomization deploy] [--resume FILE] [--json]

The actions press down with correlated noise, so that the pieces touch most of the time. Steps are
physics steps of 4 ms; a control step of 60 ms has 15. With ``--resume`` everything is kept in FILE
now and then, and a run that was stopped goes on from there. Ends with 1 where a number was not
finite, the pieces were deeper in each other than 0.5 mm, the held piece was further below its
goal than that, or memory grew by more than 5 MB in a million steps.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from bench_sim import searching_actions
from figures import Figure, argument_parser, show

import der_ros.envs
from der_ros.envs.assembly import PHYSICS_DT_S
from der_ros.envs.state import EnvironmentState
from der_ros.sim.robots import ROBOT_NAMES
from der_ros.tasks import TASK_NAMES

_PIECES = 40  # of a run, for memory's slope and the progress
_DEEPEST_M = 0.0005
_MOST_GROWTH_MB = 5.0


@dataclass
class Soak:
    """What was seen so far; plain data, to be kept in a file."""

    physics_steps: int = 0
    control_steps: int = 0
    episodes: int = 0
    successes: int = 0
    latched: int = 0
    not_finite: int = 0
    peak_force_n: float = 0.0
    penetration_m: float = 0.0
    lowest_m: float = math.inf
    wall_s: float = 0.0
    memory_mb: list[tuple[int, float]] = field(default_factory=list)

    def growth_mb(self) -> float:
        """Slope of the resident memory, MB in a million physics steps, after the first quarter."""
        rows = np.array([row for row in self.memory_mb if 4 * row[0] >= self.physics_steps])
        return 1e6 * float(np.polyfit(rows[:, 0], rows[:, 1], 1)[0]) if len(rows) > 2 else 0.0

    @property
    def sound(self) -> bool:
        """Whether nothing went wrong."""
        return (
            self.not_finite == 0
            and self.penetration_m < _DEEPEST_M
            and self.lowest_m > -_DEEPEST_M
            and self.growth_mb() < _MOST_GROWTH_MB
        )


def run_episode(env: Any, seen: Soak, seed: int) -> None:
    """One episode, counted."""
    env.reset(seed=seed)
    steps = round(env.control_dt_s / PHYSICS_DT_S)
    for action in searching_actions(np.random.default_rng(seed), env.max_steps):
        observation, reward, terminated, truncated, info = env.step(action)
        pose = env.world.held_pose()
        goal = env.task.nearest_goal(pose, env.goal_pose)
        seen.physics_steps += steps
        seen.control_steps += 1
        seen.not_finite += not (np.isfinite(observation).all() and math.isfinite(reward))
        seen.penetration_m = max(seen.penetration_m, info["penetration_m"])
        seen.lowest_m = min(seen.lowest_m, float(pose.position[2] - goal.position[2]))
        if terminated or truncated:
            break
    seen.peak_force_n = max(seen.peak_force_n, info["peak_force_n"])
    seen.episodes += 1
    seen.successes += terminated
    seen.latched += info["latched"]


def soak(env: Any, seen: Soak, steps: int, resume: Path | None) -> None:
    """Runs episodes until that many physics steps are done."""
    piece = max(1, steps // _PIECES)
    while seen.physics_steps < steps:
        began, until = time.monotonic(), seen.physics_steps + piece
        while seen.physics_steps < until:
            run_episode(env, seen, seed=seen.episodes)
        seen.wall_s += time.monotonic() - began
        seen.memory_mb.append((seen.physics_steps, resident_mb()))
        told = f"{seen.physics_steps:,} of {steps:,} steps, {seen.memory_mb[-1][1]:.1f} MB"
        print(told, file=sys.stderr, flush=True)
        if resume is not None:
            data = {"seen": asdict(seen), "state": env.save_state().to_data()}
            resume.write_text(json.dumps(data))


def resident_mb() -> float:
    """Resident memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def figures_of(seen: Soak) -> list[Figure]:
    """What is printed."""
    return [
        Figure("physics_steps", seen.physics_steps, ""),
        Figure("control_steps", seen.control_steps, ""),
        Figure("episodes", seen.episodes, ""),
        Figure("successes", seen.successes, ""),
        Figure("latched", seen.latched, ""),
        Figure("not_finite", seen.not_finite, ""),
        Figure("peak_force", seen.peak_force_n, "N"),
        Figure("deepest_penetration", 1e6 * seen.penetration_m, "um"),
        Figure("lowest_above_goal", 1e3 * seen.lowest_m, "mm"),
        Figure("memory_growth", seen.growth_mb(), "MB/1e6"),
        Figure("speed", seen.physics_steps / seen.wall_s, "steps/s"),
    ]


def parsed() -> argparse.Namespace:
    """The arguments."""
    parser = argument_parser(__doc__)
    parser.add_argument("--task", choices=TASK_NAMES, default="lap_joint")
    parser.add_argument("--robot", choices=ROBOT_NAMES, help="default: the task's")
    parser.add_argument("--steps", type=int, default=1_000_000, help="physics steps (%(default)s)")
    parser.add_argument(
        "--randomization", choices=tuple(der_ros.envs.PRESETS), default="deploy", help="(deploy)"
    )
    parser.add_argument("--resume", type=Path, help="a file to keep the run in")
    return parser.parse_args()


def main() -> int:
    """Prints the figures."""
    arguments = parsed()
    env = der_ros.envs.TaskEnv(
        arguments.task, robot=arguments.robot, randomization=arguments.randomization
    )
    seen = Soak()
    if arguments.resume is not None and arguments.resume.exists():
        kept = json.loads(arguments.resume.read_text())
        seen = Soak(**kept["seen"])
        env.restore_state(EnvironmentState.from_data(kept["state"]))
    soak(env, seen, arguments.steps, arguments.resume)
    env.close()
    show("soak", figures_of(seen), arguments.json)
    return 0 if seen.sound else 1


if __name__ == "__main__":
    sys.exit(main())
