import numpy as np
import pytest
import torch

from der_ros.algorithms.mlp_policy import MlpPolicy
from der_ros.algorithms.networks import Policy
from der_ros.errors import ConfigurationError


@pytest.mark.parametrize("hidden", [(7,), (32, 16), (5, 6, 7)])
def test_agrees_with_torch(hidden):
    module = Policy(13, hidden, 6, torch.Generator().manual_seed(1))
    policy = MlpPolicy(13, hidden, 6)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(5.0)  # the last layer starts near zero
    flat = torch.nn.utils.parameters_to_vector(module.parameters()).detach().numpy()
    policy.set_parameters(flat)
    for seed in range(20):
        observation = np.random.default_rng(seed).normal(0, 3, 13).astype(np.float32)
        with torch.no_grad():
            expected = module(torch.from_numpy(observation[None]))[0].numpy()
        got = policy(observation)
        assert got.dtype == np.float32
        assert got == pytest.approx(expected, abs=1e-5)


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
