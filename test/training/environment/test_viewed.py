"""Environments whose observations are the inputs of the policy's network."""

import contextlib

import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.training.config import make_config
from der_ros.training.environment.factory import make_environment, policy_contract
from der_ros.training.environment.saving import restore_environment, save_environment
from der_ros.training.environment.wrappers import view_of

SETTINGS = {"task": "peg_in_hole", "robot": "robotless", "orientation": "axes"}


def make(**settings):
    return contextlib.closing(make_environment(make_config({**SETTINGS, **settings})))


def steps(environment, count):
    action = np.array([0.2, -0.1, -0.3, 0.0, 0.0, 0.4])
    return np.stack([environment.step(action)[0] for _ in range(count)])


def test_the_view_sees_the_whole_episode():
    plain = {"orientation": "quaternion", "fold_symmetry": False}
    with make(history=[1, 4]) as environment, make(**plain) as bare:
        rows = [bare.reset(seed=3)[0], *steps(bare, 6)]
        seen = [environment.reset(seed=3)[0], *steps(environment, 6)]
        assert environment.observation_space.shape == (39,)
        expected = view_of(environment).episode(np.stack(rows))
    assert np.stack(seen) == pytest.approx(expected, abs=1e-6)


def test_the_contract_tells_the_view():
    with make(history=[1, 4]) as environment:
        contract = policy_contract(environment)
    assert (contract.history, contract.orientation, contract.symmetry) == ((1, 4), "axes", 4)
    assert contract.folded_symmetry == 1


def test_a_saved_episode_goes_on_with_its_history():
    with make(history=[1, 2, 1000]) as environment, make(history=[1, 2, 1000]) as other:
        environment.reset(seed=4)
        steps(environment, 5)
        state = save_environment(environment)
        restore_environment(other, state, 5)
        assert np.array_equal(steps(environment, 4), steps(other, 4))


def test_a_foreign_environment_has_no_view():
    with pytest.raises(ConfigurationError, match="history and orientation: expected neither"):
        make_config({"env": "Pendulum-v1", "history": [1]})


def test_the_privileged_state_follows_the_view():
    with make(history=[1], privileged=23) as environment:
        observation, _ = environment.reset(seed=3)
        inner = environment.unwrapped
        assert observation.shape == environment.observation_space.shape == (49,)
        assert np.array_equal(observation[26:], inner.privileged_state())
        assert policy_contract(environment).history == (1,)


def test_a_part_of_the_privileged_state_is_refused():
    with pytest.raises(ConfigurationError, match="privileged: expected 0 or 23, got 5"):
        make_environment(make_config({**SETTINGS, "privileged": 5}))


@pytest.mark.parametrize(
    "settings",
    [
        {"env": "Pendulum-v1"},
        {"demos": "shipped", "replay_structure": "one_shot_each"},
        {"algorithm": "dqn", "exploration": "epsilon_greedy"},
    ],
)
def test_where_nothing_is_privileged_it_is_refused(settings):
    with pytest.raises(ConfigurationError, match="privileged: expected 0 with"):
        make_config({"privileged": 23, **settings})
