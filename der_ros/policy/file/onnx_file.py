"""Inspection of an ONNX file's content without running it.

An ONNX file is a protobuf message. It is parsed with protobuf, a dependency of onnxruntime. Only
the messages and fields of ``onnx_schema`` are accepted, and serializing the parsed message must
reproduce the file byte for byte. The file therefore holds nothing that onnxruntime reads and this
module does not check.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from der_ros.errors import ContractError
from der_ros.policy.file.onnx_schema import BOOL, DOUBLE, FLOAT, INT32, INT64, MESSAGES
from der_ros.policy.file.onnx_size import problem_of_size

ALLOWED_OPERATORS = frozenset(
    {
        "Abs",
        "Add",
        "ArgMax",
        "Cast",
        "Clip",
        "Concat",
        "Div",
        "Equal",
        "Floor",
        "Gather",
        "Gemm",
        "Identity",
        "LayerNormalization",
        "LeakyRelu",
        "Less",
        "MatMul",
        "Mul",
        "Relu",
        "Reshape",
        "Sigmoid",
        "Softplus",
        "Sub",
        "Tanh",
        "Where",
    }
)
"""Operators of a multilayer perceptron, its observation filter and the symmetry folding.

None of them contains a subgraph.
"""

MAX_FILE_BYTES = 64 * 2**20
"""Largest policy file."""
MAX_TEXT_BYTES = 128 * 1024
"""Largest part of a file that is not the content of tensors; an exported policy has 3 kB."""
MAX_NODES = 500
MAX_TENSORS = 2000
MAX_DIMENSIONS = 4
_ITEM_BYTES = {FLOAT: 4, INT32: 4, INT64: 8, BOOL: 1, DOUBLE: 8}
_LISTS = {"float_data": 4, "int32_data": 1, "int64_data": 1, "double_data": 8}
"""Lists of a tensor, with the least size of an item in the file, bytes."""


class OnnxContents(NamedTuple):
    """Properties of an ONNX file by which it is accepted or rejected.

    Attributes:
        operators: Operator types in the graph, prefixed by the domain if it is not ONNX's own.
        opset: Version of ONNX's own operator set; 0 if none is imported.
        self_contained: True if no tensor refers to another file.
        has_functions: True if the file defines functions or sparse tensors.
        metadata: Metadata entries of the file.
        problem: First content that a plain network does not have; empty for none.
    """

    operators: frozenset[str]
    opset: int
    self_contained: bool
    has_functions: bool
    metadata: dict[str, str] = {}  # noqa: RUF012  (never changed)
    problem: str = ""


def read_contents(data: bytes) -> OnnxContents:
    """List the operators, references and metadata of the ONNX file ``data``.

    Raises:
        ContractError: The bytes are no ONNX model with one graph, or one that takes long to check.
    """
    model = parse_model(data)
    if not model.HasField("graph"):
        raise ContractError("expected an ONNX model with one graph, got 0 graphs")
    graph = model.graph
    tensors = _tensors(graph)
    _check_text(tensors, data)
    opsets = {_domain(entry.domain): entry.version for entry in model.opset_import}
    return OnnxContents(
        frozenset(_operator(node) for node in graph.node),
        opsets.get("", 0),
        not any(tensor.external_data or tensor.data_location for tensor in tensors),
        bool(model.functions or graph.sparse_initializer),
        {entry.key: entry.value for entry in model.metadata_props},
        _problem(model, tensors, data),
    )


def check_contents(contents: OnnxContents) -> None:
    """Check that a file contains only a plain network.

    Raises:
        ContractError: The file has operators outside ``ALLOWED_OPERATORS``, functions, references
            to other files, or other content that a plain network does not have.
    """
    foreign = sorted(contents.operators - ALLOWED_OPERATORS)
    if foreign:
        raise ContractError(
            f"expected only the operators {', '.join(sorted(ALLOWED_OPERATORS))}; "
            f"got {', '.join(map(ascii_only, foreign))}"
        )
    if contents.has_functions:
        raise ContractError("expected a plain network, got one with functions or sparse tensors")
    if not contents.self_contained:
        raise ContractError("expected all weights inside the file, got references to other files")
    if contents.problem:
        raise ContractError(f"expected a plain network, got one with {contents.problem}")


def parse_model(data: bytes) -> Any:
    """Parse ``data`` as a ``Model`` message of ``onnx_schema``.

    Raises:
        ContractError: The bytes are no protobuf message of this type.
    """
    try:
        return MESSAGES["Model"].FromString(data)
    except DecodeError as error:
        raise ContractError(
            f"expected an ONNX file, got one that is truncated or no ONNX ({error})"
        ) from error


def serialized(model: Any) -> bytes:
    """Return the canonical bytes of ``model``, the only form that is accepted."""
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def ascii_only(text: str, most: int = 80) -> str:
    """Return the first ``most`` characters of ``text`` as one line of escaped ASCII."""
    return text[:most].encode("ascii", "backslashreplace").decode("ascii").replace("\n", "\\n")


def _tensors(graph: Any) -> list[Any]:
    """Return the tensors of a graph; refuse a graph with too many parts before it is walked.

    Raises:
        ContractError: The graph has too many operators or tensors.
    """
    if len(graph.node) > MAX_NODES:
        raise ContractError(
            f"expected a plain network, got one with {len(graph.node)} operators, "
            f"more than {MAX_NODES}"
        )
    count = len(graph.initializer) + sum(len(node.attribute) for node in graph.node)
    if count > MAX_TENSORS:
        raise ContractError(
            f"expected a plain network, got one with {count} tensors and attributes, "
            f"more than {MAX_TENSORS}"
        )
    return [*graph.initializer, *(a.t for node in graph.node for a in node.attribute)]


def _check_text(tensors: list[Any], data: bytes) -> None:
    """Check the size of names, documentation, metadata and all else outside of the tensors.

    Raises:
        ContractError: It is larger than ``MAX_TEXT_BYTES``.
    """
    text = len(data) - sum(map(_content_bytes, tensors))
    if text > MAX_TEXT_BYTES:
        raise ContractError(
            f"expected at most {MAX_TEXT_BYTES} bytes of names, texts and metadata, got {text}; "
            "export the policy again"
        )


def _content_bytes(tensor: Any) -> int:
    listed = sum(size * len(getattr(tensor, kind)) for kind, size in _LISTS.items())
    return len(tensor.raw_data) + listed


def _problem(model: Any, tensors: list[Any], data: bytes) -> str:
    known = MESSAGES["Model"]()
    known.CopyFrom(model)
    known.DiscardUnknownFields()
    keys = [entry.key for entry in model.metadata_props]
    domains = [_domain(entry.domain) for entry in model.opset_import]
    if serialized(known) != data:
        return "fields that are not part of ONNX, or bytes in another form than protobuf writes"
    if len(set(keys)) != len(keys) or len(set(domains)) != len(domains):
        return "a metadata key or an operator set twice"
    wrong = next(filter(None, map(_problem_of_tensor, tensors)), "")
    return wrong or problem_of_size(model.graph)


def _problem_of_tensor(tensor: Any) -> str:
    """Describe an invalid type, shape or size of a tensor; return "" if it is valid."""
    if not tensor.data_type and not tensor.dims:
        return ""  # attribute without a tensor
    name = ascii_only(tensor.name)
    if tensor.data_type not in _ITEM_BYTES:
        return f"a tensor {name} of type {tensor.data_type}"
    if len(tensor.dims) > MAX_DIMENSIONS or any(size < 0 for size in tensor.dims):
        return f"a tensor {name} of shape {list(tensor.dims)[:8]}"
    count = math.prod(tensor.dims)
    listed = sum(len(getattr(tensor, kind)) for kind in _LISTS)
    raw = len(tensor.raw_data)
    right = (raw == count * _ITEM_BYTES[tensor.data_type] and not listed) or (
        not raw and listed == count
    )
    return "" if right else f"a tensor {name} of shape {list(tensor.dims)} with other contents"


def _operator(node: Any) -> str:
    domain = _domain(node.domain)
    return f"{domain}::{node.op_type}" if domain else str(node.op_type)


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name
