"""The helper that guides exploring episodes to success."""

import contextlib

import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.training.config import make_config
from der_ros.training.environment.factory import make_environment
from der_ros.training.rollout.helper import Helper
from der_ros.training.rollout.worker import RolloutWorker

LAP = {"task": "lap_joint", "learning_starts": 100_000}


def worker(environment, **settings):
    config = make_config({**LAP, **settings})
    return RolloutWorker(config, environment, 0, 1, np.random.SeedSequence(1))


def test_a_helped_worker_succeeds_untrained():
    with contextlib.closing(make_environment(make_config(LAP))) as environment:
        helped = worker(environment, helped_share=1.0, helped_after_steps=3)
        assert len(helped.collect(300).successes) >= 3
        assert not worker(environment).collect(300).successes


def test_greedy_episodes_are_never_helped():
    helper, rng = Helper(None, 1.0, 10), np.random.default_rng(0)
    helper.start_episode(rng, greedy=True)
    assert not any(helper.acts(step) for step in range(20))
    helper.start_episode(rng, greedy=False)
    assert helper.acts(10)
    other = Helper(None, 1.0, 10)
    other.load_state(helper.state())
    assert [other.acts(step) for step in range(11)] == [helper.acts(step) for step in range(11)]


def test_nobody_helps_in_a_foreign_environment():
    with pytest.raises(ConfigurationError, match="helped_share: expected 0 with env Pendulum-v1"):
        make_config({"env": "Pendulum-v1", "helped_share": 0.5})


def test_a_share_above_one_is_refused():
    with pytest.raises(ConfigurationError, match=r"helped_share: expected at most 1, got 1\.5"):
        make_config({"helped_share": 1.5})
