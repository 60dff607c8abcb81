"""DDPG (Lillicrap et al. 2016) as the paper runs it on Ape-X."""

from __future__ import annotations

from torch import Tensor

from der_ros.algorithms.actor_critic import ActorCritic
from der_ros.algorithms.base import LearnerConfig, Update
from der_ros.algorithms.networks import Followed
from der_ros.algorithms.off_policy import TensorBatch


class Ddpg(ActorCritic[Followed]):
    """One critic, one policy, both updated at each step by one Adam optimiser.

        y   = R_n + discount · Q'(s', π'(s'))
        L   = c_critic · mean_i w_i · huber(y_i - Q(s_i, a_i)) - c_policy · mean_i Q(s_i, π(s_i))

    The first term moves only the critic, the second only the policy (appendix of the paper:
    c_policy = 0.1, c_critic = 1, lr = 1e-3). With ``tau = 1`` and ``target_interval = 50000`` the
    targets are hard copies taken every 50,000 trained samples.
    """

    def __init__(
        self, config: LearnerConfig, observation_size: int, action_size: int, seed: int
    ) -> None:
        """Draw the networks from ``seed``."""
        super().__init__(config, 1, observation_size, action_size, action_size, seed, Followed)

    def target(self, batch: TensorBatch) -> Tensor:
        """Return the TD targets y, shape (rows,)."""
        next_action = self.policy.target(batch.next_observation)[0].tanh()
        value = self.target_value(batch.next_observation, next_action)
        return batch.n_step_return + batch.discount * value

    def learn(self, batch: TensorBatch, weights: Tensor) -> Update:
        """Update critic and policy; both gradients are taken before either step."""
        update = self.differentiate_critics(batch, weights)
        self.differentiate_policy(batch)
        self.critics.step()
        self.policy.step()
        return update
