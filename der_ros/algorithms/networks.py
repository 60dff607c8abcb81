"""Multilayer perceptrons that are computed K at a time, with their gradients written by hand.

An update of networks as small as these spends most of its time on bookkeeping, autograd's above
all. A perceptron's backward pass is ten lines; they are checked against autograd by the tests.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

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
