"""Writes a trained policy as one ONNX file: filter, network, squash and contract together.

The graph is built node by node from the module as torch.fx sees it: a small network needs a dozen
operators, this way needs no exporter that changes from release to release, and whatever it does
not know it refuses by name. What it built is compared with torch before a file appears.

Observations and actions are float32; in between the graph computes in float64. A trained network
saturates its last layer with sums of hundreds, whose float32 rounding, different in every runtime,
would come to more than the tolerance; in double the same weights give the same actions everywhere.
"""

from __future__ import annotations

import copy
import operator
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array
from der_ros.policy.contract import METADATA_PREFIX, PolicyContract
from der_ros.policy.runtime import INPUT_NAME, OUTPUT_NAME, OnnxPolicy

TOLERANCE = 1e-5
TRAINING_PREFIX = METADATA_PREFIX + "training."
OPSET, IR_VERSION = 17, 8

_UNARY: dict[Any, str] = {
    torch.nn.ReLU: "Relu", torch.relu: "Relu", torch.nn.functional.relu: "Relu", "relu": "Relu",
    torch.nn.Tanh: "Tanh", torch.tanh: "Tanh", torch.nn.functional.tanh: "Tanh", "tanh": "Tanh",
    torch.nn.Sigmoid: "Sigmoid", torch.sigmoid: "Sigmoid", "sigmoid": "Sigmoid",
}  # fmt: skip
_BINARY: dict[Any, str] = {
    operator.add: "Add", operator.sub: "Sub", operator.mul: "Mul", operator.truediv: "Div",
    torch.add: "Add", torch.sub: "Sub", torch.mul: "Mul", torch.div: "Div",
}  # fmt: skip
_CLAMP = (torch.clamp, "clamp")


class FilteredPolicy(torch.nn.Module):
    """``policy(clip((observation - mean) / std, -clip, clip))``, as in training.

    Everything in float64; ``mean`` and ``std`` both None: no filter and no clipping.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self, policy: torch.nn.Module, mean: Array | None, std: Array | None, clip: float
    ) -> None:
        super().__init__()
        self.policy = policy.double()
        self.clip = float(clip)
        self.filtered = mean is not None
        if mean is not None and std is not None:
            self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float64))
            self.register_buffer("std", torch.as_tensor(std, dtype=torch.float64))

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """(N, 13) float64 to (N, 6) in [-1, 1]."""
        if self.filtered:
            observation = (observation - self.mean) / self.std
            observation = torch.clamp(observation, -self.clip, self.clip)
        action: torch.Tensor = self.policy(observation)
        return action


def export_policy(
    policy: torch.nn.Module,
    mean: Array | None,
    std: Array | None,
    clip: float,
    contract: PolicyContract,
    path: Path | str,
    training: Mapping[str, str],
) -> float:
    """Writes ``path`` atomically and returns how far it is from torch.

    Args:
        policy: filtered observations (N, 13) float32 to actions (N, 6) in [-1, 1], squash inside.
        mean: (13,) of the observation filter, or None (with ``std``) for none.
        std: (13,) of the observation filter, above zero.
        clip: the filtered observation is clipped to +-clip.
        contract: what the file promises; its ``filter_clip`` is set here.
        path: file to write; replaced only when everything was right.
        training: facts about the training run that go into the metadata.

    Returns:
        The largest difference between onnxruntime and torch over random and extreme observations.

    Raises:
        ConfigurationError: a weight or statistic is not finite, the module holds an operation that
            is not known here, leaves [-1, 1], or comes out of onnxruntime differently.
        ContractError: the file written would be refused by ``OnnxPolicy.load``.
    """
    path = Path(path)
    _check_statistics(mean, std)
    module = FilteredPolicy(copy.deepcopy(policy).cpu(), mean, std, clip).eval()
    _check_weights(module)
    contract = replace(contract, filter_clip=float(clip) if module.filtered else None)
    metadata = contract.to_metadata()
    metadata |= {TRAINING_PREFIX + key: value for key, value in training.items()}
    data = _to_onnx(module, metadata)
    observations = _probes(mean, std)
    wanted = _actions(module, observations)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        difference = _difference(OnnxPolicy.load(temporary), observations, wanted)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return difference


def _to_onnx(module: FilteredPolicy, metadata: Mapping[str, str]) -> bytes:
    try:
        traced = torch.fx.symbolic_trace(module)
    except Exception as error:  # tracing raises whatever the module's forward makes of a proxy
        raise ConfigurationError(
            f"export: expected a policy whose forward does not branch on its input ({error})"
        ) from error
    model = onnx.helper.make_model(
        _GraphBuilder(traced).build(),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="der_ros",
    )
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString()
    return data


class _GraphBuilder:
    """One ONNX node for each operation that torch.fx recorded."""

    def __init__(self, traced: torch.fx.GraphModule) -> None:
        self._traced = traced
        self._nodes: list[Any] = []
        self._initializers: list[Any] = []
        self._names: dict[torch.fx.Node, str] = {}

    def build(self) -> Any:
        """The ``onnx.GraphProto``, input (N, 13) float, output (N, 6) float."""
        for node in self._traced.graph.nodes:
            if node.op == "placeholder":
                self._names[node] = self._cast(INPUT_NAME, onnx.TensorProto.DOUBLE, "observation64")
            elif node.op == "output":
                self._cast(self._name(node.args[0]), onnx.TensorProto.FLOAT, OUTPUT_NAME)
            else:
                self._names[node] = self._convert(node)
        float_type = onnx.TensorProto.FLOAT
        return onnx.helper.make_graph(
            self._nodes,
            "policy",
            [onnx.helper.make_tensor_value_info(INPUT_NAME, float_type, ["N", 13])],
            [onnx.helper.make_tensor_value_info(OUTPUT_NAME, float_type, ["N", 6])],
            self._initializers,
        )

    def _convert(self, node: torch.fx.Node) -> str:
        """Emits what ``node`` does and returns the name of its result."""
        if node.op == "get_attr":
            tensor = operator.attrgetter(str(node.target))(self._traced)
            return self._constant(node.name, tensor)
        if node.op == "call_module":
            module = self._traced.get_submodule(str(node.target))
            return self._convert_module(node, module)
        what: Any = node.target
        operands = [self._name(argument) for argument in node.args]
        if what in _UNARY and len(operands) == 1:
            return self._emit(_UNARY[what], operands, node.name)
        if what in _BINARY and len(operands) == 2 and not node.kwargs:
            return self._emit(_BINARY[what], operands, node.name)
        if what in _CLAMP and len(operands) == 3 and not node.kwargs:
            return self._emit("Clip", operands, node.name)
        raise _unknown(node, getattr(what, "__name__", str(what)))

    def _convert_module(self, node: torch.fx.Node, module: torch.nn.Module) -> str:
        source = self._name(node.args[0])
        if isinstance(module, (torch.nn.Identity, torch.nn.Dropout)):
            return source
        if isinstance(module, torch.nn.Linear):
            weights = self._weights(node, [("weight", module.weight), ("bias", module.bias)])
            return self._emit("Gemm", [source, *weights], node.name, transB=1)
        if isinstance(module, torch.nn.LayerNorm) and len(module.normalized_shape) == 1:
            weights = self._weights(node, [("weight", module.weight), ("bias", module.bias)])
            if weights:
                return self._emit(
                    "LayerNormalization", [source, *weights], node.name, epsilon=module.eps
                )
        if isinstance(module, torch.nn.LeakyReLU):
            return self._emit("LeakyRelu", [source], node.name, alpha=float(module.negative_slope))
        if type(module) in _UNARY:
            return self._emit(_UNARY[type(module)], [source], node.name)
        raise _unknown(node, type(module).__name__)

    def _weights(
        self, node: torch.fx.Node, tensors: Sequence[tuple[str, torch.Tensor | None]]
    ) -> list[str]:
        return [self._constant(f"{node.name}.{name}", t) for name, t in tensors if t is not None]

    def _name(self, operand: Any) -> str:
        """The name of an operand: of an earlier result, or of a number made a constant."""
        if isinstance(operand, torch.fx.Node):
            return self._names[operand]
        if isinstance(operand, (int, float)):
            name = f"constant_{len(self._initializers)}"
            return self._constant(name, torch.tensor(float(operand)))
        raise ConfigurationError(f"export: expected a tensor or a number, got {operand!r}")

    def _cast(self, source: str, kind: int, output: str) -> str:
        return self._emit("Cast", [source], output, to=kind)

    def _constant(self, name: str, tensor: torch.Tensor) -> str:
        array = tensor.detach().numpy().astype(np.float64)
        self._initializers.append(onnx.numpy_helper.from_array(array, name))
        return name

    def _emit(self, operator_type: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._nodes.append(
            onnx.helper.make_node(operator_type, inputs, [output], name=output, **attributes)
        )
        return output


def _unknown(node: torch.fx.Node, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"export: {node.name} is a {what}, which is not known here; use Linear, LayerNorm, ReLU, "
        "LeakyReLU, Tanh, Sigmoid, clamp and + - * /, or add it to der_ros/policy/export.py"
    )


def _check_statistics(mean: Array | None, std: Array | None) -> None:
    if (mean is None) != (std is None):
        raise ConfigurationError("observation filter: expected mean and std, or neither of them")
    for name, values in (("mean", mean), ("std", std)):
        if values is not None and (np.shape(values) != (13,) or not np.isfinite(values).all()):
            raise ConfigurationError(f"filter {name}: expected 13 finite numbers, got {values}")
    if std is not None and not (np.asarray(std) > 0.0).all():
        raise ConfigurationError(f"filter std: expected numbers above zero, got {std}")


def _check_weights(module: torch.nn.Module) -> None:
    for name, tensor in module.state_dict().items():
        if not bool(torch.isfinite(tensor).all()):
            raise ConfigurationError(
                f"policy weight {name}: expected finite numbers, got NaN or infinity; "
                "training has diverged, export an earlier checkpoint"
            )


def _actions(module: FilteredPolicy, observations: NDArray[np.float32]) -> NDArray[np.float32]:
    """What torch makes of the observations, (N, 6), checked to lie in [-1, 1]."""
    with torch.no_grad():
        exact = module(torch.from_numpy(observations).double())
    actions: NDArray[np.float32] = exact.numpy().astype(np.float32)
    if not np.abs(actions).max() <= 1.0:
        raise ConfigurationError(
            f"policy: expected actions in [-1, 1], got {np.abs(actions).max()}; "
            "the squash belongs inside the module"
        )
    return actions


def _difference(
    exported: OnnxPolicy, observations: NDArray[np.float32], wanted: NDArray[np.float32]
) -> float:
    """The largest difference to torch, checked against ``TOLERANCE``."""
    got = np.stack([exported(observation) for observation in observations])
    difference = float(np.abs(got - wanted).max())
    if not difference <= TOLERANCE:
        raise ConfigurationError(
            f"export: expected onnxruntime within {TOLERANCE} of torch, got {difference}"
        )
    return difference


def _probes(mean: Array | None, std: Array | None) -> NDArray[np.float32]:
    """Observations like those of training, far beyond them, and one for each axis alone."""
    rng = np.random.default_rng(0)
    centre = np.zeros(13) if mean is None else np.asarray(mean)
    spread = np.ones(13) if std is None else np.asarray(std)
    near = centre + spread * rng.normal(size=(500, 13))
    far = centre + 10.0 * spread * rng.normal(size=(200, 13))
    extreme = 10.0 ** rng.uniform(-6, 6, size=(100, 13)) * rng.choice((-1.0, 1.0), size=(100, 13))
    axes = np.concatenate((np.eye(13), -np.eye(13), 1e4 * np.eye(13), np.zeros((1, 13))))
    return np.concatenate((near, far, extreme, axes)).astype(np.float32)
