"""SAC (Haarnoja et al. 2018) with automatic temperature tuning."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from der_ros.algorithms.actor_critic import ActorCritic
from der_ros.algorithms.base import LearnerConfig, State, Update
from der_ros.algorithms.mlp_policy import LOG_STD_RANGE
from der_ros.algorithms.networks import Adam, TrainedNetworks
from der_ros.algorithms.off_policy import TensorBatch, part_of

_TEMPERATURE = "adam.temperature."


class Sac(ActorCritic[TrainedNetworks]):
    """SAC: two critics and a squashed Gaussian policy, which is deployed as tanh(μ).

        a = tanh(u),  u = μ(s) + σ(s)·ε,  ε ~ N(0, 1)
        log π(a|s) = Σ_j [-ε_j²/2 - log σ_j - log(2π)/2 - log(1 - a_j²)]
        y  = R_n + discount · (min_k Q'_k(s', a') - α log π(a'|s')),  a' ~ π(s')
        L_critics = Σ_k mean_i w_i · huber(y_i - Q_k(s_i, a_i))
        L_policy  = mean_i [α log π(a|s_i) - min_k Q_k(s_i, a)],  a ~ π(s_i)
        L_α       = -log α · mean_i [log π(a|s_i) + H],  H = ``target_entropy``

    An n-step target includes only the entropy of its last step. The policy has no target network.
    """

    def __init__(
        self, config: LearnerConfig, observation_size: int, action_size: int, seed: int
    ) -> None:
        """Initialise the networks from ``seed``."""
        super().__init__(
            config, 2, observation_size, 2 * action_size, action_size, seed, TrainedNetworks
        )
        entropy = config.target_entropy
        self._target_entropy = -float(action_size) if entropy is None else entropy
        self.log_alpha = torch.full((1,), math.log(config.temperature), device=self.device)
        self._alpha_adam = Adam(self.log_alpha, config.learning_rate)

    def target(self, batch: TensorBatch) -> Tensor:
        """Return the TD targets y, shape (rows,)."""
        outputs = self.policy.online(self.policy_input(batch.next_observation))[0]
        sample = SquashedSample.draw(outputs, self._noise(outputs))
        value = self.target_value(batch.next_observation, sample.action)
        value = value - self.log_alpha.exp() * sample.log_probability
        return batch.n_step_return + batch.discount * value

    def learn(self, batch: TensorBatch, weights: Tensor) -> Update:
        """Update the critics, then the policy with the new critics, then the temperature."""
        update = self.differentiate_critics(batch, weights)
        self.critics.step()
        outputs, trace = self.policy.online.forward(self.policy_input(batch.observation))
        sample = SquashedSample.draw(outputs[0], self._noise(outputs[0]))
        value, gradient = self.action_gradient(batch.observation, sample.action, 2)
        alpha = self.log_alpha.exp()
        slope = sample.loss_gradient(alpha, gradient) / len(value)
        coefficient = self.config.policy_loss_coefficient
        self.policy.differentiate(trace, slope.unsqueeze(0), coefficient)
        self.policy.step()
        missing = sample.log_probability.mean() + self._target_entropy
        self._alpha_adam.step(-missing.reshape(1))
        loss = (alpha * sample.log_probability - value).mean()
        self._policy_metrics = {
            "policy_loss": coefficient * loss,
            "entropy": -sample.log_probability.mean(),
            "temperature": alpha,
        }
        return update

    def vectors(self) -> dict[str, Tensor]:
        """Return the flat parameter vectors by name, including log α."""
        return {**super().vectors(), "log_alpha": self.log_alpha}

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of the state, including the temperature's optimiser."""
        own = self._alpha_adam.state()
        return {**super().state(), **{_TEMPERATURE + key: value for key, value in own.items()}}

    def _load_state(self, state: State) -> None:
        super()._load_state(state)
        self._alpha_adam.load_state(part_of(state, _TEMPERATURE))

    def _noise(self, outputs: Tensor) -> Tensor:
        shape = (len(outputs), outputs.shape[1] // 2)
        return torch.randn(shape, generator=self.generator).to(self.device)


class SquashedSample:
    """Actions sampled from a squashed Gaussian, with reparameterised gradients."""

    def __init__(self, noise: Tensor, log_std: Tensor, unclipped: Tensor, action: Tensor) -> None:
        """Store the tensors that ``draw`` computes, each (rows, action)."""
        self._noise, self._log_std, self._unclipped, self.action = noise, log_std, unclipped, action

    @classmethod
    def draw(cls, outputs: Tensor, noise: Tensor) -> SquashedSample:
        """Sample with outputs (μ, unbounded log σ), (rows, 2·action), and noise, (rows, action)."""
        mean, raw = outputs.chunk(2, dim=1)
        log_std = raw.clamp(*LOG_STD_RANGE)
        action = (mean + log_std.exp() * noise).tanh()
        return cls(noise, log_std, (log_std == raw).to(raw.dtype), action)

    @property
    def log_probability(self) -> Tensor:
        """Log-probability log π(a|s), shape (rows,)."""
        gaussian = -0.5 * self._noise.square() - self._log_std - 0.5 * math.log(2.0 * math.pi)
        return (gaussian - self._tanh_derivative().log()).sum(dim=1)

    def loss_gradient(self, alpha: Tensor, action_gradient: Tensor) -> Tensor:
        """Return ∂(α log π - Q)/∂(μ, log σ), (rows, 2·action), given ∂Q/∂a, (rows, action).

        For a fixed ε: ∂ log π/∂u = 2a, ∂a/∂u = 1 - a², ∂u/∂μ = 1 and ∂u/∂log σ = σε. In addition,
        log π contains the term -log σ.
        """
        by_u = 2.0 * alpha * self.action - action_gradient * self._tanh_derivative()
        by_log_std = by_u * self._log_std.exp() * self._noise - alpha
        return torch.cat((by_u, by_log_std * self._unclipped), dim=1)

    def _tanh_derivative(self) -> Tensor:
        """Return 1 - a², kept above zero where tanh rounds to one, (rows, action)."""
        return (1.0 - self.action.square()).clamp_min(1e-6)
