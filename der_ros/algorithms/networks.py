"""K multilayer perceptrons in one flat vector, their hand-written gradients, and their training."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from der_ros.algorithms.adam import Adam
from der_ros.algorithms.base import LearnerConfig, State

_LAYER_NORM_EPSILON = 1e-5


class Layer(NamedTuple):
    """One layer of K networks, as views of a flat vector: h = x·weightᵀ + bias."""

    weight: Tensor  # (K, outputs, inputs)
    bias: Tensor  # (K, 1, outputs)


class Trace(NamedTuple):
    """What ``Mlps.backward`` needs to know of a forward pass."""

    inputs: list[Tensor]  # of each layer, (K, rows, inputs)
    centred: list[Tensor]  # of each hidden layer: before it is scaled; only with layer_norm
    scales: list[Tensor]  # (K, rows, 1): one over its standard deviation; only with layer_norm


class Mlps:
    """K perceptrons with ReLU units and linear outputs, whose parameters lie in one flat vector.

    The vector holds, layer by layer, the K weights (outputs, inputs) row by row and then the K
    biases: for K = 1 the order of ``torch.nn.Linear``'s parameters. Adam, target updates, copies to
    workers and checkpoints act on it as a whole.

    With ``layer_norm`` each hidden layer is normalised over its units before its ReLU; without gain
    and offset, which the next layer's weights hold.
    """

    def __init__(
        self, count: int, sizes: tuple[int, ...], layer_norm: bool, device: torch.device
    ) -> None:
        """Parameters are zero.

        Args:
            count: K.
            sizes: inputs, units of each hidden layer, outputs.
            layer_norm: normalise the hidden layers.
            device: where everything happens.
        """
        self.count, self.sizes, self.layer_norm = count, sizes, layer_norm
        self._shapes = tuple((out, into) for into, out in pairwise(sizes))
        size = count * sum(out * into + out for out, into in self._shapes)
        self.flat = torch.zeros(size, device=device)
        self.layers = self.views(self.flat)

    def copy(self) -> Mlps:
        """Networks of their own with the same parameters."""
        other = Mlps(self.count, self.sizes, self.layer_norm, self.flat.device)
        other.flat.copy_(self.flat)
        return other

    def views(self, flat: Tensor) -> list[Layer]:
        """The layers that a vector like ``flat`` holds: parameters, or their gradients."""
        layers, start = [], 0
        for out, into in self._shapes:
            middle = start + self.count * out * into
            end = middle + self.count * out
            weight = flat[start:middle].view(self.count, out, into)
            layers.append(Layer(weight, flat[middle:end].view(self.count, 1, out)))
            start = end
        return layers

    def draw(self, generator: torch.Generator, last_bound: float | None = None) -> None:
        """Draws all parameters uniformly within ±1/√inputs, the last layer's within its bound."""
        for k, layer in enumerate(self.layers):
            last = k == len(self.layers) - 1
            bound = 1.0 / math.sqrt(layer.weight.shape[2])
            bound = last_bound if last and last_bound is not None else bound
            for values in layer:
                drawn = torch.empty(values.shape).uniform_(-bound, bound, generator=generator)
                values.copy_(drawn)

    def __call__(self, x: Tensor) -> Tensor:
        """(rows, inputs), the same for all -> (K, rows, outputs)."""
        return self.forward(x)[0]

    def forward(self, x: Tensor, count: int | None = None) -> tuple[Tensor, Trace]:
        """(rows, inputs) -> (K, rows, outputs) of all or the first ``count``, and the trace."""
        count = self.count if count is None else count
        trace = Trace([], [], [])
        x = x.expand(count, *x.shape)
        for layer in self.layers[:-1]:
            trace.inputs.append(x)
            weight, bias = layer.weight[:count], layer.bias[:count]
            if self.layer_norm:
                x = _normalised(x, weight, bias, trace).relu_()
            else:
                x = torch.baddbmm(bias, x, weight.mT).relu_()
        trace.inputs.append(x)
        weight, bias = self.layers[-1]
        return torch.baddbmm(bias[:count], x, weight[:count].mT), trace

    def backward(self, trace: Trace, gradient: Tensor, into: list[Layer] | None) -> Tensor:
        """Carries the gradient of a loss from the outputs back.

        Args:
            trace: of the forward pass.
            gradient: with respect to the outputs, (K, rows, outputs).
            into: views that receive the gradient with respect to the parameters; None: not needed.

        Returns:
            The gradient with respect to what the first layer has computed, (K, rows, units):
            ``input_gradient`` carries it on to the inputs, for who needs it.
        """
        count = gradient.shape[0]
        for k in range(len(self.layers) - 1, -1, -1):
            if k < len(self.layers) - 1:
                gradient = torch.ops.aten.threshold_backward(gradient, trace.inputs[k + 1], 0.0)
                if self.layer_norm:
                    gradient = _through_normalisation(gradient, trace.centred[k], trace.scales[k])
            if into is not None:
                torch.bmm(gradient.mT, trace.inputs[k], out=into[k].weight)
                torch.sum(gradient, dim=1, keepdim=True, out=into[k].bias)
            if k > 0:
                gradient = torch.bmm(gradient, self.layers[k].weight[:count])
        return gradient

    def input_gradient(self, gradient: Tensor, first: int) -> Tensor:
        """What ``backward`` returned, carried on to the inputs from the ``first``-th on."""
        return torch.bmm(gradient, self.layers[0].weight[: gradient.shape[0], :, first:])


def _normalised(x: Tensor, weight: Tensor, bias: Tensor, trace: Trace) -> Tensor:
    """Layer, then LayerNorm; torch's own forward pass takes three times as long."""
    centred = torch.baddbmm(bias, x, weight.mT)
    centred.sub_(centred.mean(dim=2, keepdim=True))
    norm = torch.linalg.vector_norm(centred, dim=2, keepdim=True)
    scale = norm.square_().div_(centred.shape[2]).add_(_LAYER_NORM_EPSILON).rsqrt_()
    trace.centred.append(centred)
    trace.scales.append(scale)
    normalised: Tensor = centred * scale
    return normalised


def _through_normalisation(gradient: Tensor, centred: Tensor, scale: Tensor) -> Tensor:
    """LayerNorm's backward pass; its result has mean zero over units, as what came in had."""
    units = (centred.shape[2],)
    mean = torch.zeros_like(scale)
    result: Tensor = torch.ops.aten.native_layer_norm_backward(
        gradient, centred, units, mean, scale, None, None, (True, False, False)
    )[0]
    return result


class Trained:
    """K perceptrons with what an optimiser needs."""

    def __init__(self, networks: Mlps, config: LearnerConfig) -> None:
        """Before the first step.

        Args:
            networks: already drawn.
            config: gives learning rate and l2.
        """
        self.online = networks
        self._gradient = torch.zeros_like(networks.flat)
        self._gradients = networks.views(self._gradient)
        self._adam = Adam(networks.flat, config.learning_rate)
        self._l2 = config.l2

    def differentiate(self, trace: Trace, gradient: Tensor, coefficient: float) -> None:
        """Sets the gradient of coefficient · (loss + 0.5·l2·|weights|²), biases left out.

        Args:
            trace: of the online networks' forward pass.
            gradient: of the loss with respect to their outputs, (K, rows, outputs).
            coefficient: scales it all.
        """
        self.online.backward(trace, gradient, self._gradients)
        if self._l2:
            for own, layer in zip(self._gradients, self.online.layers, strict=True):
                own.weight.add_(layer.weight, alpha=self._l2)
        if coefficient != 1.0:
            self._gradient.mul_(coefficient)

    def step(self) -> None:
        """One step of Adam down the gradient that ``differentiate`` has set."""
        self._adam.step(self._gradient)

    def optimiser_state(self) -> dict[str, NDArray[np.generic]]:
        """Adam's; the parameters are kept by who keeps the networks."""
        return self._adam.state()

    def load_optimiser_state(self, state: State) -> None:
        """Takes over what ``optimiser_state`` gave."""
        self._adam.load_state(state)


class Followed(Trained):
    """With a target: a copy that follows slowly."""

    def __init__(self, networks: Mlps, config: LearnerConfig) -> None:
        """The target starts equal; arguments as of ``Trained``."""
        super().__init__(networks, config)
        self.target = networks.copy()

    def move_target(self, tau: float) -> None:
        """θ′ ← (1 - τ)·θ′ + τ·θ."""
        self.target.flat.lerp_(self.online.flat, tau)
