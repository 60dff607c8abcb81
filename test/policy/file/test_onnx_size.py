"""A network that would need gigabytes or minutes is refused before onnxruntime sees it."""

from itertools import pairwise

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from der_ros.errors import ContractError
from der_ros.policy.contract import PolicyContract
from der_ros.policy.file import onnx_size
from der_ros.policy.file.checksum import stamped
from der_ros.policy.file.onnx_file import ALLOWED_OPERATORS, parse_model
from der_ros.policy.runtime import OnnxPolicy

CONTRACT = PolicyContract("lap_joint", (0.05,) * 6, 0.06)
node = helper.make_node


def model(nodes, **weights):
    weights = {"w": np.eye(13, 6, dtype=np.float32), **weights}
    graph = helper.make_graph(
        [*nodes, node("MatMul", ["observation", "w"], ["h"]), node("Tanh", ["h"], ["action"])],
        "policy",
        [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["N", 13])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["N", 6])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()],
    )
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(whole, CONTRACT.to_metadata())
    return stamped(whole.SerializeToString())


def doubled(first, axis):
    names = [first, *[f"d{number}" for number in range(24)]]
    return [node("Concat", [a, a], [b], axis=axis) for a, b in pairwise(names)]


COLUMN, ROW = np.zeros((9000, 1), np.float32), np.zeros((1, 9000), np.float32)
WIDE = np.zeros((900, 900), np.float32)


@pytest.mark.parametrize(
    ("nodes", "weights"),
    [
        ([node("MatMul", ["a", "b"], ["big"])], {"a": COLUMN, "b": ROW}),
        ([node("Gemm", ["a", "b"], ["big"])], {"a": COLUMN, "b": ROW}),
        ([node("Add", ["a", "b"], ["big"])], {"a": COLUMN, "b": ROW}),
        (doubled("a", 0), {"a": ROW}),
        (doubled("observation", 1), {}),
        ([node("Gather", ["a", "i"], ["big"])], {"a": ROW, "i": np.zeros(9000, np.int64)}),
        ([node("MatMul", ["a", "a"], ["slow"])], {"a": WIDE}),
    ],
    ids=["outer", "gemm", "broadcast", "weights", "input", "gather", "slow"],
)
def test_a_small_file_with_a_huge_product_is_refused(tmp_path, monkeypatch, nodes, weights):
    monkeypatch.setattr(onnxruntime, "InferenceSession", None)
    path = tmp_path / "policy.onnx"
    path.write_bytes(model(nodes, **weights))
    with pytest.raises(ContractError, match=r"intermediate tensors of more than"):
        OnnxPolicy.load(path)


def test_a_shape_that_does_not_follow_is_refused(tmp_path):
    path = tmp_path / "policy.onnx"
    path.write_bytes(model([node("Reshape", ["observation", "observation"], ["r"])]))
    with pytest.raises(ContractError, match="a node Reshape whose shape does not follow"):
        OnnxPolicy.load(path)


def test_every_operator_has_its_shape():
    assert set(onnx_size._RULES) == ALLOWED_OPERATORS


@pytest.mark.parametrize(
    ("operator", "shapes", "attributes"),
    [
        ("MatMul", [(3, 4), (4, 5)], {}),
        ("MatMul", [(4,), (4,)], {}),
        ("MatMul", [(2, 1, 3, 4), (5, 4, 6)], {}),
        ("MatMul", [(4,), (2, 4, 6)], {}),
        ("Gemm", [(4, 3), (5, 4)], {"transA": 1, "transB": 1}),
        ("Concat", [(2, 3), (2, 4)], {"axis": -1}),
        ("ArgMax", [(2, 3, 4)], {"axis": 1}),
        ("ArgMax", [(2, 3, 4)], {"axis": -1, "keepdims": 0}),
        ("Add", [(2, 1, 3), (4, 1)], {}),
        ("LayerNormalization", [(2, 3), (3,)], {}),
    ],
)
def test_shapes_are_those_of_onnxruntime(operator, shapes, attributes):
    names = [f"i{number}" for number in range(len(shapes))]
    arrays = [np.ones(shape, np.float32) for shape in shapes]
    kind = TensorProto.INT64 if operator == "ArgMax" else TensorProto.FLOAT
    graph = helper.make_graph(
        [node(operator, names, ["o"], **attributes)],
        "g",
        [],
        [helper.make_tensor_value_info("o", kind, None)],
        [numpy_helper.from_array(array, name) for name, array in zip(names, arrays, strict=True)],
    )
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(data.SerializeToString())
    ours = parse_model(data.SerializeToString()).graph
    shape = onnx_size._RULES[operator](shapes, ours.node[0], {})
    assert shape == session.run(None, {})[0].shape
