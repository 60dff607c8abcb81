"""A float32 export agrees with the float64 one, or is not written."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from der_ros.cli import export_policy as tool
from der_ros.errors import ConfigurationError, ContractError
from der_ros.policy.contract import PolicyContract
from der_ros.policy.export import TOLERANCE, export_policy
from der_ros.policy.export.reading import convert_policy
from der_ros.policy.file.checksum import stamped, unstamped
from der_ros.policy.runtime import OnnxPolicy

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "models").glob("*.onnx"))
CONTRACT = PolicyContract("lap_joint", (0.05,) * 6, 0.06)
MEAN = np.array([0.0, 1e-3, 0.03, 0.0, 0.0, 0.0, 0.99992, -0.7, 0.7, 18.0, 0.03, 0.02, -0.05])
STD = np.array([2e-3, 3e-3, 0.01, 0.01, 0.01, 0.01, 1e-3, 33.0, 32.0, 40.0, 1.0, 0.9, 1.0])


def network(*, seed=3, gain=4.0):
    """Return a network that saturates like a trained one: sums of hundreds before the squash."""
    torch.manual_seed(seed)
    sizes = ((13, 64), (64, 64), (64, 6))
    layers = [part for size in sizes for part in (torch.nn.Linear(*size), torch.nn.ReLU())]
    policy = torch.nn.Sequential(*layers[:-1], torch.nn.Tanh())
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.mul_(gain)
    return policy


def number_types(path):
    graph = onnx.load(path).graph
    casts = [a.i for node in graph.node if node.op_type == "Cast" for a in node.attribute]
    return {tensor.data_type for tensor in graph.initializer} | set(casts)


@pytest.mark.parametrize("source", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_policy_is_the_same_in_float32(source, tmp_path):
    path = tmp_path / "policy.onnx"
    assert tool.main([str(source), str(path), "--precision", "float32"]) == 0
    double, single = OnnxPolicy.load(source), OnnxPolicy.load(path)
    assert (double.contract.precision, single.contract.precision) == ("float64", "float32")
    assert onnx.TensorProto.DOUBLE not in number_types(path)
    rng = np.random.default_rng(11)
    for scale in (0.3, 1.0, 3.0, 10.0):
        exact, rounded = double.for_attempt(), single.for_attempt()
        for row in (MEAN + scale * STD * rng.normal(size=(100, 13))).astype(np.float32):
            assert np.abs(rounded(row) - exact(row)).max() <= TOLERANCE


def test_what_a_plain_cast_loses_is_kept(tmp_path):
    """Checked at the edges of the filter and between them, for a steep network."""
    double, single = tmp_path / "double.onnx", tmp_path / "single.onnx"
    export_policy(network(), MEAN, STD, 10.0, CONTRACT, double, {"seed": "7"})
    difference = export_policy(network(), MEAN, STD, 10.0, CONTRACT, single, {}, "float32")
    assert difference <= 2e-6
    cast = casted(double, tmp_path / "cast.onnx")
    rows = (MEAN + 3.0 * STD * np.random.default_rng(1).normal(size=(500, 13))).astype(np.float32)
    wanted, plain = (
        np.stack([each(row) for row in rows]) for each in (OnnxPolicy.load(double), cast)
    )
    assert np.abs(plain - wanted).max() > TOLERANCE  # too inaccurate
    assert np.stack([OnnxPolicy.load(single)(row) for row in rows]) == pytest.approx(
        wanted, abs=2e-6
    )


def casted(source, path):
    """Return the float64 file with every number cast to float32."""
    model = onnx.load_model_from_string(unstamped(source.read_bytes()))
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.DOUBLE:
            array = onnx.numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    for node in model.graph.node:
        if node.op_type == "Cast":
            node.attribute[0].i = onnx.TensorProto.FLOAT
    path.write_bytes(stamped(model.SerializeToString()))
    return OnnxPolicy.load(path)


@pytest.mark.parametrize("symmetry", [0, 2, 4])
def test_symmetric_pieces_are_folded_in_float32(symmetry, tmp_path):
    contract = PolicyContract("peg_in_hole", (0.05,) * 6, 0.06, symmetry=symmetry)
    path = tmp_path / "policy.onnx"
    assert export_policy(network(), MEAN, STD, 10.0, contract, path, {}, "float32") <= TOLERANCE
    assert OnnxPolicy.load(path, "peg_in_hole").contract.symmetry == symmetry
    assert onnx.TensorProto.DOUBLE not in number_types(path)


def test_other_layers_are_exported_where_exact(tmp_path):
    layers = [torch.nn.Linear(13, 16), torch.nn.LayerNorm(16), torch.nn.LeakyReLU(0.03)]
    torch.manual_seed(0)
    policy = torch.nn.Sequential(*layers, torch.nn.Linear(16, 6), torch.nn.Tanh())
    path = tmp_path / "policy.onnx"
    assert export_policy(policy, None, None, 5.0, CONTRACT, path, {}, "float32") <= TOLERANCE
    assert OnnxPolicy.load(path).contract.filter_clip is None


class Imprecise(torch.nn.Module):
    """A policy that float32 cannot represent: a small difference of large numbers."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(13, 6)

    def forward(self, x):
        return torch.tanh((self.linear(x) + 1e6) - 1e6)


def test_a_file_that_would_differ_is_not_written(tmp_path):
    path = tmp_path / "policy.onnx"
    with pytest.raises(ConfigurationError, match=r"within 1e-05.*float32.*export it as float64"):
        export_policy(Imprecise(), MEAN, STD, 5.0, CONTRACT, path, {}, "float32")
    assert list(tmp_path.iterdir()) == []
    assert export_policy(Imprecise(), MEAN, STD, 5.0, CONTRACT, path, {}) <= TOLERANCE


def test_a_policy_file_keeps_its_training_facts(tmp_path):
    source, path = tmp_path / "source.onnx", tmp_path / "policy.onnx"
    export_policy(network(), None, None, 5.0, CONTRACT, source, {"seed": "7"})
    assert convert_policy(source, path, "float32") <= TOLERANCE
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert metadata["der_ros.training.seed"] == "7"
    assert metadata["der_ros.precision"] == '"float32"'


def test_a_policy_of_other_layers_is_not_read_back(tmp_path):
    source = tmp_path / "source.onnx"
    export_policy(Imprecise(), MEAN, STD, 5.0, CONTRACT, source, {})
    with pytest.raises(ConfigurationError, match="from its checkpoint"):
        convert_policy(source, tmp_path / "policy.onnx", "float32")


def test_a_float32_file_is_not_made_exact_again(tmp_path):
    source = tmp_path / "source.onnx"
    export_policy(network(), MEAN, STD, 5.0, CONTRACT, source, {}, "float32")
    with pytest.raises(ConfigurationError, match="expected a float64 policy"):
        convert_policy(source, tmp_path / "policy.onnx", "float64")


def test_damage_to_a_float32_file_is_found(tmp_path):
    path = tmp_path / "policy.onnx"
    export_policy(network(), MEAN, STD, 5.0, CONTRACT, path, {}, "float32")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ContractError, match="checksum"):
        OnnxPolicy.load(path)


def test_a_precision_that_is_none_is_refused():
    metadata = CONTRACT.to_metadata() | {"der_ros.precision": '"float16"'}
    with pytest.raises(ContractError, match="float16"):
        PolicyContract.from_metadata(metadata)
    del metadata["der_ros.precision"]
    assert PolicyContract.from_metadata(metadata).precision == "float64"


@pytest.mark.parametrize("options", [["--newest"], ["--stamp", "--precision", "float32"]])
def test_options_that_contradict_are_refused(options, tmp_path, capsys):
    path = tmp_path / "policy.onnx"
    assert tool.main([str(SHIPPED[0]), str(path), *options]) == 1
    assert options[0] in capsys.readouterr().err
    assert not path.exists()
