"""Simulation beside a learner on two cores, compared with simulation alone.

    python benchmarks/bench_training.py [--task lap_joint] [--seconds 15] [--turns 2]
        [--engine local] [--json]

Both sides use the same rollout workers, one per core except the learner's, and the same learner
loop, which receives their data. In the first case no update is ever due; in the second the learner
updates all the time. The difference is contention for caches and memory, and workers that wait
until the learner receives their data. For each preset it prints environment steps per second of
both cases, and the learner's updates compared with a learner alone.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterator
from typing import NamedTuple

import torch

from der_ros.training.config import TrainingConfig, load_config
from der_ros.training.engine.choice import make_engine
from der_ros.training.engine.interface import Engine
from der_ros.training.environment.factory import make_environment
from der_ros.training.learner import Learner, LearnerLoop
from der_ros.training.run.memory import keep_freed_memory
from support.report import Body, Figure, argument_parser, count, more_is_better, show

PRESETS = ("fast", "paper")
_FIRST_STEPS = 1_000  # not measured: workers start, and the replay fills a few batches


class Rates(NamedTuple):
    """Environment steps and learner updates per second."""

    steps_per_s: float
    updates_per_s: float


class Bench:
    """Loop of a training run whose learner can be switched on and off."""

    def __init__(self, config: TrainingConfig, engine: Engine, learner: Learner) -> None:
        """Take an engine that has been entered, and wait until its workers run."""
        self._engine, self._learner = engine, learner
        self._loop = LearnerLoop(config, learner, engine)
        self._idle = dataclasses.replace(config, updates_per_step=1e-12)
        self._busy = dataclasses.replace(config, updates_per_step=1e6)
        learner.config = self._idle
        while learner.env_steps < _FIRST_STEPS:
            self._loop.turn()
        self.train(1.0)  # warm-up

    def simulate(self, seconds: float) -> Rates:
        """Measure simulation alone: receive from the workers without updates."""
        self._learner.config = self._idle
        return self._timed(seconds, self._loop.turn)

    def train(self, seconds: float) -> Rates:
        """Measure both: receive from the workers and update continuously."""
        self._learner.config = self._busy
        return self._timed(seconds, self._loop.turn)

    def learn(self, seconds: float) -> Rates:
        """Measure updates alone; the workers soon wait because nothing receives their data."""
        return self._timed(seconds, self._update)

    def _timed(self, seconds: float, body: Body) -> Rates:
        learner, started = self._learner, time.perf_counter()
        steps, updates = learner.env_steps, learner.updates
        while (passed := time.perf_counter() - started) < seconds:
            body()
        return Rates((learner.env_steps - steps) / passed, (learner.updates - updates) / passed)

    def _update(self) -> None:
        drawn = self._engine.sample(None)
        if drawn is not None:
            self._engine.write_back(drawn, self._learner.learn(drawn))


def measured(config: TrainingConfig, seconds: float, turns: int) -> list[list[Rates]]:
    """Return the rates of each turn: simulation alone, both, learner alone."""
    torch.set_num_threads(config.torch_threads)
    environment = make_environment(config)
    sizes = [
        (space.shape or (0,))[0]
        for space in (environment.observation_space, environment.action_space)
    ]
    environment.close()
    learner = Learner(config, *sizes)
    with make_engine(config, learner.sizes, learner.td_errors, lambda: False) as engine:
        bench = Bench(config, engine, learner)
        return [
            [bench.simulate(seconds), bench.train(seconds), bench.learn(seconds)]
            for _ in range(turns)
        ]


def figures(name: str, turns: list[list[Rates]]) -> Iterator[Figure]:
    """Yield the best turns of each case, compared with each other."""
    alone = max(turn[0].steps_per_s for turn in turns)
    beside = max(turn[1].steps_per_s for turn in turns)
    yield more_is_better(f"{name}_simulation", beside, "steps/s", "simulation alone", alone)
    learner = max(turn[2].updates_per_s for turn in turns)
    updates = max(turn[1].updates_per_s for turn in turns)
    yield more_is_better(f"{name}_learner", updates, "updates/s", "learner alone", learner)


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argument_parser(__doc__)
    parser.add_argument("--task", default="lap_joint")
    parser.add_argument("--engine", default="local")
    parser.add_argument("--seconds", type=float, default=15.0, help="duration of a turn, s")
    parser.add_argument("--turns", type=count, default=2, help="turns per case (%(default)s)")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    keep_freed_memory()
    result: list[Figure] = []
    for preset in PRESETS:
        config = load_config(
            preset,
            {
                "task": options.task,
                "engine": options.engine,
                "learning_starts": 0,
                "update_lag": 0,  # the workers never wait for the learner
                "evaluation_steps": 10**9,  # no evaluation
            },
        )
        result += figures(preset, measured(config, options.seconds, options.turns))
    show("training", result, options.json)


if __name__ == "__main__":
    main()
