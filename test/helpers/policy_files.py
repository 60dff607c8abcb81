"""Policy files of a few ONNX nodes."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from der_ros.policy.file.checksum import stamped

TANH_OF_PRODUCT = (
    helper.make_node("MatMul", ["observation", "w"], ["h"]),
    helper.make_node("Tanh", ["h"], ["action"]),
)
"""action = tanh(observation w)."""


def weight(values, name="w"):
    """Return a constant input of the graph."""
    return numpy_helper.from_array(np.asarray(values, np.float32), name)


def write_graph(path, nodes, weights, metadata, *, width=13, name="observation", opset=17):
    """Write a policy file with an input (N, width) and the output ``action`` (N, 6)."""
    graph = helper.make_graph(
        list(nodes),
        "policy",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["N", 6])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    helper.set_model_props(model, metadata)
    path.write_bytes(stamped(model.SerializeToString()))
    return path
