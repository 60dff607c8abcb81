import gymnasium
import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.training.config import make_config
from der_ros.training.environment.factory import make_environment
from der_ros.training.environment.wrappers import OneHotActions, SuccessByReturn

DQN = {"env": "CartPole-v1", "algorithm": "dqn", "exploration": "epsilon_greedy"}


class Counting(gymnasium.Env):
    """Environment of three steps with the chosen action as reward; actions start at 5."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(3, start=5)

    def __init__(self, info=None):
        self._info = info or {}

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.steps += 1
        return np.zeros(1, np.float32), float(action), False, self.steps == 3, dict(self._info)


def last_info(environment, action):
    environment.reset()
    ended, infos = False, []
    while not ended:
        *_, terminated, truncated, info = environment.step(action)
        ended = terminated or truncated
        infos.append(info)
    return infos[-1]


def test_a_one_hot_vector_is_a_choice():
    environment = OneHotActions(Counting(), Counting.action_space)
    assert environment.action_space.shape == (3,)
    environment.reset()
    rewards = [environment.step(row)[1] for row in np.eye(3, dtype=np.float32)]
    assert rewards == [5.0, 6.0, 7.0]


@pytest.mark.parametrize(
    ("info", "threshold", "success"),
    [
        ({}, 18.0, True),
        ({}, 18.5, False),
        ({"success": True}, 18.5, False),  # the user's flag decides
        ({"success": True}, None, True),
        ({"is_success": False}, None, False),
        ({}, None, None),
    ],
)
def test_what_counts_as_success(info, threshold, success):
    environment = SuccessByReturn(Counting(info), threshold)
    for _ in range(2):  # the return starts at 0 in each episode
        assert last_info(environment, 6).get("success") is success


def test_gymnasiums_threshold_counts_last():
    environment = make_environment(make_config(DQN))
    assert last_info(environment, np.array([1.0, 0.0], np.float32))["success"] is False
    environment.close()
    environment = make_environment(make_config({**DQN, "success_return": 5}))
    assert last_info(environment, np.array([1.0, 0.0], np.float32))["success"] is True
    environment.close()


def test_other_environment_keywords_are_options():
    values = {"task": "peg_in_hole", "env_options": {"shape": "round", "start_height_m": 0.05}}
    task = make_environment(make_config(values)).unwrapped.task
    assert (task.shape, task.start_height_m) == ("round", 0.05)
    values = {**DQN, "env_options": {"sutton_barto_reward": True}}
    environment = make_environment(make_config(values))
    environment.reset(seed=0)
    assert environment.step(np.array([1.0, 0.0], np.float32))[1] == 0.0


@pytest.mark.parametrize(
    "options", [{"sides": 3}, {"shape": "hexagon"}, {"robot": "kr60"}, {"render_mode": "human"}]
)
def test_wrong_options_of_the_environment_are_refused(options):
    values = {"task": "peg_in_hole", "env_options": options}
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        make_environment(make_config(values))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"env": "CartPole-v1"}, "for choices take dqn"),
        ({**DQN, "env": "Pendulum-v1"}, "take another algorithm"),
    ],
)
def test_actions_unfit_for_the_algorithm_are_refused(values, text):
    with pytest.raises(ConfigurationError, match=text):
        make_environment(make_config(values))
