"""Conversion of a torch module to an ONNX file, one ONNX node per torch.fx node.

A small network needs a dozen operators, so the conversion does not depend on torch's exporter,
which changes between releases. An unsupported operation raises an error that names it.

Observations and actions are float32; in between the graph computes in float64. The last layer of a
trained network saturates with sums of hundreds, whose float32 rounding differs between runtimes by
more than the tolerance. In float64 the same weights give the same actions in every runtime.
For runtimes without float64, ``pairs`` builds an equivalent graph in float32.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from der_ros.errors import ConfigurationError
from der_ros.policy.export.folding import Folding
from der_ros.policy.file.checksum import stamped
from der_ros.policy.policy_view import FRAME_SIZE
from der_ros.policy.runtime import INPUT_NAME, OUTPUT_NAME

OPSET, IR_VERSION = 17, 8

_UNARY: dict[Any, str] = {
    torch.nn.ReLU: "Relu",
    torch.relu: "Relu",
    torch.nn.functional.relu: "Relu",
    "relu": "Relu",
    torch.nn.Tanh: "Tanh",
    torch.tanh: "Tanh",
    torch.nn.functional.tanh: "Tanh",
    "tanh": "Tanh",
    torch.nn.Sigmoid: "Sigmoid",
    torch.sigmoid: "Sigmoid",
    "sigmoid": "Sigmoid",
}
_BINARY: dict[Any, str] = {
    operator.add: "Add",
    operator.sub: "Sub",
    operator.mul: "Mul",
    operator.truediv: "Div",
    torch.add: "Add",
    torch.sub: "Sub",
    torch.mul: "Mul",
    torch.div: "Div",
}
_CLAMP = (torch.clamp, "clamp")


class _Tracer(torch.fx.Tracer):
    """Tracer that keeps given module types as single nodes instead of tracing into them."""

    def __init__(self, whole: tuple[type[torch.nn.Module], ...]) -> None:
        super().__init__()
        self._whole = whole

    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        """Return True if torch.fx keeps the module as one node."""
        return isinstance(m, self._whole) or super().is_leaf_module(m, module_qualified_name)


def traced_module(
    module: torch.nn.Module, whole: tuple[type[torch.nn.Module], ...] = (Folding,)
) -> torch.fx.GraphModule:
    """Trace the operations of a module with one input and one output.

    Args:
        module: Module from (N, input size) float64 to (N, 6) float64.
        whole: Module types that are traced as one operation.

    Raises:
        ConfigurationError: The module branches on its input.
    """
    try:
        return torch.fx.GraphModule(module, _Tracer(whole).trace(module))
    except Exception as error:  # tracing raises any error of the module's forward
        raise ConfigurationError(
            f"export: expected a policy whose forward does not branch on its input ({error})"
        ) from error


def to_onnx(
    module: torch.nn.Module, metadata: Mapping[str, str], input_size: int = FRAME_SIZE
) -> bytes:
    """Convert a module with one input and one output to an ONNX file that computes in float64.

    Args:
        module: Module from (N, input_size) float64 to (N, 6) float64.
        metadata: Metadata of the file; the checksum is added (``policy.file.checksum``).
        input_size: Number of elements in an input.

    Raises:
        ConfigurationError: The module branches on its input or has an unsupported operation.
    """
    return to_file(GraphBuilder(traced_module(module)).build(input_size), metadata)


def to_file(graph: Any, metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of a policy file, stamped with its checksum.

    Args:
        graph: Graph, an ``onnx.GraphProto``.
        metadata: Metadata entries of the file.
    """
    model = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="der_ros",
    )
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    return stamped(model.SerializeToString())


class GraphBuilder:
    """Builder of an ONNX graph from the operations that torch.fx recorded.

    Args:
        traced: Recorded operations.
    """

    DTYPE: type[np.floating[Any]] = np.float64
    number_type = int(onnx.TensorProto.DOUBLE)

    def __init__(self, traced: torch.fx.GraphModule) -> None:
        self._traced = traced
        self._nodes: list[Any] = []
        self._initializers: list[Any] = []
        self._names: dict[torch.fx.Node, str] = {}

    def build(self, input_size: int) -> Any:
        """Return the ``onnx.GraphProto``: input (N, input_size) float, output (N, 6) float."""
        for node in self._traced.graph.nodes:
            if node.op == "placeholder":
                self._names[node] = self._begin()
            elif node.op == "output":
                self._end(self._name(node.args[0]))
            else:
                self._names[node] = self._convert(node)
        float_type = onnx.TensorProto.FLOAT
        return onnx.helper.make_graph(
            self._nodes,
            "policy",
            [onnx.helper.make_tensor_value_info(INPUT_NAME, float_type, ["N", input_size])],
            [onnx.helper.make_tensor_value_info(OUTPUT_NAME, float_type, ["N", 6])],
            self._initializers,
        )

    def _begin(self) -> str:
        """Return the name of the observation in the graph's number type."""
        return self._cast(INPUT_NAME, onnx.TensorProto.DOUBLE, "observation64")

    def _end(self, action: str) -> None:
        """Make ``action`` the graph's output, float32."""
        self._cast(action, onnx.TensorProto.FLOAT, OUTPUT_NAME)

    def _convert(self, node: torch.fx.Node) -> str:
        """Add the operation of ``node`` and return the name of its output."""
        if node.op == "get_attr":
            tensor = operator.attrgetter(str(node.target))(self._traced)
            return self.constant(node.name, tensor)
        if node.op == "call_module":
            module = self._traced.get_submodule(str(node.target))
            return self._convert_module(node, module)
        what: Any = node.target
        operands = [self._name(argument) for argument in node.args]
        if what in _UNARY and len(operands) == 1:
            return self.emit(_UNARY[what], operands, node.name)
        if what in _BINARY and len(operands) == 2 and not node.kwargs:
            return self.emit(_BINARY[what], operands, node.name)
        if what in _CLAMP and len(operands) == 3 and not node.kwargs:
            return self.emit("Clip", operands, node.name)
        raise _unknown(node, getattr(what, "__name__", str(what)))

    def _convert_module(self, node: torch.fx.Node, module: torch.nn.Module) -> str:
        source = self._name(node.args[0])
        if isinstance(module, (torch.nn.Identity, torch.nn.Dropout)):
            return source
        if isinstance(module, Folding):
            return module.to_onnx(source, node.name, self)
        if isinstance(module, torch.nn.Linear):
            weights = self._weights(node, [("weight", module.weight), ("bias", module.bias)])
            return self.emit("Gemm", [source, *weights], node.name, transB=1)
        if isinstance(module, torch.nn.LayerNorm) and len(module.normalized_shape) == 1:
            weights = self._weights(node, [("weight", module.weight), ("bias", module.bias)])
            if weights:
                return self.emit(
                    "LayerNormalization", [source, *weights], node.name, epsilon=module.eps
                )
        if isinstance(module, torch.nn.LeakyReLU):
            return self.emit("LeakyRelu", [source], node.name, alpha=float(module.negative_slope))
        if type(module) in _UNARY:
            return self.emit(_UNARY[type(module)], [source], node.name)
        raise _unknown(node, type(module).__name__)

    def _weights(
        self, node: torch.fx.Node, tensors: Sequence[tuple[str, torch.Tensor | None]]
    ) -> list[str]:
        return [self.constant(f"{node.name}.{name}", t) for name, t in tensors if t is not None]

    def _name(self, operand: Any) -> str:
        """Return the name of an operand: an earlier output, or a number added as a constant."""
        if isinstance(operand, torch.fx.Node):
            return self._names[operand]
        if isinstance(operand, (int, float)):
            name = f"constant_{len(self._initializers)}"
            return self.constant(name, torch.tensor(float(operand)))
        raise ConfigurationError(f"export: expected a tensor or a number, got {operand!r}")

    def _cast(self, source: str, kind: int, output: str) -> str:
        return self.emit("Cast", [source], output, to=kind)

    def constant(self, name: str, tensor: torch.Tensor) -> str:
        """Add a constant in the graph's number type and return its name."""
        return self._initializer(name, tensor.detach().numpy().astype(self.DTYPE))

    def integers(self, name: str, values: int | Iterable[int]) -> str:
        """Add an int64 constant and return its name."""
        plain = values if isinstance(values, int) else list(values)
        return self._initializer(name, np.array(plain, np.int64))

    def _initializer(self, name: str, array: NDArray[Any]) -> str:
        self._initializers.append(onnx.numpy_helper.from_array(array, name))
        return name

    def emit(self, operator_type: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        self._nodes.append(
            onnx.helper.make_node(operator_type, inputs, [output], name=output, **attributes)
        )
        return output


def _unknown(node: torch.fx.Node, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"export: {node.name} is a {what}, which cannot be exported; use Linear, LayerNorm, ReLU, "
        "LeakyReLU, Tanh, Sigmoid, clamp and + - * /, or add it to der_ros/policy/export/graph.py"
    )
