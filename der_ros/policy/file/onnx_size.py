"""Bound on the memory and computing work of a network, known before it runs.

A few hundred bytes can describe a product of two vectors with billions of elements, which
onnxruntime would already compute while it loads the file. The shapes of all intermediate tensors
for one observation are derived from the shapes of the input and the weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from der_ros.policy.file.onnx_schema import INT64

TensorShape: TypeAlias = tuple[int, ...]

MAX_ELEMENTS = 4 * 2**20
"""Most elements of all intermediate tensors together, for one observation."""
MAX_PRODUCTS = 2**27
"""Most multiplications of all matrix products together, for one observation."""
_MAX_RANK = 8


def problem_of_size(graph: Any) -> str:
    """Describe why a graph needs too much memory or work; return "" if it does not.

    Args:
        graph: ``Graph`` message of ``onnx_schema``, with the operators of ``onnx_file`` only.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    shapes: dict[str, TensorShape] = {name: tuple(each.dims) for name, each in constants.items()}
    shapes |= {port.name: _port_shape(port) for port in graph.input if port.name not in shapes}
    elements = products = 0
    for node in graph.node:
        if node.op_type not in _RULES or not node.output:
            return ""  # refused elsewhere
        try:
            inputs = [shapes[name] for name in node.input if name]
            shape = _RULES[node.op_type](inputs, node, constants)
        except (KeyError, IndexError, ValueError, OverflowError):
            return f"a node {node.op_type} whose shape does not follow from the shapes before it"
        elements += math.prod(shape)
        products += _products(node.op_type, inputs, shape, node)
        if elements > MAX_ELEMENTS or products > MAX_PRODUCTS or len(shape) > _MAX_RANK:
            return (
                f"intermediate tensors of more than {MAX_ELEMENTS} elements or {MAX_PRODUCTS} "
                f"multiplications, at a node {node.op_type} of shape {list(shape)[:_MAX_RANK]}"
            )
        shapes[node.output[0]] = shape
    return ""


_Rule: TypeAlias = Callable[[list[TensorShape], Any, Mapping[str, Any]], TensorShape]


def _port_shape(port: Any) -> TensorShape:
    """Return an input's shape with 1 for a dimension that has a name instead of a size."""
    return tuple(max(size.dim_value, 1) for size in port.type.tensor_type.shape.dim)


def _same(inputs: list[TensorShape], _node: Any, _constants: Mapping[str, Any]) -> TensorShape:
    return inputs[0]


def _broadcast(inputs: list[TensorShape], _node: Any, _constants: Mapping[str, Any]) -> TensorShape:
    return np.broadcast_shapes(*inputs)


def _matmul(inputs: list[TensorShape], _node: Any, _constants: Mapping[str, Any]) -> TensorShape:
    left, right = inputs
    rows, columns = left[-2:-1], right[-1:] if len(right) > 1 else ()
    if left[-1] != right[-2:][0]:
        raise ValueError("matrices that do not fit")
    return (*np.broadcast_shapes(left[:-2], right[:-2]), *rows, *columns)


def _gemm(inputs: list[TensorShape], node: Any, _constants: Mapping[str, Any]) -> TensorShape:
    left, right = inputs[:2]
    rows, inner = left[::-1] if _number(node, "transA", 0) else left
    other, columns = right[::-1] if _number(node, "transB", 0) else right
    if inner != other:
        raise ValueError("matrices that do not fit")
    return rows, columns


def _concat(inputs: list[TensorShape], node: Any, _constants: Mapping[str, Any]) -> TensorShape:
    axis = _number(node, "axis", 0)
    shape = list(inputs[0])
    shape[axis] = sum(each[axis] for each in inputs)
    return tuple(shape)


def _gather(inputs: list[TensorShape], node: Any, _constants: Mapping[str, Any]) -> TensorShape:
    data, indices = inputs
    axis = range(len(data))[_number(node, "axis", 0)]
    return (*data[:axis], *indices, *data[axis + 1 :])


def _arg_max(inputs: list[TensorShape], node: Any, _constants: Mapping[str, Any]) -> TensorShape:
    shape = inputs[0]
    axis = range(len(shape))[_number(node, "axis", 0)]
    kept = (1,) if _number(node, "keepdims", 1) else ()
    return (*shape[:axis], *kept, *shape[axis + 1 :])


def _reshape(inputs: list[TensorShape], node: Any, constants: Mapping[str, Any]) -> TensorShape:
    """Return a shape with as many elements as before; only its constant values say more."""
    wanted = _integers(constants[node.input[1]])
    shape = [inputs[0][at] if size == 0 else size for at, size in enumerate(wanted)]
    count = math.prod(inputs[0])
    if -1 in shape:
        shape[shape.index(-1)] = count // max(abs(math.prod(x for x in shape if x != -1)), 1)
    if min(shape, default=0) < 0 or math.prod(shape) != count:
        raise ValueError("another number of elements")
    return tuple(shape)


_RULES: dict[str, _Rule] = {
    **dict.fromkeys(("Abs", "Cast", "Clip", "Floor", "Identity", "LayerNormalization"), _same),
    **dict.fromkeys(("LeakyRelu", "Relu", "Sigmoid", "Softplus", "Tanh"), _same),
    **dict.fromkeys(("Add", "Div", "Equal", "Less", "Mul", "Sub", "Where"), _broadcast),
    "ArgMax": _arg_max,
    "Concat": _concat,
    "Gather": _gather,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Reshape": _reshape,
}
"""Shape of the first output by operator, for each of ``onnx_file.ALLOWED_OPERATORS``."""


def _products(operator: str, inputs: list[TensorShape], shape: TensorShape, node: Any) -> int:
    if operator == "MatMul":
        return math.prod(shape) * inputs[0][-1]
    if operator == "Gemm":
        return math.prod(shape) * inputs[0][0 if _number(node, "transA", 0) else 1]
    return 0


def _number(node: Any, name: str, default: int) -> int:
    return next((int(each.i) for each in node.attribute if each.name == name), default)


def _integers(tensor: Any) -> list[int]:
    if tensor.data_type != INT64:
        raise ValueError("another type")
    return list(tensor.int64_data) or np.frombuffer(tensor.raw_data, "<i8").tolist()
