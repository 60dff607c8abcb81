"""Writes a trained policy as one ONNX file: filter, network, squash and contract together.

What was built is compared with torch before a file appears.
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
from der_ros.policy.export.folding import Folding
from der_ros.policy.export.graph import OPSET, to_onnx
from der_ros.policy.runtime import OnnxPolicy
from der_ros.policy.writing import write_policy

__all__ = ["OPSET", "TOLERANCE", "TRAINING_PREFIX", "FilteredPolicy", "export_policy"]

TOLERANCE = 1e-5
TRAINING_PREFIX = METADATA_PREFIX + "training."


class FilteredPolicy(torch.nn.Module):
    """``policy(clip((fold(observation) - mean) / std, -clip, clip))``, as in training.

    Everything in float64; ``mean`` and ``std`` both None: no filter and no clipping. A symmetry of
    1 folds nothing.
    """

    mean: torch.Tensor
    std: torch.Tensor

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
        self.policy = policy.double()
        self.clip = float(clip)
        self.filtered = mean is not None
        if mean is not None and std is not None:
            self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float64))
            self.register_buffer("std", torch.as_tensor(std, dtype=torch.float64))

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """(N, 13) float64 to (N, 6) in [-1, 1]."""
        observation = self.folding(observation)
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
        policy: filtered observations (N, 13) to actions (N, 6) in [-1, 1], squash inside; they are
            folded first (``policy.symmetry``) as the contract says.
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
            is not known here, leaves [-1, 1], or comes out of onnxruntime differently; or
            ``path`` cannot be written.
        ContractError: the file written would be refused by ``OnnxPolicy.load``.
    """
    path = Path(path)
    _check_statistics(mean, std)
    plain = copy.deepcopy(policy).cpu()
    module = FilteredPolicy(plain, mean, std, clip, contract.symmetry).eval()
    _check_weights(module)
    contract = replace(contract, filter_clip=float(clip) if module.filtered else None)
    metadata = contract.to_metadata()
    metadata |= {TRAINING_PREFIX + key: value for key, value in training.items()}
    data = to_onnx(module, metadata)
    observations = _probes(mean, std)
    wanted = _actions(module, observations)
    return write_policy(path, data, lambda policy: _difference(policy, observations, wanted))


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
