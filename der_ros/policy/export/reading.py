"""Reading of an exported float64 policy: its network, and its conversion to another precision."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array
from der_ros.policy.contract import PolicyContract
from der_ros.policy.export import TOLERANCE, TRAINING_PREFIX, FilteredPolicy, export_policy
from der_ros.policy.export.probes import probes
from der_ros.policy.runtime import OnnxPolicy, read_policy_file

_OPERATORS = re.compile("(Sub Div Clip )?(Gemm Relu )*Gemm Tanh")


class PolicyNetwork(NamedTuple):
    """Network, filter and contract of a policy file."""

    network: torch.nn.Sequential
    mean: Array | None  # (input size,); None without a filter
    std: Array | None  # (input size,)
    contract: PolicyContract
    training: dict[str, str]  # facts about the training run

    def layers(self) -> list[tuple[Array, Array]]:
        """Return weights (outputs, inputs) and biases (outputs,) of each linear layer."""
        linear = [each for each in self.network if isinstance(each, torch.nn.Linear)]
        return [(each.weight.detach().numpy(), each.bias.detach().numpy()) for each in linear]


def convert_policy(source: Path, path: Path, precision: str, dither: float | None = None) -> float:
    """Write the policy file ``source`` in another precision or with another dither.

    Args:
        source: Float64 policy that training or ``export_policy`` wrote.
        path: ``.onnx`` file to write; replaced only if all checks pass.
        precision: Number format, "float64" or "float32"; see ``export_policy``.
        dither: Share of the dither (``policy.dither``); None: that of ``source``.

    Returns:
        Largest difference between the new file and the network of ``source``.

    Raises:
        ConfigurationError: ``source`` cannot be read, is not float64 or has another network than
            training writes, ``path`` cannot be written, or the difference is above ``TOLERANCE``.
        ContractError: ``OnnxPolicy.load`` rejects ``source``.
    """
    read = read_network(source)
    contract = read.contract
    if dither is not None:
        contract = replace(contract, dither=dither)
    clip = contract.filter_clip or 1.0
    return export_policy(
        read.network, read.mean, read.std, clip, contract, path, read.training, precision
    )


def read_network(source: Path) -> PolicyNetwork:
    """Read network and filter of a float64 policy file.

    Raises:
        ConfigurationError: ``source`` cannot be read, is not float64 or has another network than
            training writes.
        ContractError: ``OnnxPolicy.load`` rejects ``source``.
    """
    policy = OnnxPolicy.load(source)
    contract = policy.contract
    if contract.precision != "float64":
        raise ConfigurationError(
            f"{source}: expected a float64 policy, got one in {contract.precision}; "
            "give the float64 policy that it was converted from"
        )
    model = onnx.load_model_from_string(read_policy_file(source))
    network, mean, std = _parts(model, source)
    clip = contract.filter_clip or 1.0
    _check_same(policy, FilteredPolicy(network, mean, std, clip, contract.folded_symmetry))
    training = {
        entry.key.removeprefix(TRAINING_PREFIX): entry.value
        for entry in model.metadata_props
        if entry.key.startswith(TRAINING_PREFIX)
    }
    return PolicyNetwork(network, mean, std, contract, training)


def _parts(model: Any, source: Path) -> tuple[torch.nn.Sequential, Array | None, Array | None]:
    """Return network and filter of a graph; the folding is given by the contract."""
    nodes = [
        node
        for node in model.graph.node
        if node.op_type != "Cast" and not node.output[0].startswith("folding")
    ]
    operators = " ".join(node.op_type for node in nodes)
    if not _OPERATORS.fullmatch(operators):
        raise ConfigurationError(
            f"{source}: expected the network that training writes (filter, linear layers with "
            f"ReLU, tanh), got {operators[:200]}; export it from its checkpoint"
        )
    # Copies, since arrays from onnx are read-only, of which torch warns.
    tensors = {
        each.name: onnx.numpy_helper.to_array(each).copy() for each in model.graph.initializer
    }
    layers = [
        _linear(*(tensors[name] for name in node.input[1:]))
        for node in nodes
        if node.op_type == "Gemm"
    ]
    modules = [module for layer in layers for module in (layer, torch.nn.ReLU())]
    network = torch.nn.Sequential(*modules[:-1], torch.nn.Tanh())
    if nodes[0].op_type != "Sub":
        return network, None, None
    return network, tensors[nodes[0].input[1]], tensors[nodes[1].input[1]]


def _linear(weight: Array, bias: Array) -> torch.nn.Linear:
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias))
    return layer


def _check_same(policy: OnnxPolicy, module: FilteredPolicy) -> None:
    """Check that the reconstructed module computes the same actions as the file.

    Raises:
        ConfigurationError: The actions differ by more than ``TOLERANCE``.
    """
    filtering = module.filtering
    mean, std = (getattr(filtering, name, None) for name in ("mean", "std"))
    rows = probes(
        None if mean is None else mean.numpy(),
        None if std is None else std.numpy(),
        policy.contract.filter_clip,
        policy.contract.input_size,
    )
    with torch.no_grad():
        read = module(torch.from_numpy(rows).double()).numpy()
    difference = float(np.abs(np.stack([policy(row) for row in rows]) - read).max())
    if not difference <= TOLERANCE:
        raise ConfigurationError(
            f"{policy.path}: expected the network that training writes, got one that differs from "
            f"it by {difference:.1e}; export it from its checkpoint"
        )
