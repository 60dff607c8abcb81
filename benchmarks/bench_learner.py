"""Updates per second of the learners, compared with Stable-Baselines3 on the same networks.

One update uses a batch of 512 transitions with the lap joint's sizes (13, 6). Ours is
``Learner.update`` including the prioritized sampling from a shard and the write-back of priorities.
The peer's is ``train`` with one gradient step, including its uniform sampling.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import torch

from der_ros.algorithms.base import LearnerConfig, make_algorithm
from der_ros.replay.shard import Shard, ShardConfig
from der_ros.replay.transitions import Transitions
from support.report import Body, Figure, argument_parser, best_rates, more_is_better, show

OBSERVATION, ACTION, BATCH, ROWS = 13, 6, 512, 20_000
SIZES = ((64, 64), (256, 256))


class Still(gymnasium.Env[Any, Any]):
    """Dummy environment with the lap joint's observation and action sizes."""

    observation_space = gymnasium.spaces.Box(-10.0, 10.0, (OBSERVATION,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (ACTION,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Return an observation of zeros."""
        super().reset(seed=seed)
        return np.zeros(OBSERVATION, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Return a random observation."""
        observation = self.np_random.standard_normal(OBSERVATION).astype(np.float32)
        return observation, 0.0, False, False, {}


def rows(count: int) -> Transitions:
    """Return ``count`` random transitions."""
    rng = np.random.default_rng(0)
    columns = (
        rng.standard_normal((count, OBSERVATION)),
        rng.uniform(-1.0, 1.0, (count, ACTION)),
        rng.standard_normal(count),
        np.full(count, 0.97),
        rng.standard_normal((count, OBSERVATION)),
    )
    return Transitions(*(column.astype(np.float32) for column in columns))


def ours(algorithm: str, hidden: tuple[int, ...], layer_norm: bool = False) -> Body:
    """Return a body with one update, its sampling and its priority write-back."""
    config = LearnerConfig(hidden=hidden, layer_norm=layer_norm)
    learner = make_algorithm(algorithm, config, OBSERVATION, ACTION, 0)
    shard = Shard(ShardConfig(capacity=ROWS, zone_size=0), OBSERVATION, ACTION)
    shard.add(rows(ROWS))
    rng = np.random.default_rng(0)

    def update() -> None:
        batch = shard.sample(BATCH, rng)
        td_errors = learner.update(batch.transitions, batch.weights).td_errors
        shard.update_priorities(batch.indices, batch.drawn_at, td_errors)

    return update


def theirs(algorithm: str, hidden: tuple[int, ...]) -> Body:
    """Return a body with one gradient step of Stable-Baselines3, sampling included."""
    import stable_baselines3

    model = getattr(stable_baselines3, algorithm.upper())(
        "MlpPolicy",
        Still(),
        policy_kwargs={"net_arch": list(hidden)},
        buffer_size=ROWS,
        learning_starts=1000,
        batch_size=BATCH,
        device="cpu",
    )
    model.learn(1001)
    return lambda: model.train(1, BATCH)


def measured(threads: int, turn_s: float) -> Iterator[Figure]:
    """Yield the rates of both sides with this number of torch threads."""
    torch.set_num_threads(threads)
    for algorithm in ("td3", "ddpg"):
        for hidden in SIZES:
            rates = best_rates(ours(algorithm, hidden), theirs(algorithm, hidden), turn_s=turn_s)
            name = f"{algorithm}_{hidden[0]}_threads_{threads}"
            yield more_is_better(name, rates[0], "updates/s", "Stable-Baselines3", rates[1])


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argument_parser(__doc__)
    parser.add_argument("--turn-s", type=float, default=1.0, help="duration of a turn, s")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    default = torch.get_num_threads()
    figures = list(measured(1, options.turn_s))
    if default > 1:
        figures += measured(default, options.turn_s)
    show("learner", figures, options.json)


if __name__ == "__main__":
    main()
