"""What an ONNX file holds, read without running or trusting any of it.

An ONNX file is a protobuf message. Walking its wire format takes a page, so the robot side needs
no package beyond onnxruntime to see which operators a file would run, and whether it refers to
other files, before it is handed to onnxruntime. Field numbers: onnx.proto of ONNX IR version 8.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from der_ros.errors import ContractError

ALLOWED_OPERATORS = frozenset(
    {
        "Abs", "Add", "ArgMax", "Cast", "Clip", "Concat", "Div", "Equal", "Gather", "Gemm",
        "Identity", "LayerNormalization", "LeakyRelu", "Less", "MatMul", "Mul", "Relu", "Reshape",
        "Sigmoid", "Softplus", "Sub", "Tanh", "Where",
    }
)  # fmt: skip
"""Those of a multilayer perceptron, its observation filter and the folding of symmetric pieces.

None of them holds a subgraph.
"""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MODEL_GRAPH, _MODEL_OPSET, _MODEL_FUNCTIONS = 7, 8, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_OPERATOR, _NODE_DOMAIN = 4, 7
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2


class OnnxContents(NamedTuple):
    """What matters of a file.

    Attributes:
        operators: every operator type in the graph, with its domain where it is not ONNX's own.
        opset: version of ONNX's own operator set, 0 when none is imported.
        self_contained: no tensor lies in another file.
        has_functions: it defines operators of its own, or sparse tensors.
    """

    operators: frozenset[str]
    opset: int
    self_contained: bool
    has_functions: bool


def read_contents(data: bytes) -> OnnxContents:
    """Lists what the ONNX file ``data`` would run and refer to.

    Raises:
        ContractError: these bytes are no ONNX model with one graph.
    """
    view = memoryview(data)
    graphs, opsets, functions = [], {}, False
    for number, value in _fields(view):
        if number == _MODEL_GRAPH and isinstance(value, memoryview):
            graphs.append(value)
        elif number == _MODEL_OPSET and isinstance(value, memoryview):
            domain, version = _opset(value)
            opsets[domain] = version
        elif number == _MODEL_FUNCTIONS:
            functions = True
    if len(graphs) != 1:
        raise ContractError(f"expected an ONNX model with one graph, got {len(graphs)} graphs")
    operators, self_contained = set(), True
    for number, value in _fields(graphs[0]):
        if number == _GRAPH_NODE and isinstance(value, memoryview):
            operators.add(_operator(value))
        elif number == _GRAPH_INITIALIZER and isinstance(value, memoryview):
            self_contained = self_contained and not _is_external(value)
        elif number == _GRAPH_SPARSE:
            functions = True
    return OnnxContents(frozenset(operators), opsets.get("", 0), self_contained, functions)


def check_contents(contents: OnnxContents) -> None:
    """Checks that a file holds nothing but a plain network.

    Raises:
        ContractError: operators outside ``ALLOWED_OPERATORS``, own functions, or other files.
    """
    foreign = sorted(contents.operators - ALLOWED_OPERATORS)
    if foreign:
        raise ContractError(
            f"expected only the operators {', '.join(sorted(ALLOWED_OPERATORS))}; "
            f"got {', '.join(foreign)}"
        )
    if contents.has_functions:
        raise ContractError("expected a plain network, got one with functions or sparse tensors")
    if not contents.self_contained:
        raise ContractError("expected all weights inside the file, got references to other files")


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """The (field number, value) pairs of one message; numbers of fixed size are skipped over."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ContractError(f"expected an ONNX file, got an unknown wire type {kind}")
        if number == 0 or at + size > len(data):
            raise ContractError("expected an ONNX file, got one that is truncated or no ONNX")
        if kind == _BYTES:
            yield number, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """One variable-length integer, and where the next thing starts."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ContractError("expected an ONNX file, got one that is truncated or no ONNX")


def _operator(node: memoryview) -> str:
    name, domain = "", ""
    for number, value in _fields(node):
        if isinstance(value, memoryview) and number == _NODE_OPERATOR:
            name = _text(value)
        elif isinstance(value, memoryview) and number == _NODE_DOMAIN:
            domain = _text(value)
    return name if domain in ("", "ai.onnx") else f"{domain}::{name}"


def _is_external(tensor: memoryview) -> bool:
    return any(
        number == _TENSOR_EXTERNAL or (number == _TENSOR_LOCATION and value != 0)
        for number, value in _fields(tensor)
    )


def _opset(message: memoryview) -> tuple[str, int]:
    domain, version = "", 0
    for number, value in _fields(message):
        if number == _OPSET_DOMAIN and isinstance(value, memoryview):
            domain = _text(value)
        elif number == _OPSET_VERSION and isinstance(value, int):
            version = value
    return ("" if domain == "ai.onnx" else domain), version


def _text(value: memoryview) -> str:
    return bytes(value).decode("utf-8", errors="replace")
