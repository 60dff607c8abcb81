"""DDPG and TD3, and the actor-critic base class that SAC shares with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

import torch
from torch import Tensor

from der_ros.algorithms.base import LearnerConfig, Update
from der_ros.algorithms.networks import Mlps, NetworksWithTarget, TrainedNetworks
from der_ros.algorithms.off_policy import OffPolicyAlgorithm, TensorBatch, as_float64, open_device

_LAST_LAYER_BOUND = 3e-3  # policy's last layer: initial actions near zero (Lillicrap et al. 2016)

P = TypeVar("P", bound=TrainedNetworks)


class ActorCritic(OffPolicyAlgorithm, Generic[P]):
    """Policy and critics with their gradients.

    ``P`` is the policy's class: ``NetworksWithTarget``, or ``TrainedNetworks`` without a target.
    """

    def __init__(
        self,
        config: LearnerConfig,
        critics: int,
        observation_size: int,
        policy_outputs: int,
        action_size: int,
        seed: int,
        policy_kind: type[P],
    ) -> None:
        """Initialise the networks from ``seed``.

        Args:
            config: Networks, losses and targets.
            critics: Number of critics K.
            observation_size: Length of an observation, whose privileged numbers come last.
            policy_outputs: Number of outputs of the policy network.
            action_size: Length of an action.
            seed: Seed of the initial parameters and of all random draws during learning.
            policy_kind: Class that holds the policy network, with or without a target.
        """
        device, generator = open_device(config.device), torch.Generator().manual_seed(seed)
        self._policy_inputs = observation_size - config.privileged
        policy = Mlps(1, (self._policy_inputs, *config.hidden, policy_outputs), False, device)
        policy.draw(generator, _LAST_LAYER_BOUND)
        inputs = observation_size + action_size
        q = Mlps(critics, (inputs, *config.hidden, 1), config.layer_norm, device)
        q.draw(generator)
        self.policy, self.critics = policy_kind(policy, config), NetworksWithTarget(q, config)
        super().__init__(config, {"policy": self.policy, "critics": self.critics}, seed + 1)
        self._observation_size = observation_size
        self._policy_metrics: Mapping[str, Tensor] = {}

    def policy_input(self, observation: Tensor) -> Tensor:
        """Return the observations (rows, size) without their privileged numbers, which end them."""
        return observation[:, : self._policy_inputs]

    def estimate(self, batch: TensorBatch) -> Tensor:
        """Return Q_1(s, a), shape (rows,)."""
        return self.critics.online(_joined(batch.observation, batch.action))[0, :, 0]

    def target_value(self, next_observation: Tensor, next_action: Tensor) -> Tensor:
        """Return min_k Q'_k(s', a'), shape (rows,)."""
        return self.critics.target(_joined(next_observation, next_action))[:, :, 0].amin(dim=0)

    def policy_due(self, every: int = 1) -> bool:
        """Return True if this update trains the policy: the first do not, then each n-th does."""
        return self.updates > self.config.policy_starts and self.updates % every == 0

    def differentiate_critics(self, batch: TensorBatch, weights: Tensor) -> Update:
        """Compute the critics' gradient of L = Σ_k mean_i w_i · loss(y_i - Q_k,i)."""
        target = self.target(batch)
        q, trace = self.critics.online.forward(_joined(batch.observation, batch.action))
        td_errors = target - q[:, :, 0]
        slope = self.critic_gradient(td_errors, weights).unsqueeze(2)
        self.critics.differentiate(trace, slope, self.config.critic_loss_coefficient)

        def measure() -> dict[str, float]:
            return {
                "critic_loss": self.critic_loss(td_errors, weights),
                "q_value": q[0].mean().item(),
                "td_error": td_errors[0].abs().mean().item(),
                **{name: value.item() for name, value in self._policy_metrics.items()},
            }

        return Update(as_float64(td_errors[0]), measure)

    def action_gradient(
        self, observation: Tensor, action: Tensor, critics: int
    ) -> tuple[Tensor, Tensor]:
        """Return min_k Q_k(s, a), (rows,), over the first ``critics``, and ∂/∂a, (rows, action)."""
        q, trace = self.critics.online.forward(_joined(observation, action), critics)
        value, lowest = q[:, :, 0].min(dim=0)
        chosen = torch.zeros_like(q).scatter_(0, lowest[None, :, None], 1.0)
        gradient = self.critics.online.backward(trace, chosen, None)
        inputs = self.critics.online.input_gradient(gradient, self._observation_size)
        return value, inputs.sum(dim=0)

    def differentiate_policy(self, batch: TensorBatch) -> None:
        """Compute the policy's gradient of L = -mean_i Q_1(s_i, tanh u(s_i))."""
        u, trace = self.policy.online.forward(self.policy_input(batch.observation))
        action = u[0].tanh()
        value, gradient = self.action_gradient(batch.observation, action, 1)
        through_tanh = gradient * (1.0 - action.square()) / -len(action)
        coefficient = self.config.policy_loss_coefficient
        self.policy.differentiate(trace, through_tanh.unsqueeze(0), coefficient)
        self._policy_metrics = {"policy_loss": -coefficient * value.mean()}


class Ddpg(ActorCritic[NetworksWithTarget]):
    """DDPG: one critic and one policy, both updated at every step by Adam.

        y   = R_n + discount · Q'(s', π'(s'))
        L   = c_critic · mean_i w_i · huber(y_i - Q(s_i, a_i)) - c_policy · mean_i Q(s_i, π(s_i))

    The first term updates only the critic, the second only the policy (appendix of the paper:
    c_policy = 0.1, c_critic = 1, lr = 1e-3). With ``tau = 1`` and ``target_interval = 50000`` the
    targets are hard copies taken every 50,000 trained samples.
    """

    def __init__(
        self, config: LearnerConfig, observation_size: int, action_size: int, seed: int
    ) -> None:
        """Draw the networks from ``seed``."""
        super().__init__(
            config, 1, observation_size, action_size, action_size, seed, NetworksWithTarget
        )

    def target(self, batch: TensorBatch) -> Tensor:
        """Return the TD targets y, shape (rows,)."""
        next_action = self.policy.target(self.policy_input(batch.next_observation))[0].tanh()
        value = self.target_value(batch.next_observation, next_action)
        return batch.n_step_return + batch.discount * value

    def learn(self, batch: TensorBatch, weights: Tensor) -> Update:
        """Update critic and policy; both gradients are taken before either step."""
        update = self.differentiate_critics(batch, weights)
        trains_policy = self.policy_due()
        if trains_policy:
            self.differentiate_policy(batch)
        self.critics.step()
        if trains_policy:
            self.policy.step()
        return update


class Td3(ActorCritic[NetworksWithTarget]):
    """TD3: two critics, delayed policy updates and target policy smoothing.

    a' = clip(π'(s') + clip(N(0, target_noise²), ±target_noise_clip), ±1)
    y  = R_n + discount · min(Q'_1(s', a'), Q'_2(s', a'))
    L_critics = Σ_k mean_i w_i · huber(y_i - Q_k(s_i, a_i))       every update
    L_policy  = -mean_i Q_1(s_i, π(s_i))                          every ``policy_delay``-th update
    """

    def __init__(
        self, config: LearnerConfig, observation_size: int, action_size: int, seed: int
    ) -> None:
        """Draw the networks from ``seed``."""
        super().__init__(
            config, 2, observation_size, action_size, action_size, seed, NetworksWithTarget
        )

    def target(self, batch: TensorBatch) -> Tensor:
        """Return the TD targets y, shape (rows,)."""
        value = self.target_value(
            batch.next_observation, self.target_action(batch.next_observation)
        )
        return batch.n_step_return + batch.discount * value

    def target_action(self, next_observation: Tensor) -> Tensor:
        """Return the smoothed target action a', shape (rows, action)."""
        action = self.policy.target(self.policy_input(next_observation))[0].tanh_()
        bound = self.config.target_noise_clip
        noise = torch.randn(action.shape, generator=self.generator).to(self.device)
        return action.add_(noise.mul_(self.config.target_noise).clamp_(-bound, bound)).clamp_(-1, 1)

    def learn(self, batch: TensorBatch, weights: Tensor) -> Update:
        """Update the critics; every ``policy_delay``-th time, then update the policy with them."""
        update = self.differentiate_critics(batch, weights)
        self.critics.step()
        if self.policy_due(self.config.policy_delay):
            self.differentiate_policy(batch)
            self.policy.step()
        return update


def _joined(observation: Tensor, action: Tensor) -> Tensor:
    return torch.cat((observation, action), dim=1)
