"""TD3 (Fujimoto et al. 2018), with LayerNorm critics if so configured."""

from __future__ import annotations

import torch
from torch import Tensor

from der_ros.algorithms.base import LearnerConfig, Update
from der_ros.algorithms.learner import DeterministicLearner
from der_ros.replay.transitions import Float32Array, Transitions


class Td3(DeterministicLearner):
    """Two critics, a delayed policy, and noise on the target's action.

        a' = clip(π'(s') + clip(N(0, target_noise²), ±target_noise_clip), ±1)
        y  = R_n + discount · min(Q'_1(s', a'), Q'_2(s', a'))
        L_critics = Σ_k mean_i w_i · huber(y_i - Q_k(s_i, a_i))       every update
        L_policy  = -mean_i Q_1(s_i, π(s_i))                          every ``policy_delay``-th

    Uses the whole configuration.
    """

    def __init__(
        self, config: LearnerConfig, observation_size: int, action_size: int, seed: int
    ) -> None:
        """Draws the networks from ``seed``."""
        super().__init__(config, 2, observation_size, action_size, seed)
        self._policy_loss = 0.0

    def target_action(self, next_observation: Tensor) -> Tensor:
        """The target policy's action with clipped noise."""
        action: Tensor = self.target_policy(next_observation)
        noise = torch.randn(action.shape, generator=self.generator).to(self.device)
        bound = self.config.target_noise_clip
        return (action + (noise * self.config.target_noise).clamp_(-bound, bound)).clamp_(-1, 1)

    def update(self, transitions: Transitions, weights: Float32Array) -> Update:
        """One step of the critics on filtered ``transitions``, of the policy where it is due."""
        observation, action, target = self.prepare(transitions)
        q = self.critics(observation, action)
        critic_loss = self.critic_loss(q, target, weights)
        self.critic_adam.step(self.critic_parts.gradient(critic_loss))
        self.updates += 1
        if self.updates % self.config.policy_delay == 0:
            policy_loss = self.policy_loss(observation)
            self.policy_adam.step(self.policy_parts.gradient(policy_loss))
            self._policy_loss = policy_loss.item()
        self.update_targets(transitions.size)

        td_errors = (target - q[0].detach()).double().cpu().numpy()
        return Update(
            td_errors,
            {
                "critic_loss": critic_loss.item(),
                "policy_loss": self._policy_loss,
                "q_value": q[0].mean().item(),
                "td_error": float(abs(td_errors).mean()),
            },
        )
