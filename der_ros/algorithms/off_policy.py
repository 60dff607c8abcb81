"""Base class of all algorithms: batches, target updates, counters and checkpoints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from der_ros.algorithms.base import LearnerConfig, State, Update
from der_ros.algorithms.networks import NetworksWithTarget, TrainedNetworks, tensor_of
from der_ros.errors import CheckpointError, ConfigurationError
from der_ros.replay.array_types import Float32Array, FloatArray
from der_ros.replay.finite_arrays import require_finite
from der_ros.replay.transitions import Transitions


class TensorBatch(NamedTuple):
    """``Transitions`` as tensors on the algorithm's device."""

    observation: Tensor  # (rows, observation size)
    action: Tensor  # (rows, action size)
    n_step_return: Tensor  # (rows,)
    discount: Tensor  # (rows,)
    next_observation: Tensor  # (rows, observation size)


class OffPolicyAlgorithm(ABC):
    """Off-policy algorithm; subclasses define ``target``, ``estimate`` and ``learn``."""

    def __init__(
        self, config: LearnerConfig, networks: Mapping[str, TrainedNetworks], seed: int
    ) -> None:
        """Store the networks by name; ``seed`` seeds the random draws during learning."""
        self.config = config
        self.device = open_device(config.device)
        self.generator = torch.Generator().manual_seed(seed)
        self.updates = 0
        self._networks = networks
        self._samples_at_target_update = 0
        self._samples = 0

    @abstractmethod
    def target(self, batch: TensorBatch) -> Tensor:
        """Return the TD targets y, shape (rows,)."""

    @abstractmethod
    def estimate(self, batch: TensorBatch) -> Tensor:
        """Return the estimates Q(s, a), shape (rows,)."""

    @abstractmethod
    def learn(self, batch: TensorBatch, weights: Tensor) -> Update:
        """Do one update with importance ``weights``, (rows,); return TD errors and metrics."""

    @torch.inference_mode()
    def update(self, transitions: Transitions, weights: Float32Array) -> Update:
        """Do one update on filtered ``transitions``, then update the targets if due."""
        self.updates += 1
        update = self.learn(self._batch(transitions), torch.from_numpy(weights).to(self.device))
        self._update_targets(transitions.size)
        return update

    @torch.inference_mode()
    def td_errors(self, transitions: Transitions) -> FloatArray:
        """Return the TD errors y - Q(s, a), shape (rows,), without an update."""
        batch = self._batch(transitions)
        return as_float64(self.target(batch) - self.estimate(batch))

    def critic_gradient(self, td_errors: Tensor, weights: Tensor) -> Tensor:
        """Return the gradient of mean_i w_i · loss(δ_i) with respect to Q; δ = y - Q, (…, rows).

        The loss is Huber's with bound 1, whose derivative is δ clipped to ±1, or else δ²/2.
        """
        slope = td_errors.clamp(-1.0, 1.0) if self.config.huber else td_errors
        return slope * (weights / -weights.numel())

    def critic_loss(self, td_errors: Tensor, weights: Tensor) -> float:
        """Return the metric coefficient · Σ_k mean_i w_i · loss(δ_k,i)."""
        size = td_errors.abs()
        each = 0.5 * size.square()
        if self.config.huber:
            each = torch.where(size < 1.0, each, size - 0.5)
        loss = self.config.critic_loss_coefficient * (each * weights).sum() / weights.numel()
        return loss.item()

    def policy_parameters(self) -> Float32Array:
        """Return a copy of the policy network's parameters as a flat vector."""
        parameters: Float32Array = self._networks["policy"].online.flat.cpu().numpy().copy()
        return parameters

    @torch.no_grad()
    def set_policy_parameters(self, parameters: Float32Array) -> None:
        """Set the policy network, and its target, to a flat vector of parameters."""
        policy = self._networks["policy"]
        policy.online.flat.copy_(tensor_of(parameters, policy.online.flat.shape))
        if isinstance(policy, NetworksWithTarget):
            policy.target.flat.copy_(policy.online.flat)

    def networks(self) -> Float32Array:
        """Return a copy of all network parameters that ``td_errors`` uses, as a flat vector."""
        return np.concatenate([vector.cpu().numpy() for vector in self.vectors().values()])

    @torch.no_grad()
    def load_networks(self, networks: Float32Array) -> None:
        """Load the parameters that another instance's ``networks`` returned."""
        vectors = list(self.vectors().values())
        ends = np.cumsum([vector.numel() for vector in vectors])
        for vector, values in zip(vectors, np.split(networks, ends[:-1]), strict=True):
            vector.copy_(tensor_of(values, vector.shape))

    def vectors(self) -> dict[str, Tensor]:
        """Return the flat parameter vectors of networks and targets by name."""
        online = {name: trained.online.flat for name, trained in self._networks.items()}
        targets = {f"target_{name}": each.target.flat for name, each in self._with_target().items()}
        return online | targets

    def _with_target(self) -> dict[str, NetworksWithTarget]:
        networks = self._networks.items()
        return {name: each for name, each in networks if isinstance(each, NetworksWithTarget)}

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of parameters, optimisers, counters and random state."""
        result: dict[str, NDArray[np.generic]] = {
            name: vector.cpu().numpy().copy() for name, vector in self.vectors().items()
        }
        for name, trained in self._networks.items():
            own = trained.optimiser_state()
            result |= {f"adam.{name}.{key}": value for key, value in own.items()}
        counters = (self.updates, self._samples, self._samples_at_target_update)
        result["counters"] = np.array(counters, np.int64)
        result["generator"] = self.generator.get_state().numpy().copy()
        return result

    def load_state(self, state: State) -> None:
        """Restore a state returned by ``state``.

        Raises:
            CheckpointError: ``state`` belongs to other networks or another algorithm, or a number
                is not finite.
        """
        try:
            self._load_state(state)
        except CheckpointError:
            raise
        except (KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                "checkpoint: expected networks of the same sizes and algorithm; resume with the "
                f"configuration that the run was started with ({error})"
            ) from error

    def _load_state(self, state: State) -> None:
        for name, vector in self.vectors().items():
            require_finite(f"networks: {name}", state[name])
            vector.copy_(tensor_of(state[name], vector.shape))
        for name, trained in self._networks.items():
            trained.load_optimiser_state(part_of(state, f"adam.{name}."))
        self.updates, self._samples, self._samples_at_target_update = (
            int(value) for value in state["counters"]
        )
        self.generator.set_state(torch.from_numpy(np.array(state["generator"])))

    def _batch(self, transitions: Transitions) -> TensorBatch:
        return TensorBatch(*(torch.from_numpy(column).to(self.device) for column in transitions))

    def _update_targets(self, rows: int) -> None:
        """Update the targets by τ, once per ``target_interval`` trained samples."""
        self._samples += rows
        if self._samples - self._samples_at_target_update >= self.config.target_interval:
            self._samples_at_target_update = self._samples
            for followed in self._with_target().values():
                followed.update_target(self.config.tau)


def open_device(name: str) -> torch.device:
    """Return the torch device called ``name``.

    Raises:
        ConfigurationError: This machine has no such device.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigurationError(f"device: expected cpu or cuda, got {name!r}") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError(
            "device: expected a GPU for cuda, torch finds none here; choose cpu, or install a "
            "torch that is built for this machine's GPU"
        )
    return device


def part_of(state: State, prefix: str) -> State:
    """Return the entries whose names start with ``prefix``, without the prefix."""
    return {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}


def as_float64(values: Tensor) -> FloatArray:
    """Return the values as a float64 numpy array on the CPU."""
    result: FloatArray = values.double().cpu().numpy()
    return result
