"""Export: onnxruntime and torch agree, or no file is written."""

import numpy as np
import onnx
import pytest
import torch

from der_ros.errors import ConfigurationError
from der_ros.policy.contract import PolicyContract
from der_ros.policy.export import TOLERANCE, export_policy
from der_ros.policy.runtime import OnnxPolicy

CONTRACT = PolicyContract("lap_joint", (0.05,) * 6, 0.06)
MEAN = np.linspace(-2.0, 3.0, 13) / 7.0
STD = np.geomspace(1e-3, 40.0, 13)


def network(*, seed=0, squash=True, hidden=None):
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(13, 32), hidden or torch.nn.ReLU(), torch.nn.Linear(32, 6)]
    return torch.nn.Sequential(*layers, *([torch.nn.Tanh()] if squash else []))


class Written(torch.nn.Module):
    """A policy with its own functions, methods, buffers and numbers."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = torch.nn.Linear(13, 16), torch.nn.LayerNorm(16)
        self.second = torch.nn.Linear(16, 6, bias=False)
        self.register_buffer("gain", torch.linspace(0.1, 0.9, 6))

    def forward(self, x):
        x = torch.relu(self.norm(self.first(x)))
        return (torch.tanh(0.5 * self.second(x) - 0.1) * self.gain).clamp(-0.8, 0.8) / 1.0


@pytest.mark.parametrize(
    "policy",
    [
        network(),
        network(hidden=torch.nn.LeakyReLU(0.03)),
        network(hidden=torch.nn.LayerNorm(32)),
        Written(),
    ],
)
def test_the_file_computes_what_training_computed(policy, tmp_path):
    path = tmp_path / "policy.onnx"
    difference = export_policy(policy, MEAN, STD, 5.0, CONTRACT, path, {"seed": "7"})
    assert difference <= TOLERANCE
    exported = OnnxPolicy.load(path, "lap_joint")
    observation = (MEAN + 3.0 * STD * np.sin(np.arange(13))).astype(np.float32)
    observation[4] = 1e6
    filtered = np.clip((observation - MEAN) / STD, -5.0, 5.0)
    with torch.no_grad():
        wanted = policy(torch.from_numpy(filtered.astype(np.float32))[None]).numpy()[0]
    assert exported(observation) == pytest.approx(wanted, abs=TOLERANCE)


def test_a_saturated_network_is_exported_exactly(tmp_path):
    policy = network()
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.mul_(30.0)
    assert export_policy(policy, MEAN, STD, 10.0, CONTRACT, tmp_path / "p.onnx", {}) <= TOLERANCE


def test_the_metadata_hold_contract_and_training(tmp_path):
    path = tmp_path / "deep" / "policy.onnx"
    export_policy(network(), MEAN, STD, 5.0, CONTRACT, path, {"seed": "7"})
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert metadata["der_ros.training.seed"] == "7"
    read = PolicyContract.from_metadata(metadata)
    assert read.filter_clip == 5.0
    assert OnnxPolicy.load(path).contract == read


def test_any_number_of_rows_is_taken(tmp_path):
    import onnxruntime

    path = tmp_path / "policy.onnx"
    export_policy(network(), None, None, 5.0, CONTRACT, path, {})
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for rows in (1, 5):
        feed = {"observation": np.zeros((rows, 13), np.float32)}
        assert session.run(None, feed)[0].shape == (rows, 6)


def test_the_module_itself_is_left_as_it_was(tmp_path):
    policy = network().train()
    export_policy(policy, MEAN, STD, 5.0, CONTRACT, tmp_path / "policy.onnx", {})
    assert policy.training


class Branching(torch.nn.Module):
    def forward(self, x):
        return torch.tanh(x[:, :6] if x.sum() > 0 else -x[:, :6])


def diverged():
    policy = network()
    with torch.no_grad():
        policy[0].weight[3, 4] = torch.nan
    return policy


@pytest.mark.parametrize(
    ("policy", "mean", "std", "match"),
    [
        (diverged(), MEAN, STD, r"0\.weight.*NaN"),
        (network(squash=False), MEAN, STD, r"in \[-1, 1\]"),
        (network(hidden=torch.nn.SELU()), MEAN, STD, "SELU"),
        (Branching(), MEAN, STD, "branch"),
        (network(), MEAN, None, "mean and std"),
        (network(), MEAN, np.zeros(13), "std"),
        (network(), MEAN[:12], STD, "mean"),
    ],
)
def test_what_must_not_be_deployed_is_not_written(policy, mean, std, match, tmp_path):
    path = tmp_path / "policy.onnx"
    path.write_bytes(b"the one before")
    with pytest.raises(ConfigurationError, match=match):
        export_policy(policy, mean, std, 5.0, CONTRACT, path, {})
    assert path.read_bytes() == b"the one before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["policy.onnx"]
