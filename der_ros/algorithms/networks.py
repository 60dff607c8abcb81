"""Policy and critic networks, and parameters that lie in one flat vector."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init


class Policy(nn.Sequential):
    """π(s): a multilayer perceptron with ReLU units, squashed by tanh to [-1, 1].

    (rows, observation size) -> (rows, action size).
    """

    def __init__(
        self,
        observation_size: int,
        hidden: tuple[int, ...],
        action_size: int,
        generator: torch.Generator,
    ) -> None:
        """Weights are drawn from ``generator``; the last layer starts near zero."""
        sizes = (observation_size, *hidden, action_size)
        linear = [_empty_linear(into, out) for into, out in pairwise(sizes)]
        for layer in linear:
            bound = 3e-3 if layer is linear[-1] else 1.0 / math.sqrt(layer.in_features)
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
        squashed = [module for layer in linear for module in (layer, nn.ReLU())]
        super().__init__(*squashed[:-1], nn.Tanh())

    def weight_penalty(self) -> Tensor:
        """0.5 · |weights|², biases left out."""
        weights = [p for name, p in self.named_parameters() if name.endswith("weight")]
        return 0.5 * torch.stack([weight.square().sum() for weight in weights]).sum()


class Critics(nn.Module):
    """Q_1 … Q_K(s, a): K independent perceptrons, computed together as one batched product."""

    def __init__(
        self,
        count: int,
        inputs: int,
        hidden: tuple[int, ...],
        layer_norm: bool,
        generator: torch.Generator,
    ) -> None:
        """Weights are drawn from ``generator``.

        Args:
            count: K.
            inputs: observation size plus action size.
            hidden: units of each hidden layer.
            layer_norm: normalise each hidden layer before its ReLU; without gain and offset, which
                the next layer's weights hold.
            generator: the source of randomness.
        """
        super().__init__()
        self.layer_norm = layer_norm
        sizes = (inputs, *hidden, 1)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for into, out in pairwise(sizes):
            bound = 1.0 / math.sqrt(into)
            for parameters, shape in (
                (self.weights, (count, into, out)),
                (self.biases, (count, 1, out)),
            ):
                values = torch.empty(shape).uniform_(-bound, bound, generator=generator)
                parameters.append(nn.Parameter(values))

    def forward(self, observation: Tensor, action: Tensor, count: int | None = None) -> Tensor:
        """(rows, observation size), (rows, action size) -> (K, rows), or of the first ``count``."""
        count = len(self.weights[0]) if count is None else count
        x = torch.cat((observation, action), dim=1)
        x = x.expand(count, *x.shape)
        last = len(self.weights) - 1
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias[:count], x, weight[:count])
            if k < last:
                if self.layer_norm:
                    x = functional.layer_norm(x, x.shape[-1:])
                x = functional.relu(x)
        return x.squeeze(2)

    def weight_penalty(self) -> Tensor:
        """0.5 · |weights|², biases left out."""
        return 0.5 * torch.stack([weight.square().sum() for weight in self.weights]).sum()


class FlatParameters:
    """A module's parameters moved into one vector, so that one operation touches them all.

    The module goes on working: its parameters become views of ``flat``. Adam, target updates,
    copies to workers and checkpoints then act on one tensor instead of a dozen.
    """

    def __init__(self, module: nn.Module) -> None:
        """Re-seats the parameters of ``module``."""
        self.tensors = list(module.parameters())
        self.flat = torch.cat([p.detach().reshape(-1) for p in self.tensors])
        start = 0
        for parameter in self.tensors:
            end = start + parameter.numel()
            parameter.data = self.flat[start:end].view(parameter.shape)
            start = end

    def gradient(self, loss: Tensor) -> Tensor:
        """The gradient of ``loss`` with respect to these parameters, as ``flat`` is laid out."""
        gradients = torch.autograd.grad(loss, self.tensors)
        return torch.cat([gradient.reshape(-1) for gradient in gradients])

    def move_towards(self, other: FlatParameters, tau: float) -> None:
        """θ ← (1 - τ)·θ + τ·θ_other."""
        self.flat.lerp_(other.flat, tau)


def _empty_linear(into: int, out: int) -> nn.Linear:
    """A layer without values yet: it would draw them from torch's global generator."""
    layer: nn.Linear = skip_init(nn.Linear, into, out)  # type: ignore[no-untyped-call]
    return layer
