"""Training one policy for several robots, drawn per episode."""

import numpy as np
import pytest

from der_ros.errors import CheckpointError, ConfigurationError
from der_ros.training.config import make_config
from der_ros.training.environment.factory import make_environment, policy_contract
from der_ros.training.environment.saving import restore_environment, save_environment

DOWN = np.array((0.0, 0.0, -1.0, 0.0, 0.0, 0.0))


@pytest.fixture
def make():
    """Return a factory of peg environments, which are closed at the end."""
    made = []

    def make_one(robots, **options):
        config = make_config({"task": "peg_in_hole", "robot": robots, **options})
        environment = make_environment(config)
        made.append(environment)
        return environment

    yield make_one
    for environment in made:
        environment.close()


def robots_of(environment, seeds):
    names = []
    for seed in seeds:
        environment.reset(seed=seed)
        names.append(environment.unwrapped.robot)
    return names


def test_all_robots_get_episodes(make):
    names = robots_of(make("kr60, iiwa"), [7, *[None] * 15])
    assert set(names) == {"kr60", "iiwa"}
    assert robots_of(make("kr60,iiwa"), [7, *[None] * 15]) == names


def test_a_seeds_episode_starts_as_with_one_robot(make):
    several = make("kr60,iiwa")
    observation, _ = several.reset(seed=11)
    alone, _ = make(several.unwrapped.robot).reset(seed=11)
    np.testing.assert_array_equal(observation, alone)


def test_it_is_saved_with_its_robot_and_the_next_draws(make):
    environment, other = make("kr60,iiwa"), make("kr60,iiwa")
    environment.reset(seed=3)
    environment.step(DOWN)
    state = save_environment(environment)
    restore_environment(other, state, 1)
    assert other.unwrapped.robot == environment.unwrapped.robot
    for _ in range(3):
        np.testing.assert_array_equal(environment.step(DOWN)[0], other.step(DOWN)[0])
    rest = [None] * 8
    assert robots_of(environment, rest) == robots_of(other, rest)


def test_a_state_of_more_robots_is_refused(make):
    environment = make("iiwa,kr60")
    environment.reset(seed=0)
    state = save_environment(environment)
    state["robots"]["chosen"] = 2
    with pytest.raises(CheckpointError, match="robots of the run"):
        restore_environment(make("iiwa,kr60"), state, 0)


def test_an_unknown_robot_is_refused_by_name(make):
    with pytest.raises(ConfigurationError, match="puma"):
        make("kr60,puma")


def test_the_contract_is_the_tasks_whatever_the_robots(make):
    assert policy_contract(make("kr60,iiwa")) == policy_contract(make("iiwa"))


def test_the_contract_holds_the_sensors_filter(make):
    environment = make("kr60,iiwa", env_options={"sensor_filter_hz": 35.0})
    assert policy_contract(environment).sensor_filter_hz == 35.0
