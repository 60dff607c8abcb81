"""Float32-only graph of a policy, nearly as exact as float64: each number is a pair of float32.

A plain cast to float32 gives errors of 6e-5, since the following layers amplify an error of 1e-7 in
the filtered observation or in a sum of hundreds. Here every intermediate value is the sum of two
float32 tensors, ``high`` and ``low``. ``high`` is rounded to a coarse grid, as are the weights that
multiply it, so that products and sums are exact in float32, in any order and with or without fused
multiply-add. ``low`` holds the remainder, which is some hundred times smaller, as are its rounding
errors. This is the splitting of Ozaki et al., Numerical Algorithms 59, 2012, with one slice. Grids
are powers of two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from der_ros.geometry import Array
from der_ros.policy.export.filtering import Filtering
from der_ros.policy.export.folding import Folding, FoldingNodes
from der_ros.policy.export.graph import GraphBuilder, to_file, traced_module
from der_ros.policy.runtime import INPUT_NAME, OUTPUT_NAME
from der_ros.policy.symmetry import ROTATION

EXACT_BITS = 24
"""Bits of the integers that float32 represents exactly."""
INPUT_BITS = 11
"""Bits of an input's coarse part; the weights' grid keeps the sums within ``EXACT_BITS``."""
_QUATERNION_GRID = 2.0**-10


class FloatPair(NamedTuple):
    """Names of the two tensors whose sum is one value; ``low`` is None if it is zero."""

    high: str
    low: str | None


def to_float32_onnx(
    module: torch.nn.Module, metadata: Mapping[str, str], samples: torch.Tensor
) -> bytes:
    """Convert a module with one input and one output to an ONNX file that computes in float32.

    Linear layers, ReLU, the filter and the folding work on pairs; all other operations work on
    plain float32 numbers. The caller checks the accuracy.

    Args:
        module: Module from (N, input size) float64 to (N, 6) float64.
        metadata: Metadata of the file; the checksum is added (``policy.file.checksum``).
        samples: Sample inputs, (rows, input size) float64, which give the range of each layer.

    Raises:
        ConfigurationError: The module branches on its input or has an unsupported operation.
    """
    traced = traced_module(module, (Folding, Filtering))
    reach = _Reach(traced)
    with torch.no_grad():
        reach.run(samples)
    return to_file(_PairGraphBuilder(traced, reach.largest).build(samples.shape[1]), metadata)


class _Reach(torch.fx.Interpreter):
    """Interpreter that records the largest magnitude in each column of each 2-D result."""

    def __init__(self, traced: torch.fx.GraphModule) -> None:
        super().__init__(traced)
        self.largest: dict[torch.fx.Node, Array] = {}

    def run_node(self, n: torch.fx.Node) -> Any:
        """Run one operation and record the magnitudes of its result."""
        result = super().run_node(n)
        if isinstance(result, torch.Tensor) and result.ndim == 2:
            self.largest[n] = result.abs().amax(dim=0).numpy()
        return result


class _PairGraphBuilder(GraphBuilder):
    """Builder of a graph whose values are pairs; the name of a value is that of its ``high``."""

    DTYPE = np.float32
    number_type = int(onnx.TensorProto.FLOAT)

    def __init__(self, traced: torch.fx.GraphModule, reach: Mapping[torch.fx.Node, Array]) -> None:
        super().__init__(traced)
        self._reach = reach
        self._lows: dict[str, str] = {}

    def _begin(self) -> str:
        return INPUT_NAME

    def _end(self, action: str) -> None:
        self.emit("Identity", [action], OUTPUT_NAME)

    def _name(self, operand: Any) -> str:
        """Return the name of an operand as one tensor, for operations without pair support."""
        name = super()._name(operand)
        return self.whole(FloatPair(name, self._lows.get(name)), name)

    def _pair(self, node: Any) -> FloatPair:
        name = self._names[node]
        return FloatPair(name, self._lows.get(name))

    def _keep(self, pair: FloatPair) -> str:
        if pair.low is not None:
            self._lows[pair.high] = pair.low
        return pair.high

    def _convert(self, node: torch.fx.Node) -> str:
        module = None
        if node.op == "call_module":
            module = self._traced.get_submodule(str(node.target))
        if isinstance(module, Folding):
            return self._keep(self._fold(node, module))
        if isinstance(module, Filtering):
            return self._keep(self._filter(node, module))
        if isinstance(module, torch.nn.Linear):
            return self._keep(self._linear(node, module))
        if isinstance(module, torch.nn.ReLU):
            return self._keep(self._relu(node))
        return super()._convert(node)

    def whole(self, pair: FloatPair, name: str) -> str:
        """Return the name of a pair's sum as one tensor."""
        if pair.low is None:
            return pair.high
        return self.emit("Add", [pair.high, pair.low], f"{name}.whole{len(self._nodes)}")

    def numbers(self, name: str, values: NDArray[Any] | float) -> str:
        """Add a float32 constant and return its name."""
        return self._initializer(name, np.asarray(values, np.float32))

    def split(self, pair: FloatPair, grid: NDArray[Any] | float, name: str) -> tuple[str, str]:
        """Return the names of a pair's coarse part, rounded down to the grid, and its remainder."""
        step = self.numbers(f"{name}.grid", grid)
        steps = self.emit(
            "Mul",
            [pair.high, self.numbers(f"{name}.per_grid", 1.0 / np.asarray(grid))],
            f"{name}.steps",
        )
        coarse = self.emit(
            "Mul", [self.emit("Floor", [steps], f"{name}.floor"), step], f"{name}.coarse"
        )
        rest = self.emit("Sub", [pair.high, coarse], f"{name}.rest")
        if pair.low is not None:
            rest = self.emit("Add", [rest, pair.low], f"{name}.rest_and_low")
        return coarse, rest

    def _fold(self, node: torch.fx.Node, module: Folding) -> FloatPair:
        """Fold the quaternions as ``Folding`` does and keep the other columns."""
        name, source = node.name, self._name(node.args[0])
        turns = module.turns.numpy()
        nodes = FoldingNodes(source, name, self, turns.shape[1] // 4)
        quaternion = FloatPair(nodes.rotation, None)
        coarse, rest = self.split(quaternion, _QUATERNION_GRID, f"{name}.rotation")
        coarse_turns, fine_turns = _on_grid(turns, np.float64(_QUATERNION_GRID))
        high, by_fine, of_rest = (
            self.emit("MatMul", [part, self.numbers(f"{name}.{what}", values)], f"{name}.{what}_")
            for part, what, values in (
                (coarse, "turns", coarse_turns),
                (coarse, "fine_turns", fine_turns),
                (rest, "all_turns", turns),
            )
        )
        low = self.emit("Add", [by_fine, of_rest], f"{name}.low")
        whole = self.emit("Add", [high, low], f"{name}.whole")
        high, low = nodes.least_turned(whole, [high, low])
        # Nearest float32 and remainder: the filter compares ``high`` alone with its limits.
        rotation = self.emit("Add", [high, low], f"{name}.best")
        left = self.emit("Sub", [high, rotation], f"{name}.best_left")
        left = self.emit("Add", [left, low], f"{name}.best_low")
        columns = self.numbers(f"{name}.columns", np.eye(13)[ROTATION])
        return FloatPair(
            nodes.joined(rotation), self.emit("MatMul", [left, columns], f"{name}.lows")
        )

    def _linear(self, node: torch.fx.Node, module: torch.nn.Linear) -> FloatPair:
        name, reach = node.name, self._reach[node.args[0]]  # type: ignore[index]
        weight = module.weight.detach().numpy()
        bias = np.zeros(len(weight)) if module.bias is None else module.bias.detach().numpy()
        sums = np.abs(weight) @ reach + np.abs(bias)
        grid = float(power_of_two(reach.max() * 2.0**-INPUT_BITS))
        grids = power_of_two(sums * 2.0**-EXACT_BITS / grid)
        coarse_weight, fine_weight = _on_grid(weight, grids[:, None])
        coarse_bias, fine_bias = _on_grid(bias, grids * grid)
        coarse, rest = self.split(self._pair(node.args[0]), grid, name)

        def gemm(inputs: list[str], result: str) -> str:
            return self.emit("Gemm", inputs, f"{name}.{result}", transB=1)

        def numbers(what: str, values: Array) -> str:
            return self.numbers(f"{name}.{what}", values)

        high = gemm([coarse, numbers("weight", coarse_weight), numbers("bias", coarse_bias)], "h")
        of_rest = [rest, numbers("all_weight", weight), numbers("fine_bias", fine_bias)]
        of_coarse = [coarse, numbers("fine_weight", fine_weight), gemm(of_rest, "of_rest")]
        return FloatPair(high, gemm(of_coarse, "low"))

    def _relu(self, node: torch.fx.Node) -> FloatPair:
        pair, name = self._pair(node.args[0]), node.name
        if pair.low is None:
            return FloatPair(self.emit("Relu", [pair.high], name), None)
        zero = self.numbers(f"{name}.zero", 0.0)
        positive = self.emit("Less", [zero, self.whole(pair, name)], f"{name}.positive")
        high, low = (
            self.emit("Where", [positive, part, zero], f"{name}.{what}")
            for what, part in (("high", pair.high), ("low", pair.low))
        )
        return FloatPair(high, low)

    def _filter(self, node: torch.fx.Node, module: Filtering) -> FloatPair:
        """Subtract the mean on the grid, then multiply by coarse and fine parts of the scale."""
        name = node.name
        mean, std = module.mean.numpy(), module.std.numpy()
        grids = power_of_two(2.0 * module.clip * std * 2.0**-INPUT_BITS)
        limits = mean - module.clip * std, mean + module.clip * std
        coarse, rest = self.split(self._clipped(node, limits), grids, name)
        coarse_mean, fine_mean = _on_grid(mean, grids)
        scale = 1.0 / std
        coarse_scale, fine_scale = _on_grid(scale, power_of_two(scale * 2.0**-INPUT_BITS))

        def apply(operator: str, source: str, what: str, values: Array) -> str:
            numbers = self.numbers(f"{name}.{what}", values)
            return self.emit(operator, [source, numbers], f"{name}.by_{what}")

        coarse = apply("Sub", coarse, "coarse_mean", coarse_mean)
        rest = apply("Sub", rest, "fine_mean", fine_mean)
        low = [
            apply("Mul", coarse, "fine_scale", fine_scale),
            apply("Mul", rest, "scale", scale),
        ]
        high = apply("Mul", coarse, "coarse_scale", coarse_scale)
        return FloatPair(high, self.emit("Add", low, f"{name}.low"))

    def _clipped(self, node: torch.fx.Node, limits: tuple[Array, Array]) -> FloatPair:
        """Return the filter's input clipped to the limits, which are pairs themselves."""
        pair, name = self._pair(node.args[0]), f"{node.name}.clip"
        zero = self.numbers(f"{name}.zero", np.zeros(len(limits[0])))
        high, low = pair.high, pair.low or zero
        # Rounded inwards, and compared with ``high`` alone; ``left`` restores the exact limit.
        for side, limit, inwards in (("above", limits[1], -np.inf), ("below", limits[0], np.inf)):
            nearest = limit.astype(np.float32)
            outside = nearest > limit if side == "above" else nearest < limit
            nearest = np.where(outside, np.nextafter(nearest, np.float32(inwards)), nearest)
            edge = self.numbers(f"{name}.{side}", nearest)
            left = self.numbers(f"{name}.{side}_left", limit - nearest)
            order = [edge, pair.high] if side == "above" else [pair.high, edge]
            beyond = self.emit("Less", order, f"{name}.is_{side}")
            high = self.emit("Where", [beyond, edge, high], f"{name}.{side}_high")
            low = self.emit("Where", [beyond, left, low], f"{name}.{side}_low")
        return FloatPair(high, low)


def power_of_two(values: NDArray[Any] | float) -> NDArray[np.float64]:
    """Return the smallest powers of two not below ``values``; 1 for zero."""
    positive = np.where(np.asarray(values) > 0.0, values, 1.0)
    powers: NDArray[np.float64] = np.exp2(np.ceil(np.log2(positive)))
    return powers


def _on_grid(values: Array, grid: Array) -> tuple[Array, Array]:
    """Return ``values`` rounded to the grid, and the remainder."""
    nearest: Array = np.round(values / grid) * grid
    return nearest, values - nearest
