"""DDPG (Lillicrap et al. 2016) as the paper runs it on Ape-X."""

from __future__ import annotations

from der_ros.algorithms.base import LearnerConfig, Update
from der_ros.algorithms.learner import DeterministicLearner
from der_ros.replay.transitions import Float32Array, Transitions


class Ddpg(DeterministicLearner):
    """One critic, one policy, both updated at each step by one Adam optimiser.

        y   = R_n + discount · Q'(s', π'(s'))
        L   = c_critic · mean_i w_i · huber(y_i - Q(s_i, a_i)) - c_policy · mean_i Q(s_i, π(s_i))

    The first term moves only the critic, the second only the policy (appendix of the paper:
    c_policy = 0.1, c_critic = 1, lr = 1e-3). With ``tau = 1`` and ``target_interval = 50000`` the
    targets are hard copies taken every 50,000 trained samples.

    Uses of the configuration everything but policy_delay and target_noise.
    """

    def __init__(
        self, config: LearnerConfig, observation_size: int, action_size: int, seed: int
    ) -> None:
        """Draws the networks from ``seed``."""
        super().__init__(config, 1, observation_size, action_size, seed)

    def update(self, transitions: Transitions, weights: Float32Array) -> Update:
        """One step of policy and critic on filtered ``transitions`` with importance ``weights``."""
        observation, action, target = self.prepare(transitions)
        q = self.critics(observation, action)
        critic_loss = self.critic_loss(q, target, weights)
        policy_loss = self.policy_loss(observation)
        critic_gradient = self.critic_parts.gradient(critic_loss)
        policy_gradient = self.policy_parts.gradient(policy_loss)
        self.critic_adam.step(critic_gradient)
        self.policy_adam.step(policy_gradient)
        self.updates += 1
        self.update_targets(transitions.size)

        td_errors = (target - q[0].detach()).double().cpu().numpy()
        return Update(
            td_errors,
            {
                "critic_loss": critic_loss.item(),
                "policy_loss": policy_loss.item(),
                "q_value": q[0].mean().item(),
                "td_error": float(abs(td_errors).mean()),
            },
        )
