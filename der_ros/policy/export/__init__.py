"""Export of a trained policy as one ONNX file with filter, network, squash and contract.

The exported graph is compared with torch before the file is written.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array
from der_ros.policy.contract import METADATA_PREFIX, PolicyContract
from der_ros.policy.export.filtering import Filtering
from der_ros.policy.export.folding import Folding
from der_ros.policy.export.graph import OPSET, to_onnx
from der_ros.policy.export.pairs import to_float32_onnx
from der_ros.policy.export.probes import probes, usual_observations
from der_ros.policy.file.writing import write_policy
from der_ros.policy.runtime import OnnxPolicy

__all__ = ["OPSET", "TOLERANCE", "TRAINING_PREFIX", "FilteredPolicy", "export_policy"]

TOLERANCE = 1e-5
TRAINING_PREFIX = METADATA_PREFIX + "training."


class FilteredPolicy(torch.nn.Module):
    """``policy(clip((fold(observation) - mean) / std, -clip, clip))``, as in training.

    Computes in float64. With ``mean`` and ``std`` None there is no filter and no clipping; a
    symmetry of 1 means no folding.
    """

    def __init__(
        self,
        policy: torch.nn.Module,
        mean: Array | None,
        std: Array | None,
        clip: float,
        symmetry: int = 1,
    ) -> None:
        super().__init__()
        self.folding = torch.nn.Identity() if symmetry == 1 else Folding(symmetry)
        self.filtering: torch.nn.Module = torch.nn.Identity()
        if mean is not None and std is not None:
            self.filtering = Filtering(mean, std, clip)
        self.policy = policy.double()

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Return the actions, (N, 6) in [-1, 1], for inputs, (N, input size) float64."""
        action: torch.Tensor = self.policy(self.filtering(self.folding(observation)))
        return action


def export_policy(
    policy: torch.nn.Module,
    mean: Array | None,
    std: Array | None,
    clip: float,
    contract: PolicyContract,
    path: Path | str,
    training: Mapping[str, str],
    precision: str = "float64",
) -> float:
    """Export a policy to ``path`` atomically and return its difference from torch.

    Args:
        policy: Module from filtered inputs, (N, contract.input_size), to actions, (N, 6) in
            [-1, 1], squash included. Inputs are folded before the filter
            (``contract.folded_symmetry``).
        mean: Mean of the filter, (contract.input_size,); None (with ``std``) for no filter.
        std: Standard deviation of the filter, (contract.input_size,), above zero.
        clip: Bound to which the filtered observation is clipped on both sides.
        contract: Contract of the file; ``filter_clip`` and ``precision`` are set here.
        path: File to write; replaced only if all checks pass.
        training: Facts about the training run, added to the metadata.
        precision: "float64", or "float32" for a graph without float64 numbers (``pairs``).

    Returns:
        Largest difference between onnxruntime and torch over random and extreme observations.

    Raises:
        ConfigurationError: A weight or statistic is not finite, the module has an unsupported
            operation, leaves [-1, 1] or differs in onnxruntime by more than ``TOLERANCE``, or
            ``path`` cannot be written.
        ContractError: ``OnnxPolicy.load`` rejects the exported file.
    """
    path = Path(path)
    size = contract.input_size
    _check_statistics(mean, std, size)
    plain = copy.deepcopy(policy).cpu()
    module = FilteredPolicy(plain, mean, std, clip, contract.folded_symmetry).eval()
    _check_weights(module)
    filter_clip = None if mean is None else float(clip)
    contract = replace(contract, filter_clip=filter_clip, precision=precision)
    metadata = contract.to_metadata()
    metadata |= {TRAINING_PREFIX + key: value for key, value in training.items()}
    data = _to_file(module, metadata, precision, usual_observations(mean, std, size))
    observations = probes(mean, std, filter_clip, size)
    wanted = _actions(module, observations)
    return write_policy(path, data, lambda policy: _difference(policy, observations, wanted))


def _to_file(
    module: FilteredPolicy, metadata: Mapping[str, str], precision: str, usual: Array
) -> bytes:
    if precision == "float32":
        return to_float32_onnx(module, metadata, torch.from_numpy(usual))
    return to_onnx(module, metadata, usual.shape[1])


def _check_statistics(mean: Array | None, std: Array | None, size: int) -> None:
    if (mean is None) != (std is None):
        raise ConfigurationError("observation filter: expected mean and std, or neither of them")
    for name, values in (("mean", mean), ("std", std)):
        if values is not None and (np.shape(values) != (size,) or not np.isfinite(values).all()):
            raise ConfigurationError(f"filter {name}: expected {size} finite numbers, got {values}")
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
    """Return torch's actions for the observations, (N, 6), after a check for [-1, 1]."""
    with torch.no_grad():
        exact = module(torch.from_numpy(observations).double())
    actions: NDArray[np.float32] = exact.numpy().astype(np.float32)
    if not np.abs(actions).max() <= 1.0:
        raise ConfigurationError(
            f"policy: expected actions in [-1, 1], got {np.abs(actions).max()}; "
            "end the module with tanh"
        )
    return actions


def _difference(
    exported: OnnxPolicy, observations: NDArray[np.float32], wanted: NDArray[np.float32]
) -> float:
    """Return the largest difference from torch, after a check against ``TOLERANCE``."""
    got = np.stack([exported(observation) for observation in observations])
    difference = float(np.abs(got - wanted).max())
    if not difference <= TOLERANCE:
        raise ConfigurationError(
            f"export: expected onnxruntime within {TOLERANCE} of torch, got {difference} in "
            f"{exported.contract.precision}; nothing is written"
            + ("; export it as float64" if exported.contract.precision == "float32" else "")
        )
    return difference
