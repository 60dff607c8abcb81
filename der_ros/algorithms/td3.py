"""TD3 (Fujimoto et al. 2018), with LayerNorm critics if so configured."""

from __future__ import annotations

import torch
from torch import Tensor

from der_ros.algorithms.actor_critic import ActorCritic
from der_ros.algorithms.base import LearnerConfig, Update
from der_ros.algorithms.networks import Followed
from der_ros.algorithms.off_policy import TensorBatch


class Td3(ActorCritic[Followed]):
    """Two critics, a delayed policy, and noise on the target's action.

    a' = clip(π'(s') + clip(N(0, target_noise²), ±target_noise_clip), ±1)
    y  = R_n + discount · min(Q'_1(s', a'), Q'_2(s', a'))
    L_critics = Σ_k mean_i w_i · huber(y_i - Q_k(s_i, a_i))       every update
    L_policy  = -mean_i Q_1(s_i, π(s_i))                          every ``policy_delay``-th
    """

    def __init__(
        self, config: LearnerConfig, observation_size: int, action_size: int, seed: int
    ) -> None:
        """Draw the networks from ``seed``."""
        super().__init__(config, 2, observation_size, action_size, action_size, seed, Followed)

    def target(self, batch: TensorBatch) -> Tensor:
        """Return the TD targets y, shape (rows,)."""
        value = self.target_value(
            batch.next_observation, self.target_action(batch.next_observation)
        )
        return batch.n_step_return + batch.discount * value

    def target_action(self, next_observation: Tensor) -> Tensor:
        """Return the smoothed target action a', shape (rows, action)."""
        action = self.policy.target(next_observation)[0].tanh_()
        bound = self.config.target_noise_clip
        noise = torch.randn(action.shape, generator=self.generator).to(self.device)
        return action.add_(noise.mul_(self.config.target_noise).clamp_(-bound, bound)).clamp_(-1, 1)

    def learn(self, batch: TensorBatch, weights: Tensor) -> Update:
        """Update the critics, then every ``policy_delay``-th time the policy by the new critics."""
        update = self.differentiate_critics(batch, weights)
        self.critics.step()
        if self.updates % self.config.policy_delay == 0:
            self.differentiate_policy(batch)
            self.policy.step()
        return update
