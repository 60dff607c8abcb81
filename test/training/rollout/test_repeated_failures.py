"""Episodes that repeat the conditions of earlier failures."""

import gymnasium
import numpy as np

from der_ros.training.config import make_config
from der_ros.training.rollout.repeated_failures import RepeatedFailures
from der_ros.training.rollout.worker import RolloutWorker


class Seeded(gymnasium.Env):
    """One step an episode, which succeeds if the seed is even; keeps all seeds."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self):
        self.seeds = []

    def reset(self, *, seed=None, options=None):
        self.seeds.append(seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        success = self.seeds[-1] is None or self.seeds[-1] % 2 == 0
        return np.zeros(1, np.float32), 0.0, True, False, {"success": success}


def seeds_of(share, greedy_every=5):
    environment = Seeded()
    settings = {"learning_starts": 1000, "repeated_share": share, "greedy_every": greedy_every}
    worker = RolloutWorker(make_config(settings), environment, 0, 1, np.random.SeedSequence(3))
    worker.collect(300)
    return environment.seeds


def test_a_failure_is_repeated():
    seeds = seeds_of(0.5)
    twice = {seed for seed in seeds if seeds.count(seed) > 1}
    assert len(twice) > 10
    assert all(seed % 2 == 1 for seed in twice)


def test_without_a_share_the_environment_goes_on():
    assert seeds_of(0.0)[1:] == [None] * 299


def test_a_noise_free_episode_repeats_nothing():
    failures, rng = RepeatedFailures(1.0), np.random.default_rng(0)
    failed = failures.start_episode(rng, greedy=False)
    failures.end_episode(success=False)
    assert failures.start_episode(rng, greedy=True) != failed
    seeds = seeds_of(1.0, greedy_every=1)
    assert len(set(seeds)) == len(seeds)


def test_a_success_is_not_repeated():
    failures, rng = RepeatedFailures(1.0), np.random.default_rng(0)
    first = failures.start_episode(rng, greedy=False)
    failures.end_episode(success=False)
    assert failures.start_episode(rng, greedy=False) == first
    failures.end_episode(success=True)
    assert failures.start_episode(rng, greedy=False) != first


def test_a_hundred_failures_are_kept():
    failures, rng = RepeatedFailures(0.01), np.random.default_rng(0)
    for _ in range(300):
        failures.start_episode(rng, greedy=True)
        failures.end_episode(success=False)
    assert len(failures.state()["failed"]) == 100


def test_the_state_goes_round():
    one, two = RepeatedFailures(0.5), RepeatedFailures(0.5)
    rng = np.random.default_rng(0)
    for _ in range(20):
        one.start_episode(rng, greedy=False)
        one.end_episode(success=False)
    one.start_episode(rng, greedy=False)
    two.load_state(one.state())
    draws = []
    for each in (one, two):
        each.end_episode(success=False)
        draws.append([each.start_episode(np.random.default_rng(1), False) for _ in range(5)])
    assert draws[0] == draws[1]
