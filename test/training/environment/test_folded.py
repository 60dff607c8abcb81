"""Folded observations of symmetric pieces in training, and the contract that declares them."""

import numpy as np
import pytest

from der_ros.training.config import make_config
from der_ros.training.environment.factory import make_environment, policy_contract


@pytest.fixture
def peg():
    environment = make_environment(make_config({"task": "peg_in_hole"}))
    yield environment
    environment.close()


def test_a_square_peg_is_turned_by_at_most_an_eighth(peg):
    seen, true = [], []
    for seed in range(12):
        observation, _ = peg.reset(seed=seed)
        seen.append(2.0 * np.arctan2(observation[5], observation[6]))
        true.append(2.0 * np.arctan2(*peg.unwrapped.world.held_pose().quaternion[2:]))
    assert np.abs(seen).max() <= 0.25 * np.pi + 1e-6
    assert np.abs(np.sin(2.0 * (np.array(seen) - true))).max() < 1e-5
    assert np.ptp(true) > np.pi


def test_the_contract_says_what_is_folded(peg):
    assert policy_contract(peg).symmetry == 4
    plain = make_environment(make_config({"task": "peg_in_hole", "fold_symmetry": False}))
    assert policy_contract(plain).symmetry == 1
    plain.close()


def test_the_contract_holds_the_limits_trained_under(peg):
    assert policy_contract(peg).governor == peg.unwrapped.governor_limits
