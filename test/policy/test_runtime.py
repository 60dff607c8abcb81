"""Invalid policy files are refused with one sentence each."""

import hashlib
import os

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from policy_files import TANH_OF_PRODUCT, weight, write_graph

from der_ros.errors import ConfigurationError, ContractError
from der_ros.policy import runtime
from der_ros.policy.contract import PolicyContract
from der_ros.policy.file.checksum import stamped
from der_ros.policy.runtime import OnnxPolicy

CONTRACT = PolicyContract("lap_joint", (0.05,) * 6, 0.06)


def write(path, *, nodes=TANH_OF_PRODUCT, metadata=None, weights=(), **graph):
    metadata = CONTRACT.to_metadata() if metadata is None else metadata
    return write_graph(path, nodes, [weight(np.eye(13, 6)), *weights], metadata, **graph)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "policy.onnx"


def test_a_good_file_is_loaded_and_acts(path):
    policy = OnnxPolicy.load(write(path), "lap_joint")
    assert policy.contract == CONTRACT
    assert policy.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert policy.path == path
    action = policy(np.linspace(-1, 1, 13, dtype=np.float32))
    assert action.dtype == np.float32
    assert action == pytest.approx(np.tanh(np.linspace(-1, 1, 13))[:6])


def test_an_action_is_kept_for_its_periods(path):
    policy = OnnxPolicy.load(write(path))
    observations = np.random.default_rng(0).normal(size=(7, 13)).astype(np.float32)
    acting = policy.for_attempt(action_repeat=3)
    actions = [acting(observation) for observation in observations]
    for number, action in enumerate(actions):
        np.testing.assert_array_equal(action, policy(observations[number // 3 * 3]))


def test_a_nan_observation_is_refused_by_name(path):
    policy = OnnxPolicy.load(write(path))
    observation = np.zeros(13, np.float32)
    observation[[2, 7]] = np.nan, np.inf
    with pytest.raises(ContractError, match="z, fx"):
        policy(observation)
    with pytest.raises(ContractError, match=r"expected shape \(13,\)"):
        policy(np.zeros(12, np.float32))


def test_a_policy_that_turns_nan_is_caught_at_the_call(path):
    # Not a number for an input of 7, which the checks at loading do not use.
    seven = numpy_helper.from_array(np.full(13, 7.0, np.float32), "seven")
    nodes = [
        helper.make_node("Sub", ["observation", "seven"], ["d"]),
        helper.make_node("Div", ["d", "d"], ["one"]),
        helper.make_node("MatMul", ["one", "w"], ["h"]),
        helper.make_node("Tanh", ["h"], ["action"]),
    ]
    policy = OnnxPolicy.load(write(path, nodes=nodes, weights=[seven]))
    policy(np.zeros(13, np.float32))
    with pytest.raises(ContractError, match="action"):
        policy(np.full(13, 7.0, np.float32))


def nodes_of(*operators):
    names = ["observation", *[f"h{i}" for i in range(len(operators))]]
    chain = [helper.make_node(name, [names[i]], [names[i + 1]]) for i, name in enumerate(operators)]
    return [*chain, helper.make_node("MatMul", [names[len(operators)], "w"], ["action"])]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"metadata": {}}, "missing der_ros.task"),
        (
            {
                "name": "state",
                "nodes": [
                    helper.make_node("Tanh", ["state"], ["t"]),
                    helper.make_node("MatMul", ["t", "w"], ["action"]),
                ],
            },
            "expected one observation",
        ),
        ({"nodes": nodes_of("Relu", "Erf")}, "got Erf"),
        ({"nodes": nodes_of("Relu")}, r"\[-1, 1\]"),
    ],
)
def test_a_wrong_file_is_refused_with_its_reason(path, wrong, match):
    write(path, **wrong)
    with pytest.raises(ContractError, match=match) as caught:
        OnnxPolicy.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_task_is_refused(path):
    with pytest.raises(ContractError, match="expected peg_in_hole, got lap_joint"):
        OnnxPolicy.load(write(path), "peg_in_hole")


def test_wrong_shapes_are_refused(path):
    write(path, width=12)
    model = onnx.load(path)
    model.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(np.eye(12, 6, dtype=np.float32), "w")
    )
    path.write_bytes(stamped(model.SerializeToString()))
    with pytest.raises(ContractError, match=r"expected one observation .*\(N, 13\)"):
        OnnxPolicy.load(path)


def test_weights_in_another_file_are_refused(path):
    write(path)
    model = onnx.load(path)
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")
    path.write_bytes(stamped(model.SerializeToString()))
    with pytest.raises(ContractError, match="references to other files"):
        OnnxPolicy.load(path)


def test_a_custom_operator_is_refused_with_its_domain(path):
    write(path, nodes=[helper.make_node("Evil", ["observation"], ["action"], domain="my.ops")])
    with pytest.raises(ContractError, match=r"my\.ops::Evil"):
        OnnxPolicy.load(path)


def test_an_operator_set_that_is_too_new_is_refused(path):
    with pytest.raises(ContractError, match="onnxruntime cannot load it"):
        OnnxPolicy.load(write(path, opset=999))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04zip", b"\x00" * 64, b"hello world, not ONNX"])
def test_what_is_no_onnx_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(ContractError, match="expected an ONNX"):
        OnnxPolicy.load(path)


def test_a_truncated_file_is_refused_wherever_it_ends(path):
    data = write(path).read_bytes()
    for size in range(0, len(data) - 1, 7):
        path.write_bytes(data[:size])
        with pytest.raises(ContractError):
            OnnxPolicy.load(path)


def test_missing_files_folders_and_giants_are_refused(path, monkeypatch):
    with pytest.raises(ConfigurationError, match=r"readable \.onnx file"):
        OnnxPolicy.load(path)
    with pytest.raises(ConfigurationError, match=r"readable \.onnx file"):
        OnnxPolicy.load(path.parent)
    monkeypatch.setattr(runtime, "MAX_FILE_BYTES", 100)
    with pytest.raises(ConfigurationError, match="at most 100 bytes"):
        OnnxPolicy.load(write(path))


def test_a_pipe_is_refused_at_once(path):
    os.mkfifo(path)
    with pytest.raises(ConfigurationError, match="no regular file"):
        OnnxPolicy.load(path)


def test_what_onnxruntime_fails_to_run_is_refused(path):
    wrong = numpy_helper.from_array(np.ones((3, 5), np.float32), "wrong")
    nodes = [
        helper.make_node("Gather", ["observation", "first"], ["few"], axis=1),
        helper.make_node("Reshape", ["few", "shape"], ["s"]),
        helper.make_node("MatMul", ["s", "wrong"], ["action"]),
    ]
    first = numpy_helper.from_array(np.array([0, 1], np.int64), "first")
    shape = numpy_helper.from_array(np.array([-1, 3], np.int64), "shape")
    with pytest.raises(ContractError, match="onnxruntime"):
        OnnxPolicy.load(write(path, nodes=nodes, weights=[wrong, first, shape]))


def test_one_thread_that_does_not_spin(path, monkeypatch):
    seen = []
    real = onnxruntime.InferenceSession

    def session(data, options, **kwargs):
        seen.append(options)
        return real(data, options, **kwargs)

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    OnnxPolicy.load(write(path))
    assert (seen[0].intra_op_num_threads, seen[0].inter_op_num_threads) == (1, 1)
    assert seen[0].get_session_config_entry("session.intra_op.allow_spinning") == "0"
