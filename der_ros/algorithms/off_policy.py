"""What all learners share: batches, targets, counters and checkpoints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from der_ros.algorithms.base import LearnerConfig, State, Update
from der_ros.algorithms.networks import Followed, Trained
from der_ros.errors import CheckpointError, ConfigurationError
from der_ros.replay.sum_tree import FloatArray
from der_ros.replay.transitions import Float32Array, Transitions


class TensorBatch(NamedTuple):
    """``Transitions`` on the learner's device."""

    observation: Tensor  # (rows, observation size)
    action: Tensor  # (rows, action size)
    n_step_return: Tensor  # (rows,)
    discount: Tensor  # (rows,)
    next_observation: Tensor  # (rows, observation size)


class OffPolicyAlgorithm(ABC):
    """A learner: subclasses say what the target is, what is estimated, and how to learn."""

    def __init__(self, config: LearnerConfig, networks: Mapping[str, Trained], seed: int) -> None:
        """Keeps the networks by name; ``seed`` is of the draws while learning."""
        self.config = config
        self.device = open_device(config.device)
        self.generator = torch.Generator().manual_seed(seed)
        self.updates = 0
        self._networks = networks
        self._samples_at_target_update = 0
        self._samples = 0

    @abstractmethod
    def target(self, batch: TensorBatch) -> Tensor:
        """Y (rows,): what the estimate ought to be."""

    @abstractmethod
    def estimate(self, batch: TensorBatch) -> Tensor:
        """Q(s, a) (rows,) as it is."""

    @abstractmethod
    def learn(self, batch: TensorBatch, weights: Tensor) -> Update:
        """One gradient step of everything that is due."""

    @torch.inference_mode()
    def update(self, transitions: Transitions, weights: Float32Array) -> Update:
        """One step on filtered ``transitions`` with importance ``weights`` (rows,)."""
        self.updates += 1
        update = self.learn(self._batch(transitions), torch.from_numpy(weights).to(self.device))
        self._move_targets(transitions.size)
        return update

    @torch.inference_mode()
    def td_errors(self, transitions: Transitions) -> FloatArray:
        """(rows,) target minus estimate, without learning."""
        batch = self._batch(transitions)
        return as_float64(self.target(batch) - self.estimate(batch))

    def critic_slope(self, td_errors: Tensor, weights: Tensor) -> Tensor:
        """The gradient of mean_i w_i · loss(δ_i) with respect to Q, δ = y - Q (…, rows).

        loss is Huber's with bound 1, or δ²/2: its slope is δ, cut off at the bound.
        """
        slope = td_errors.clamp(-1.0, 1.0) if self.config.huber else td_errors
        return slope * (weights / -weights.numel())

    def critic_loss(self, td_errors: Tensor, weights: Tensor) -> float:
        """Coefficient · Σ_k mean_i w_i · loss(δ_k,i): only looked at, ``critic_slope`` is used."""
        size = td_errors.abs()
        each = 0.5 * size.square()
        if self.config.huber:
            each = torch.where(size < 1.0, each, size - 0.5)
        loss = self.config.critic_loss_coefficient * (each * weights).sum() / weights.numel()
        return loss.item()

    def policy_parameters(self) -> Float32Array:
        """The network that acts as one flat vector; a copy."""
        parameters: Float32Array = self._networks["policy"].online.flat.cpu().numpy().copy()
        return parameters

    def networks(self) -> Float32Array:
        """All that ``td_errors`` depends on as one flat vector; a copy."""
        return np.concatenate([vector.cpu().numpy() for vector in self.vectors().values()])

    @torch.no_grad()
    def load_networks(self, networks: Float32Array) -> None:
        """Takes over what another learner's ``networks`` gave."""
        vectors = list(self.vectors().values())
        ends = np.cumsum([vector.numel() for vector in vectors])
        for vector, values in zip(vectors, np.split(networks, ends[:-1]), strict=True):
            vector.copy_(_tensor(values, vector.shape))

    def vectors(self) -> dict[str, Tensor]:
        """Parameters of networks and targets by name."""
        online = {name: trained.online.flat for name, trained in self._networks.items()}
        targets = {f"target_{name}": each.target.flat for name, each in self._followed().items()}
        return online | targets

    def _followed(self) -> dict[str, Followed]:
        networks = self._networks.items()
        return {name: each for name, each in networks if isinstance(each, Followed)}

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Everything that the next update depends on."""
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
        """Takes over what ``state`` gave.

        Raises:
            CheckpointError: it belongs to other networks.
        """
        try:
            self._load_state(state)
        except (KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                "checkpoint: expected networks of the same sizes and algorithm; resume with the "
                f"configuration that the run was started with ({error})"
            ) from error

    def _load_state(self, state: State) -> None:
        for name, vector in self.vectors().items():
            vector.copy_(_tensor(state[name], vector.shape))
        for name, trained in self._networks.items():
            trained.load_optimiser_state(part_of(state, f"adam.{name}."))
        self.updates, self._samples, self._samples_at_target_update = (
            int(value) for value in state["counters"]
        )
        self.generator.set_state(torch.from_numpy(np.array(state["generator"])))

    def _batch(self, transitions: Transitions) -> TensorBatch:
        return TensorBatch(*(torch.from_numpy(column).to(self.device) for column in transitions))

    def _move_targets(self, rows: int) -> None:
        """Moves the targets by τ whenever ``target_interval`` more samples have been trained on."""
        self._samples += rows
        if self._samples - self._samples_at_target_update >= self.config.target_interval:
            self._samples_at_target_update = self._samples
            for followed in self._followed().values():
                followed.move_target(self.config.tau)


def open_device(name: str) -> torch.device:
    """The torch device called ``name``.

    Raises:
        ConfigurationError: there is none on this machine.
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
    """The entries whose names start with ``prefix``, without it."""
    return {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}


def as_float64(values: Tensor) -> FloatArray:
    """On the CPU, as numpy, for priorities."""
    result: FloatArray = values.double().cpu().numpy()
    return result


def _tensor(values: NDArray[np.generic], shape: torch.Size) -> Tensor:
    tensor = torch.from_numpy(np.array(values))
    if tensor.shape != shape:
        raise ValueError(f"expected {tuple(shape)} numbers, got {tuple(tensor.shape)}")
    return tensor
