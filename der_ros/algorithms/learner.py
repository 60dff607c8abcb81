"""What DDPG and TD3 share: their networks, targets, optimiser and bookkeeping."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from der_ros.algorithms.adam import Adam
from der_ros.algorithms.base import LearnerConfig, State
from der_ros.algorithms.networks import Critics, FlatParameters, Policy
from der_ros.errors import CheckpointError
from der_ros.replay.sum_tree import FloatArray
from der_ros.replay.transitions import Float32Array, Transitions


class DeterministicLearner:
    """A deterministic policy, K critics, and a slow copy (target) of each."""

    def __init__(
        self,
        config: LearnerConfig,
        critics: int,
        observation_size: int,
        action_size: int,
        seed: int,
    ) -> None:
        """Draws the networks from ``seed``; targets start equal."""
        self.config = config
        self.device = torch.device(config.device)
        self.generator = torch.Generator().manual_seed(seed)
        self.policy = Policy(observation_size, config.hidden, action_size, self.generator)
        self.critics = Critics(
            critics,
            observation_size + action_size,
            config.hidden,
            config.layer_norm,
            self.generator,
        )
        self.policy.to(self.device)
        self.critics.to(self.device)
        self.target_policy = copy.deepcopy(self.policy)
        self.target_critics = copy.deepcopy(self.critics)
        self.policy_parts = FlatParameters(self.policy)
        self.critic_parts = FlatParameters(self.critics)
        self.target_policy_parts = FlatParameters(self.target_policy)
        self.target_critic_parts = FlatParameters(self.target_critics)
        # One optimiser in the paper's sense: one kind, one learning rate, no shared state.
        self.policy_adam = Adam(self.policy_parts.flat, config.learning_rate)
        self.critic_adam = Adam(self.critic_parts.flat, config.learning_rate)
        self.updates = 0
        self._samples_at_target_update = 0
        self._samples = 0

    def target_action(self, next_observation: Tensor) -> Tensor:
        """The action whose value the target takes."""
        action: Tensor = self.target_policy(next_observation)
        return action

    @torch.no_grad()
    def td_errors(self, transitions: Transitions) -> FloatArray:
        """(rows,) target minus the first critic's estimate, without learning."""
        observation, action, target = self.prepare(transitions)
        difference = target - self.critics(observation, action)[0]
        result: FloatArray = difference.double().cpu().numpy()
        return result

    @torch.no_grad()
    def prepare(self, transitions: Transitions) -> tuple[Tensor, Tensor, Tensor]:
        """Observation, action and bootstrapped target y of each row.

        y = n_step_return + discount · min_k Q'_k(s', a'), with a' from ``target_action``.
        """
        observation, action, n_step_return, discount, next_observation = (
            torch.from_numpy(column).to(self.device) for column in transitions
        )
        next_action = self.target_action(next_observation)
        value = self.target_critics(next_observation, next_action).amin(dim=0)
        return observation, action, n_step_return + discount * value

    def critic_loss(self, q: Tensor, target: Tensor, weights: Float32Array) -> Tensor:
        """Σ_k mean_i w_i · loss(y_i - Q_k,i) + 0.5·l2·|weights|²; q is (K, rows)."""
        goal = target.expand_as(q)
        each = (
            functional.huber_loss(q, goal, reduction="none")
            if self.config.huber
            else 0.5 * (q - goal).square()
        )
        loss = (each * torch.from_numpy(weights).to(self.device)).sum() / q.shape[1]
        if self.config.l2:
            loss = loss + self.config.l2 * self.critics.weight_penalty()
        scaled: Tensor = loss * self.config.critic_loss_coefficient
        return scaled

    def policy_loss(self, observation: Tensor) -> Tensor:
        """-mean_i Q_1(s_i, π(s_i)) + 0.5·l2·|weights|²."""
        loss = -self.critics(observation, self.policy(observation), 1).mean()
        if self.config.l2:
            loss = loss + self.config.l2 * self.policy.weight_penalty()
        scaled: Tensor = loss * self.config.policy_loss_coefficient
        return scaled

    def update_targets(self, rows: int) -> None:
        """Moves the targets by τ whenever ``target_interval`` more samples have been trained on."""
        self._samples += rows
        if self._samples - self._samples_at_target_update >= self.config.target_interval:
            self._samples_at_target_update = self._samples
            self.target_policy_parts.move_towards(self.policy_parts, self.config.tau)
            self.target_critic_parts.move_towards(self.critic_parts, self.config.tau)

    def policy_parameters(self) -> Float32Array:
        """The policy as one flat vector; a copy."""
        parameters: Float32Array = self.policy_parts.flat.cpu().numpy().copy()
        return parameters

    def networks(self) -> Float32Array:
        """Policy, critics and their targets as one flat vector; a copy."""
        return np.concatenate([part.flat.cpu().numpy() for _, part in self._parts()])

    @torch.no_grad()
    def load_networks(self, networks: Float32Array) -> None:
        """Takes over what another learner's ``networks`` gave."""
        ends = np.cumsum([part.flat.numel() for _, part in self._parts()])
        split = np.split(networks, ends[:-1])
        for (_, part), values in zip(self._parts(), split, strict=True):
            part.flat.copy_(_tensor(values, part.flat.shape))

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Everything that the next update depends on."""
        result = {name: part.flat.cpu().numpy().copy() for name, part in self._parts()}
        for name, adam in self._adams():
            result |= {f"adam.{name}.{key}": value for key, value in adam.state().items()}
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
            for name, part in self._parts():
                part.flat.copy_(_tensor(state[name], part.flat.shape))
            for name, adam in self._adams():
                prefix = f"adam.{name}."
                own = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
                adam.load_state(own)
            self.updates, self._samples, self._samples_at_target_update = (
                int(value) for value in state["counters"]
            )
            self.generator.set_state(torch.from_numpy(np.array(state["generator"])))
        except (KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                "checkpoint: expected networks of the same sizes and algorithm; resume with the "
                f"configuration that the run was started with ({error})"
            ) from error

    def _adams(self) -> tuple[tuple[str, Adam], ...]:
        return ("policy", self.policy_adam), ("critics", self.critic_adam)

    def _parts(self) -> tuple[tuple[str, FlatParameters], ...]:
        return (
            ("policy", self.policy_parts),
            ("critics", self.critic_parts),
            ("target_policy", self.target_policy_parts),
            ("target_critics", self.target_critic_parts),
        )


def _tensor(values: NDArray[np.generic], shape: torch.Size) -> Tensor:
    tensor = torch.from_numpy(np.array(values))
    if tensor.shape != shape:
        raise ValueError(f"expected {tuple(shape)} numbers, got {tuple(tensor.shape)}")
    return tensor
