import numpy as np
import pytest
import torch

from der_ros.algorithms.base import ALGORITHM_NAMES, LearnerConfig, make_algorithm
from der_ros.algorithms.mlp_policy import MlpPolicy, make_policy
from der_ros.errors import ConfigurationError


def trained(algorithm, hidden):
    """Return the learner's network and the worker's policy with equal parameters, far from zero."""
    learner = make_algorithm(algorithm, LearnerConfig(hidden=hidden), 13, 6, 1)
    flat = learner.policy.online.flat
    flat.add_(torch.randn(flat.shape, generator=torch.Generator().manual_seed(2)))
    policy = make_policy(algorithm, 13, hidden, 6)
    policy.set_parameters(learner.policy_parameters())
    return learner, policy


def observations(count=20):
    return np.random.default_rng(0).normal(0, 0.3, (count, 13)).astype(np.float32)


@pytest.mark.parametrize("algorithm", ALGORITHM_NAMES)
@pytest.mark.parametrize("hidden", [(7,), (32, 16), (5, 6, 7)])
def test_its_network_is_the_learners(algorithm, hidden):
    learner, policy = trained(algorithm, hidden)
    expected = learner.policy.online(torch.from_numpy(observations()))[0].numpy()
    for observation, row in zip(observations(), expected, strict=True):
        assert policy.outputs(observation) == pytest.approx(row, rel=1e-4, abs=1e-4)


def test_sac_samples_around_its_mean_by_its_spread():
    policy = make_policy("sac", 1, (2,), 1)
    parameters = np.zeros(policy.size, np.float32)
    parameters[-2:] = 0.3, np.log(0.2)  # biases of μ and log σ
    policy.set_parameters(parameters)
    rng, observation = np.random.default_rng(0), np.zeros(1, np.float32)
    free = np.arctanh([policy.sample(observation, rng)[0] for _ in range(4000)])
    assert policy(observation) == pytest.approx(np.tanh(0.3))
    assert (free.mean(), free.std()) == pytest.approx((0.3, 0.2), abs=0.01)


def test_a_choice_is_one_hot_despite_the_value():
    policy = make_policy("dqn", 1, (2,), 3)
    parameters = np.zeros(policy.size, np.float32)
    parameters[-4:] = 9.0, 0.0, 2.0, 1.0  # biases of V, A_1, A_2, A_3
    policy.set_parameters(parameters)
    assert policy(np.zeros(1, np.float32)).tolist() == [0.0, 1.0, 0.0]
    rng = np.random.default_rng(0)
    drawn = np.stack([policy.random(rng) for _ in range(300)])
    assert (np.sort(drawn, axis=1) == [0.0, 0.0, 1.0]).all()
    assert drawn.mean(axis=0) == pytest.approx([1 / 3] * 3, abs=0.1)


def test_keeps_its_own_copy_of_the_parameters():
    policy = MlpPolicy(2, (3,), 1)
    parameters = np.ones(policy.size, np.float32)
    policy.set_parameters(parameters)
    before = policy(np.ones(2, np.float32))
    parameters[:] = 0.0
    assert policy(np.ones(2, np.float32)) == before


def test_refuses_another_number_of_parameters():
    with pytest.raises(ConfigurationError, match="expected 13 numbers"):
        MlpPolicy(2, (3,), 1).set_parameters(np.zeros(12, np.float32))
