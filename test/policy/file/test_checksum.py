"""A policy file with any changed byte does not load."""

import hashlib
import re
import time

import numpy as np
import pytest
from onnx import (
    AttributeProto,
    ModelProto,
    OperatorSetIdProto,
    TensorProto,
    ValueInfoProto,
    helper,
)

from der_ros.errors import ContractError, DerRosError
from der_ros.policy import runtime
from der_ros.policy.file.checksum import CHECKSUM_KEY, file_hashes, stamped, unstamped
from der_ros.policy.file.writing import stamp_policy
from der_ros.policy.runtime import OnnxPolicy
from der_ros.policy.shipped import shipped_policy

SHIPPED = shipped_policy("peg_in_hole").read_bytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "policy.onnx"


def refusal(path, data):
    path.write_bytes(data)
    with pytest.raises(ContractError) as caught:
        OnnxPolicy.load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def varint(value):
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def field(number, content):
    """Return a protobuf field of bytes, also with invalid field numbers."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def loop_graph():
    """Return a graph whose only node runs forever."""
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["again"])],
        "body",
        [info("i", TensorProto.INT64, []), info("c", TensorProto.BOOL, [])],
        [info("again", TensorProto.BOOL, [])],
    )
    node = helper.make_node("Loop", ["", "true"], [], body=body)
    return helper.make_graph([node], "more", [], []).SerializeToString()


def test_a_third_party_can_recompute_the_checksum():
    key = CHECKSUM_KEY.encode()
    digest = re.search(re.escape(key) + rb"..([0-9a-f]{64})", SHIPPED, re.DOTALL)[1]
    assert hashlib.sha256(SHIPPED.replace(digest, b"0" * 64)).hexdigest() == digest.decode()


def test_no_damage_of_one_byte_loads(path):
    rng = np.random.default_rng(11)
    for at in rng.integers(len(SHIPPED), size=500):
        damaged = bytearray(SHIPPED)
        damaged[at] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        with pytest.raises(DerRosError):
            OnnxPolicy.load(path)


def test_no_damage_of_one_byte_of_the_metadata_loads(path):
    start = SHIPPED.index(b"der_ros.task")
    for at in range(start - 4, len(SHIPPED), 5):
        damaged = bytearray(SHIPPED)
        damaged[at] = 0xFF if SHIPPED[at] != 0xFF else 0xFE
        refusal(path, bytes(damaged))


@pytest.mark.parametrize("number", [7 + 2**29, 7 + 2**32, 7, 100])
def test_nothing_is_hidden_beside_the_graph(path, number):
    """Field numbers other than 7 are not the graph's, but onnxruntime may parse some like it."""
    hidden = SHIPPED + field(number, loop_graph())
    refusal(path, hidden)
    try:
        path.write_bytes(stamped(hidden))
    except ContractError:
        return
    refusal(path, path.read_bytes())


def test_content_in_another_order_is_refused(path):
    split = ModelProto.FromString(SHIPPED)
    split.ClearField("graph")
    graph = ModelProto.FromString(SHIPPED).graph
    data = field(7, graph.SerializeToString()) + split.SerializeToString()
    digest = re.search(rb"([0-9a-f]{64})", data)[1]
    right = hashlib.sha256(data.replace(digest, b"0" * 64)).hexdigest().encode()
    assert "another form" in refusal(path, data.replace(digest, right))


def test_a_file_without_checksum_is_refused(path):
    assert "export_policy --stamp" in refusal(path, unstamped(SHIPPED))


def test_a_stamped_file_acts_bit_for_bit_as_before(path, tmp_path):
    path.write_bytes(unstamped(SHIPPED))
    stamp_policy(path, tmp_path / "new.onnx")
    assert (tmp_path / "new.onnx").read_bytes() == SHIPPED
    assert hashlib.sha256(path.read_bytes()).hexdigest() in file_hashes(tmp_path / "new.onnx")


def test_an_operator_that_may_not_run_is_not_stamped(path, tmp_path):
    model = ModelProto.FromString(SHIPPED)
    model.graph.node[0].op_type = "Loop"
    path.write_bytes(unstamped(model.SerializeToString()))
    with pytest.raises(ContractError, match="got Loop"):
        stamp_policy(path, tmp_path / "new.onnx")
    assert not (tmp_path / "new.onnx").exists()


LONG = "a" * 4_000_000


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda m: setattr(m, "doc_string", LONG), "expected at most 131072 bytes of names"),
        (lambda m: setattr(m.graph.node[0], "name", LONG), "of names, texts and metadata, got"),
        (lambda m: setattr(m.graph.node[0], "op_type", LONG), "of names"),
        (lambda m: m.metadata_props.add(key="x", value="[" + "1," * 2_000_000 + "1]"), "of names"),
        (lambda m: m.opset_import.extend([OperatorSetIdProto(domain="x")] * 200_000), "of names"),
        (lambda m: m.graph.initializer.extend([TensorProto()] * 200_000), "200015 tensors"),
        (lambda m: m.graph.node[0].attribute.extend([AttributeProto()] * 200_000), "tensors and"),
        (lambda m: m.graph.value_info.extend([ValueInfoProto(name="x")] * 200_000), "of names"),
    ],
)
def test_what_takes_long_to_check_is_refused_at_once(path, change, match):
    model = ModelProto.FromString(SHIPPED)
    change(model)
    data = stamped(model.SerializeToString())
    start_s = time.thread_time()
    told = refusal(path, data)
    assert match in told
    assert len(told) < 400
    assert time.thread_time() - start_s < 1.0


def test_a_message_about_a_files_text_is_short(path):
    model = ModelProto.FromString(SHIPPED)
    (limits,) = (each for each in model.metadata_props if each.key == "der_ros.action_limits")
    limits.value = "[" + "1.0," * 20_000 + "1.0]"
    told = refusal(path, stamped(model.SerializeToString()))
    assert "action_limits: expected 6 finite numbers" in told
    assert len(told) < 2000


def test_a_network_that_computes_for_long_is_refused(path, monkeypatch):
    monkeypatch.setattr(runtime, "MAX_COMPUTING_S", 0.0)
    assert "expected an action within 0 s of computing" in refusal(path, SHIPPED)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda m: m.metadata_props.add(key="der_ros.task", value='"other"'), "twice"),
        (lambda m: m.graph.node.extend([m.graph.node[0]] * 600), "operators, more than"),
        (lambda m: m.graph.initializer[0].dims.append(2**40), "with other contents"),
        (lambda m: m.graph.initializer[0].dims.extend([1] * 9), "of shape"),
        (lambda m: setattr(m.graph.initializer[0], "data_type", TensorProto.FLOAT16), "of type"),
        (lambda m: m.training_info.add(), "not part of ONNX"),
    ],
)
def test_more_than_a_plain_network_is_refused(path, change, match):
    model = ModelProto.FromString(SHIPPED)
    change(model)
    assert match in refusal(path, stamped(model.SerializeToString()))
