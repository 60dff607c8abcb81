"""From a flat vector of parameters to the torch module that is exported."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import skip_init

from der_ros.algorithms.mlp_policy import make_policy
from der_ros.replay.transitions import Float32Array


def deployed_policy(
    algorithm: str,
    parameters: Float32Array,
    observation_size: int,
    hidden: tuple[int, ...],
    action_size: int,
) -> nn.Sequential:
    """The noise-free policy: filtered observations (rows, observation size) -> (rows, action size).

    Where the network has more outputs than the action has numbers (SAC's log σ), the first count:
    what is deployed is the mean.

    Args:
        algorithm: one with continuous actions.
        parameters: its ``policy_parameters``.
        observation_size: numbers in an observation.
        hidden: units of each hidden layer.
        action_size: numbers in an action.
    """
    policy = make_policy(algorithm, observation_size, hidden, action_size)
    policy.set_parameters(parameters)
    *inner, (weight, bias) = policy.layers
    modules: list[nn.Module] = []
    for layer in (*inner, (weight[:action_size], bias[:action_size])):
        modules += [_linear(*layer), nn.ReLU()]
    return nn.Sequential(*modules[:-1], nn.Tanh())


def _linear(weight: Float32Array, bias: Float32Array) -> nn.Linear:
    # Without values at first: it would draw them from torch's global generator.
    layer: nn.Linear = skip_init(nn.Linear, *weight.shape[::-1])  # type: ignore[no-untyped-call]
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight.copy()))
        layer.bias.copy_(torch.from_numpy(bias.copy()))
    return layer
