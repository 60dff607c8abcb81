"""The fast learners against plain autograd: equal numbers, update by update."""

import numpy as np
import pytest
import torch

from der_ros.algorithms.base import LearnerConfig, make_algorithm
from der_ros.algorithms.reference import ReferenceLearner
from der_ros.replay.transitions import Transitions

ROWS, OBSERVATION, ACTION = 32, 5, 3


def pair(name, **options):
    """Return a fast and a plain learner with equal parameters and equal future noise."""
    config = LearnerConfig(**{"hidden": (16, 8), **options})
    fast = make_algorithm(name, config, OBSERVATION, ACTION, 0)
    for vector in fast.vectors().values():  # targets and online apart, policies far from zero
        noise = torch.randn(vector.shape, generator=torch.Generator().manual_seed(len(vector)))
        vector.add_(0.2 * noise)
    drawn = torch.Generator()
    drawn.set_state(fast.generator.get_state())
    plain = ReferenceLearner(name, config, (OBSERVATION, ACTION), drawn)
    for module, networks in networks_of(plain, fast):
        torch.nn.utils.vector_to_parameters(flat(networks), module.parameters())
    return fast, plain


def networks_of(plain, fast):
    return [
        (plain.pi, fast.policy.online),
        (plain.q, fast.critics.online),
        (plain.target_pi, fast.policy.target),
        (plain.target_q, fast.critics.target),
    ]


def flat(networks):
    """Return the parameters of ``Mlps``, network by network, in the order of torch's modules."""
    return torch.cat(
        [
            values[k].reshape(-1)
            for k in range(networks.count)
            for layer in networks.layers
            for values in layer
        ]
    )


def batch(seed):
    rng = np.random.default_rng(seed)
    columns = (
        rng.standard_normal((ROWS, OBSERVATION)),
        rng.uniform(-1, 1, (ROWS, ACTION)),
        2.0 * rng.standard_normal(ROWS),
        rng.choice((0.0, 0.97), ROWS),
        rng.standard_normal((ROWS, OBSERVATION)),
    )
    transitions = Transitions(*(column.astype(np.float32) for column in columns))
    return transitions, rng.uniform(0.1, 1.0, ROWS).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ddpg", {"layer_norm": False, "policy_loss_coefficient": 0.1, "l2": 1e-2}),
        ("ddpg", {"tau": 1.0, "target_interval": 5 * ROWS, "huber": False}),
        ("td3", {"layer_norm": True}),
        ("td3", {"l2": 1e-2, "policy_delay": 3, "target_noise": 0.4, "layer_norm": False}),
        ("td3", {"privileged": 2}),
        ("ddpg", {"privileged": 1}),
        ("td3", {"huber": False, "critic_loss_coefficient": 0.5, "policy_delay": 1}),
    ],
)
def test_the_fast_learner_takes_the_plain_ones_steps(name, options):
    fast, plain = pair(name, **options)
    for seed in range(20):
        transitions, weights = batch(seed)
        update = fast.update(transitions, weights)
        delta = plain.update(*map(torch.from_numpy, (*transitions, weights)))
        assert update.td_errors == pytest.approx(delta.numpy(), abs=1e-4)
    for module, networks in networks_of(plain, fast):
        got = torch.nn.utils.parameters_to_vector(module.parameters())
        torch.testing.assert_close(flat(networks), got.detach(), atol=1e-4, rtol=1e-3)


def test_the_comparison_sees_another_learning_rate():
    fast, plain = pair("td3")
    plain.q_adam.param_groups[0]["lr"] *= 1.1
    transitions, weights = batch(0)
    fast.update(transitions, weights)
    plain.update(*map(torch.from_numpy, (*transitions, weights)))
    got = torch.nn.utils.parameters_to_vector(plain.q.parameters())
    assert not torch.allclose(flat(fast.critics.online), got, atol=1e-5)
