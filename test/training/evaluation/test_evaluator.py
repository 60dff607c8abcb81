import gymnasium
import numpy as np
import pytest

from der_ros.training.config import make_config
from der_ros.training.engine.interface import EvaluationPart, PolicySnapshot
from der_ros.training.evaluation.episodes import (
    NO_EPISODES,
    EvaluationReport,
    evaluate,
    median,
    wilson_interval,
)
from der_ros.training.evaluation.evaluator import Evaluator
from der_ros.training.rollout.observation_filter import FilterStatistics


class Countdown(gymnasium.Env):
    """Environment with as many steps as its seed; succeeds for even seeds."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        self.length = self.left = seed
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.left -= 1
        success = self.left == 0 and self.length % 2 == 0
        info = {"success": success, "peak_force_n": float(self.left)}
        over = self.left == 0
        return np.zeros(1, np.float32), -1.0, over and success, over and not success, info


def act(_observation):
    return np.zeros(1, np.float32)


def test_one_episode_for_each_seed():
    report = evaluate(Countdown(), act, [2, 3, 4])
    assert report.success == (True, False, True)
    assert report.steps == (2, 3, 4)
    assert report.episode_return == (-2.0, -3.0, -4.0)
    assert report.peak_force_n == (1.0, 2.0, 3.0)
    assert (report.episodes, report.mean_return) == (3, -3.0)
    assert report.success_rate == pytest.approx(2 / 3)


class WithMemory:
    """Policy that begins anew in each attempt and must not be called by itself."""

    def __init__(self):
        self.begun = 0

    def for_attempt(self, _action_repeat):
        self.begun += 1
        return act


def test_a_policy_forgets_between_episodes():
    policy = WithMemory()
    assert evaluate(Countdown(), policy, [2, 3]).episodes == policy.begun == 2


def test_a_stop_leaves_the_unfinished_episode_out():
    asked = iter([False] * 4 + [True])
    assert evaluate(Countdown(), act, [3, 5], lambda: next(asked)).steps == (3,)


def test_reports_join():
    one, two = evaluate(Countdown(), act, [2]), evaluate(Countdown(), act, [3])
    assert NO_EPISODES.joined(one).joined(two) == evaluate(Countdown(), act, [2, 3])


@pytest.mark.parametrize(
    ("successes", "episodes", "interval"),
    [(95, 100, (0.8882, 0.9785)), (0, 10, (0.0, 0.2775)), (10, 10, (0.7225, 1.0))],
)
def test_wilson_interval_of_known_cases(successes, episodes, interval):
    assert wilson_interval(successes, episodes) == pytest.approx(interval, abs=1e-4)


def test_nothing_is_known_of_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert median([]) is None
    assert median([1, 9, 2]) == 2.0


ONES = np.ones(3, np.float32)
SNAPSHOT = PolicySnapshot(ONES, FilterStatistics(ONES, ONES, 10.0), 1, np.zeros(0, np.float32))


def evaluated(evaluator):
    """Do one evaluation, in which every episode fails; return its seeds."""
    request = evaluator.start(SNAPSHOT)
    evaluator.expect(1)
    count = len(request.seeds)
    report = EvaluationReport((False,) * count, (0.0,) * count, (1,) * count, (0.0,) * count)
    assert evaluator.take_in(EvaluationPart(0, request.number, report), 1) == report
    return set(request.seeds)


def test_no_seed_is_used_twice_by_a_resumed_run():
    first = Evaluator(make_config({"evaluation_episodes": 20}))
    used = evaluated(first) | evaluated(first)
    resumed = Evaluator(make_config({"evaluation_episodes": 5}))
    resumed.load_state(first.state())
    assert not used & evaluated(resumed)
    old = {name: value for name, value in first.state().items() if name != "next_seed"}
    going_on = Evaluator(make_config({"evaluation_episodes": 20}))
    going_on.load_state(old)
    assert not used & evaluated(going_on)
