"""K multilayer perceptrons in one flat vector, with hand-written gradients and Adam."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from der_ros.algorithms.base import LearnerConfig, State
from der_ros.replay.finite_arrays import require_finite

_LAYER_NORM_EPSILON = 1e-5
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8


class Layer(NamedTuple):
    """One layer of K networks, as views of a flat vector: h = x·weightᵀ + bias."""

    weight: Tensor  # (K, outputs, inputs)
    bias: Tensor  # (K, 1, outputs)


class Trace(NamedTuple):
    """Intermediate values of a forward pass that ``Mlps.backward`` needs."""

    inputs: list[Tensor]  # input of each layer, (K, rows, inputs)
    centred: list[Tensor]  # each hidden layer less its mean; only with layer_norm
    scales: list[Tensor]  # (K, rows, 1) 1 / standard deviation; only with layer_norm


class Mlps:
    """K perceptrons with ReLU units and linear outputs; one flat vector holds all parameters.

    The vector holds, layer by layer, the K weights (outputs, inputs) row by row and then the K
    biases: for K = 1 the order of ``torch.nn.Linear``'s parameters. Adam, target updates, copies to
    workers and checkpoints process the vector as a whole.

    With ``layer_norm`` each hidden layer is normalised over its units before its ReLU, without gain
    and offset, which the next layer's weights can represent.
    """

    def __init__(
        self, count: int, sizes: tuple[int, ...], layer_norm: bool, device: torch.device
    ) -> None:
        """Make networks with all parameters zero.

        Args:
            count: Number of networks K.
            sizes: Numbers of inputs, of units of each hidden layer, and of outputs.
            layer_norm: True to normalise the hidden layers.
            device: Torch device of the parameters.
        """
        self.count, self.sizes, self.layer_norm = count, sizes, layer_norm
        self._shapes = tuple((out, into) for into, out in pairwise(sizes))
        size = count * sum(out * into + out for out, into in self._shapes)
        self.flat = torch.zeros(size, device=device)
        self.layers = self.views(self.flat)

    def copy(self) -> Mlps:
        """Return a copy with its own parameters."""
        other = Mlps(self.count, self.sizes, self.layer_norm, self.flat.device)
        other.flat.copy_(self.flat)
        return other

    def views(self, flat: Tensor) -> list[Layer]:
        """Return per-layer views of a flat vector of parameters or gradients, (size,)."""
        layers, start = [], 0
        for out, into in self._shapes:
            middle = start + self.count * out * into
            end = middle + self.count * out
            weight = flat[start:middle].view(self.count, out, into)
            layers.append(Layer(weight, flat[middle:end].view(self.count, 1, out)))
            start = end
        return layers

    def draw(self, generator: torch.Generator, last_bound: float | None = None) -> None:
        """Draw parameters uniformly in ±1/√inputs, the last layer's in ±``last_bound`` if given."""
        for k, layer in enumerate(self.layers):
            last = k == len(self.layers) - 1
            bound = 1.0 / math.sqrt(layer.weight.shape[2])
            bound = last_bound if last and last_bound is not None else bound
            for values in layer:
                drawn = torch.empty(values.shape).uniform_(-bound, bound, generator=generator)
                values.copy_(drawn)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the outputs, (K, rows, outputs), for inputs shared by all K, (rows, inputs)."""
        return self.forward(x)[0]

    def forward(self, x: Tensor, count: int | None = None) -> tuple[Tensor, Trace]:
        """Return outputs, (K, rows, outputs), and trace, of all networks or the first ``count``."""
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
        """Backpropagate the gradient of a loss from the outputs to the first layer.

        Args:
            trace: Trace of the forward pass.
            gradient: Gradient with respect to the outputs, (K, rows, outputs).
            into: Views that receive the parameters' gradient; None to skip it.

        Returns:
            Gradient with respect to the first layer's linear output, (K, rows, units), from which
            ``input_gradient`` computes the gradient with respect to the inputs.
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
        """Return the gradient for inputs [first, end), from the gradient ``backward`` returned."""
        return torch.bmm(gradient, self.layers[0].weight[: gradient.shape[0], :, first:])


def _normalised(x: Tensor, weight: Tensor, bias: Tensor, trace: Trace) -> Tensor:
    """Return a linear layer with LayerNorm; torch's own forward pass is three times slower."""
    centred = torch.baddbmm(bias, x, weight.mT)
    centred.sub_(centred.mean(dim=2, keepdim=True))
    norm = torch.linalg.vector_norm(centred, dim=2, keepdim=True)
    scale = norm.square_().div_(centred.shape[2]).add_(_LAYER_NORM_EPSILON).rsqrt_()
    trace.centred.append(centred)
    trace.scales.append(scale)
    normalised: Tensor = centred * scale
    return normalised


def _through_normalisation(gradient: Tensor, centred: Tensor, scale: Tensor) -> Tensor:
    """Return LayerNorm's backward pass; gradients in and out have mean zero over the units."""
    units = (centred.shape[2],)
    mean = torch.zeros_like(scale)
    result: Tensor = torch.ops.aten.native_layer_norm_backward(
        gradient, centred, units, mean, scale, None, None, (True, False, False)
    )[0]
    return result


class Adam:
    """Adam (Kingma and Ba 2014) on one flat vector.

        m ← β₁m + (1-β₁)g;  v ← β₂v + (1-β₂)g²;  θ ← θ - lr·m̂ / (√v̂ + ε), with m̂, v̂ unbiased

    The results equal those of ``torch.optim.Adam``. Without that class's bookkeeping an update
    takes a third of the time. ``torch.optim`` is not imported, because it loads a compiler, which
    takes seconds both when a process starts and when it ends.
    """

    def __init__(self, parameters: torch.Tensor, learning_rate: float) -> None:
        """Optimise ``parameters``, (size,), in place."""
        self._parameters = parameters
        self._learning_rate = learning_rate
        self._mean = torch.zeros_like(parameters)
        self._square = torch.zeros_like(parameters)
        self._steps = 0

    @torch.no_grad()
    def step(self, gradient: torch.Tensor) -> None:
        """Take one descent step along ``gradient``, (size,)."""
        self._steps += 1
        self._mean.lerp_(gradient, 1.0 - _BETA_1)
        self._square.mul_(_BETA_2).addcmul_(gradient, gradient, value=1.0 - _BETA_2)
        # √v̂ = √v / root: dividing the whole fraction by root saves a pass over the vector.
        root = (1.0 - _BETA_2**self._steps) ** 0.5
        size = self._learning_rate * root / (1.0 - _BETA_1**self._steps)
        spread = self._square.sqrt().add_(_EPSILON * root)
        self._parameters.addcdiv_(self._mean, spread, value=-size)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of the moments and the step count, for a checkpoint."""
        return {
            "exp_avg": self._mean.cpu().numpy().copy(),
            "exp_avg_sq": self._square.cpu().numpy().copy(),
            "step": np.array(self._steps, np.int64),
        }

    def load_state(self, state: State) -> None:
        """Restore a state returned by ``state``.

        Raises:
            CheckpointError: A number is not finite, or a second moment or the step is negative.
            ValueError: A moment has another size.
        """
        mean, square, steps = state["exp_avg"], state["exp_avg_sq"], state["step"]
        require_finite("optimiser: exp_avg", mean)
        require_finite("optimiser: exp_avg_sq", square, least=0.0)
        require_finite("optimiser: step", steps, least=0.0)
        self._mean.copy_(tensor_of(mean, self._mean.shape))
        self._square.copy_(tensor_of(square, self._square.shape))
        self._steps = int(steps.item())


def tensor_of(values: NDArray[np.generic], shape: torch.Size) -> Tensor:
    """Return a copy of ``values`` as a tensor; it must have this shape."""
    tensor = torch.from_numpy(np.array(values))
    if tensor.shape != shape:
        raise ValueError(f"expected {tuple(shape)} numbers, got {tuple(tensor.shape)}")
    return tensor


class TrainedNetworks:
    """K perceptrons with gradient and optimiser, without a target network."""

    def __init__(self, networks: Mlps, config: LearnerConfig) -> None:
        """Allocate the gradient and make the optimiser.

        Args:
            networks: Networks with initialised parameters.
            config: Configuration with the learning rate and l2.
        """
        self.online = networks
        self._gradient = torch.zeros_like(networks.flat)
        self._gradients = networks.views(self._gradient)
        self._adam = Adam(networks.flat, config.learning_rate)
        self._l2 = config.l2

    def differentiate(self, trace: Trace, gradient: Tensor, coefficient: float) -> None:
        """Compute the gradient of coefficient · (loss + 0.5·l2·|weights|²), without the biases.

        Args:
            trace: Trace of the online networks' forward pass.
            gradient: Gradient of the loss with respect to the outputs, (K, rows, outputs).
            coefficient: Factor of loss and penalty.
        """
        self.online.backward(trace, gradient, self._gradients)
        if self._l2:
            for own, layer in zip(self._gradients, self.online.layers, strict=True):
                own.weight.add_(layer.weight, alpha=self._l2)
        if coefficient != 1.0:
            self._gradient.mul_(coefficient)

    def step(self) -> None:
        """Take one Adam step along the gradient computed by ``differentiate``."""
        self._adam.step(self._gradient)

    def optimiser_state(self) -> dict[str, NDArray[np.generic]]:
        """Return Adam's state, without the parameters."""
        return self._adam.state()

    def load_optimiser_state(self, state: State) -> None:
        """Restore a state returned by ``optimiser_state``."""
        self._adam.load_state(state)


class NetworksWithTarget(TrainedNetworks):
    """Trained networks with a target network, a slowly updated copy."""

    def __init__(self, networks: Mlps, config: LearnerConfig) -> None:
        """Initialise the target with the parameters of ``networks``; arguments as its base."""
        super().__init__(networks, config)
        self.target = networks.copy()

    def update_target(self, tau: float) -> None:
        """Update the target: θ′ ← (1 - τ)·θ′ + τ·θ."""
        self.target.flat.lerp_(self.online.flat, tau)
