"""DDPG and TD3 in plain torch: the readable version, and the oracle of the fast learners' tests.

The symbols are those of docs/explanation/algorithm.md: s, a; r = R, n-step return; d = discount;
s' = next_observation; w = importance weights; π, Q and their targets π', Q'; δ = y - Q(s, a).
``actor_critic.py`` computes the same results several times faster.
"""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from torch import Tensor, nn

from der_ros.algorithms.base import LearnerConfig


class ReferenceLearner:
    """DDPG (Lillicrap et al. 2016) with one critic, TD3 (Fujimoto et al. 2018) with two.

    Args:
        algorithm: Name of the algorithm, ``ddpg`` or ``td3``.
        config: Networks, losses and targets.
        sizes: Lengths of an observation and of an action.
        generator: Random generator of the target policy's smoothing noise.
    """

    def __init__(
        self,
        algorithm: str,
        config: LearnerConfig,
        sizes: tuple[int, int],
        generator: torch.Generator,
    ) -> None:
        self.is_td3, self.config, self.generator = algorithm == "td3", config, generator
        (observation, action), hidden = sizes, config.hidden
        self.policy_inputs = observation - config.privileged
        self.pi = nn.Sequential(*_layers((self.policy_inputs, *hidden, action), False), nn.Tanh())
        self.q = nn.ModuleList(
            nn.Sequential(*_layers((observation + action, *hidden, 1), config.layer_norm))
            for _ in range(2 if self.is_td3 else 1)
        )
        self.target_pi, self.target_q = copy.deepcopy(self.pi), copy.deepcopy(self.q)
        self.pi_adam = torch.optim.Adam(self.pi.parameters(), config.learning_rate)
        self.q_adam = torch.optim.Adam(self.q.parameters(), config.learning_rate)
        self.updates = self.samples = self.samples_at_target_update = 0

    def update(self, s: Tensor, a: Tensor, r: Tensor, d: Tensor, s2: Tensor, w: Tensor) -> Tensor:
        """Update critics, policy (if due) and targets; return δ of the first critic, (rows,).

        Args:
            s: Observations, (rows, observation); π does not see the last ``privileged`` numbers.
            a: Actions, (rows, action).
            r: N-step returns R, (rows,).
            d: Discounts, (rows,): γ^k, or 0 where the episode terminated.
            s2: Next observations s', (rows, observation).
            w: Importance weights, (rows,) (Schaul et al. 2016, Sec. 3.4).
        """
        self.updates += 1
        # y = R + d · min_k Q'_k(s', a')                             TD3, Sec. 4.2: clipped double Q
        with torch.no_grad():
            a2 = self.smoothed(self.target_pi(s2[:, : self.policy_inputs]))
            y = r + d * torch.stack([value(q, s2, a2) for q in self.target_q]).amin(dim=0)
        # L_Q = c_Q · (Σ_k mean_i w_i · h(y_i - Q_k(s_i, a_i)) + l2/2 · |θ_Q|²)
        deltas = [y - value(q, s, a) for q in self.q]
        l_q = sum(((w * self.h(delta)).mean() for delta in deltas), self.penalty(self.q))
        q_gradients = gradients(self.config.critic_loss_coefficient * l_q, self.q)
        if self.is_td3:  # the policy's gradient uses the updated critics
            step(self.q_adam, self.q, q_gradients)
        # L_π = c_π · (-mean_i Q_1(s_i, π(s_i)) + l2/2 · |θ_π|²)    DDPG, Eq. 6; TD3, Sec. 5.2
        if not self.is_td3 or self.updates % self.config.policy_delay == 0:
            q_pi = value(self.q[0], s, self.pi(s[:, : self.policy_inputs]))
            l_pi = -q_pi.mean() + self.penalty(self.pi)
            pi_gradients = gradients(self.config.policy_loss_coefficient * l_pi, self.pi)
            step(self.pi_adam, self.pi, pi_gradients)
        if not self.is_td3:  # both gradients are taken before either step (Ape-X DDPG)
            step(self.q_adam, self.q, q_gradients)
        self.update_targets(len(r))
        return deltas[0].detach()

    def smoothed(self, action: Tensor) -> Tensor:
        """Return a' = clip(π'(s') + clip(N(0, σ²), ±c), ±1) for TD3 (Sec. 5.3), π'(s') for DDPG."""
        if not self.is_td3:
            return action
        bound = self.config.target_noise_clip
        noise = self.config.target_noise * torch.randn(action.shape, generator=self.generator)
        return (action + noise.clamp(-bound, bound)).clamp(-1.0, 1.0)

    def h(self, delta: Tensor) -> Tensor:
        """Return the Huber loss with bound 1, or δ²/2 without ``huber``; shape of ``delta``."""
        if not self.config.huber:
            return 0.5 * delta.square()
        return nn.functional.huber_loss(delta, torch.zeros_like(delta), reduction="none")

    def penalty(self, networks: nn.Module) -> Tensor:
        """Return the penalty l2/2 · |weights|², without the biases."""
        weights = (p for name, p in networks.named_parameters() if name.endswith("weight"))
        return 0.5 * self.config.l2 * sum((p.square().sum() for p in weights), torch.zeros(()))

    @torch.no_grad()
    def update_targets(self, rows: int) -> None:
        """Set θ' to (1 - τ) · θ' + τ · θ, once per ``target_interval`` trained samples."""
        self.samples += rows
        if self.samples - self.samples_at_target_update < self.config.target_interval:
            return
        self.samples_at_target_update = self.samples
        for online, target in ((self.pi, self.target_pi), (self.q, self.target_q)):
            for theta, slow in zip(online.parameters(), target.parameters(), strict=True):
                slow.lerp_(theta, self.config.tau)


def value(q: nn.Module, s: Tensor, a: Tensor) -> Tensor:
    """Return the critic's Q(s, a), shape (rows,)."""
    result: Tensor = q(torch.cat((s, a), dim=1))[:, 0]
    return result


def gradients(loss: Tensor, networks: nn.Module) -> tuple[Tensor, ...]:
    """Return ∂loss/∂θ for the parameters θ of ``networks`` only."""
    return torch.autograd.grad(loss, list(networks.parameters()))


def step(adam: torch.optim.Adam, networks: nn.Module, gradient: tuple[Tensor, ...]) -> None:
    """Take one Adam step along ``gradient``, one tensor per parameter."""
    for parameter, own in zip(networks.parameters(), gradient, strict=True):
        parameter.grad = own
    adam.step()


def _layers(sizes: tuple[int, ...], layer_norm: bool) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        norm = [nn.LayerNorm(outputs, elementwise_affine=False)] if layer_norm else []
        layers += [nn.Linear(inputs, outputs), *norm, nn.ReLU()]
    return layers[: -2 if layer_norm else -1]  # the last layer is linear
