import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from der_ros.errors import ContractError
from der_ros.policy.file.onnx_file import OnnxContents, check_contents, read_contents


def model(**changes):
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Mine", ["b"], ["c"], domain="my.ops"),
        helper.make_node("Tanh", ["c"], ["d"], domain="ai.onnx"),
    ]
    weights = [numpy_helper.from_array(np.ones(300, np.float32), "w")]
    graph = helper.make_graph(
        nodes,
        "g",
        [value("a", TensorProto.FLOAT, [1])],
        [value("d", TensorProto.FLOAT, [1])],
        weights,
    )
    opsets = [helper.make_opsetid("my.ops", 3), helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, **changes)


def test_operators_and_operator_set_are_listed():
    contents = read_contents(model().SerializeToString())
    assert contents == OnnxContents(frozenset({"Relu", "Tanh", "my.ops::Mine"}), 17, True, False)


def test_functions_of_its_own_are_seen():
    node = helper.make_node("Relu", ["x"], ["y"])
    own = helper.make_function(
        "my.ops", "Mine", ["x"], ["y"], [node], [helper.make_opsetid("", 17)]
    )
    contents = read_contents(model(functions=[own]).SerializeToString())
    assert contents.has_functions
    with pytest.raises(ContractError, match="functions"):
        check_contents(contents._replace(operators=frozenset({"Relu"})))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_do_more_than_raise(data):
    with contextlib.suppress(ContractError):
        read_contents(data)


@given(at=st.integers(0, 1300), value=st.integers(0, 255))
def test_a_flipped_byte_never_does_more_than_raise(at, value):
    data = bytearray(model().SerializeToString())
    data[at % len(data)] = value
    with contextlib.suppress(ContractError):
        read_contents(bytes(data))
