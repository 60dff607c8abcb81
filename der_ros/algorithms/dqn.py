"""DQN (Mnih et al. 2015): double (van Hasselt et al. 2016) and dueling (Wang et al. 2016)."""

from __future__ import annotations

import torch
from torch import Tensor

from der_ros.algorithms.base import LearnerConfig, Update
from der_ros.algorithms.networks import Mlps, NetworksWithTarget
from der_ros.algorithms.off_policy import OffPolicyAlgorithm, TensorBatch, as_float64, open_device


class Dqn(OffPolicyAlgorithm):
    """DQN for n discrete choices; an action is a one-hot vector, (n,).

        Q(s, a) = V(s) + A(s, a) - mean_j A(s, j)     the network's outputs are V, A_1 … A_n
        a' = argmax_a Q(s', a);   y = R_n + discount · Q'(s', a')     (``double``; else a' by Q')
        L  = mean_i w_i · huber(y_i - Q(s_i, a_i))

    Without ``dueling``, Q = A and the output V is ignored. The greedy choice is argmax_j A_j.
    """

    def __init__(
        self, config: LearnerConfig, observation_size: int, action_size: int, seed: int
    ) -> None:
        """Initialise the network from ``seed``; ``action_size`` is n."""
        device = open_device(config.device)
        network = Mlps(1, (observation_size, *config.hidden, 1 + action_size), False, device)
        network.draw(torch.Generator().manual_seed(seed))
        self.policy = NetworksWithTarget(network, config)
        super().__init__(config, {"policy": self.policy}, seed + 1)

    def values(self, outputs: Tensor) -> Tensor:
        """Return Q, (rows, n), from the network's outputs (V, A_1 … A_n), (rows, 1 + n)."""
        value, advantage = outputs[:, :1], outputs[:, 1:]
        if not self.config.dueling:
            return advantage
        return value + advantage - advantage.mean(dim=1, keepdim=True)

    def target(self, batch: TensorBatch) -> Tensor:
        """Return the TD targets y, shape (rows,)."""
        values = self.values(self.policy.target(batch.next_observation)[0])
        chooser = values
        if self.config.double:
            chooser = self.values(self.policy.online(batch.next_observation)[0])
        best = chooser.argmax(dim=1, keepdim=True)
        return batch.n_step_return + batch.discount * values.gather(1, best)[:, 0]

    def estimate(self, batch: TensorBatch) -> Tensor:
        """Return Q(s, a), shape (rows,)."""
        return (self.values(self.policy.online(batch.observation)[0]) * batch.action).sum(dim=1)

    def learn(self, batch: TensorBatch, weights: Tensor) -> Update:
        """Take one gradient step on the network."""
        outputs, trace = self.policy.online.forward(batch.observation)
        values = self.values(outputs[0])
        td_errors = self.target(batch) - (values * batch.action).sum(dim=1)
        slope = self.critic_gradient(td_errors, weights)[:, None] * batch.action
        self.policy.differentiate(
            trace, self._through_dueling(slope).unsqueeze(0), self.config.critic_loss_coefficient
        )
        self.policy.step()

        def measure() -> dict[str, float]:
            return {
                "critic_loss": self.critic_loss(td_errors, weights),
                "q_value": (values * batch.action).sum(dim=1).mean().item(),
                "td_error": td_errors.abs().mean().item(),
            }

        return Update(as_float64(td_errors), measure)

    def _through_dueling(self, slope: Tensor) -> Tensor:
        """Backpropagate from Q, (rows, n), to the network's outputs, (rows, 1 + n)."""
        if not self.config.dueling:
            return torch.cat((torch.zeros_like(slope[:, :1]), slope), dim=1)
        centred = slope - slope.mean(dim=1, keepdim=True)
        return torch.cat((slope.sum(dim=1, keepdim=True), centred), dim=1)
