"""Policies for rollout workers in numpy, without torch; one observation per call.

Continuous actions are vectors in [-1, 1], discrete actions are one-hot vectors.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.replay.array_types import Float32Array

LOG_STD_RANGE = (-5.0, 2.0)  # bounds of log σ of SAC's Gaussian, before tanh


class MlpPolicy:
    """Multilayer perceptron with ReLU units and tanh output.

    It is several times faster than torch for a single observation. If an observation is longer than
    the network's input, only its first numbers are used: privileged numbers come last.

    The flat parameter vector holds, layer by layer, the weights (outputs, inputs) row by row and
    then the biases (outputs,): the order of ``torch.nn.Linear``'s parameters.
    """

    def __init__(self, observation_size: int, hidden: tuple[int, ...], action_size: int) -> None:
        """Make a policy with all parameters zero."""
        self.action_size = action_size
        sizes = (observation_size, *hidden, self.output_size(action_size))
        self._shapes = tuple((out, into) for into, out in pairwise(sizes))
        self.size = sum(out * into + out for out, into in self._shapes)
        self.layers: list[tuple[Float32Array, Float32Array]] = []
        self.set_parameters(np.zeros(self.size, np.float32))

    def set_parameters(self, parameters: Float32Array) -> None:
        """Set all parameters from a flat vector, (size,).

        Raises:
            ConfigurationError: ``parameters`` has another length.
        """
        if parameters.shape != (self.size,):
            raise ConfigurationError(
                f"policy parameters: expected {self.size} numbers, got {parameters.shape}"
            )
        self.layers, start = [], 0
        for out, into in self._shapes:
            middle, end = start + out * into, start + out * into + out
            weight = parameters[start:middle].reshape(out, into).astype(np.float32, order="C")
            self.layers.append((weight, parameters[middle:end].astype(np.float32)))
            start = end

    def __call__(self, observation: Float32Array) -> Float32Array:
        """Return the noise-free action, (action size,), for a filtered observation."""
        action: Float32Array = np.tanh(self.outputs(observation))
        return action

    def sample(self, observation: Float32Array, rng: np.random.Generator) -> Float32Array:
        """Sample an action, (action size,); this deterministic policy returns its only one."""
        return self(observation)

    def random(self, rng: np.random.Generator) -> Float32Array:
        """Return an action, (action size,), drawn uniformly from the action space."""
        return rng.uniform(-1.0, 1.0, self.action_size).astype(np.float32)

    @staticmethod
    def output_size(action_size: int) -> int:
        """Return the number of the network's outputs."""
        return action_size

    def outputs(self, observation: Float32Array) -> Float32Array:
        """Return the network's outputs before the squash, (outputs,)."""
        x = observation[: self._shapes[0][1]]
        for weight, bias in self.layers[:-1]:
            x = weight @ x
            x += bias
            np.maximum(x, 0.0, out=x)
        weight, bias = self.layers[-1]
        result: Float32Array = weight @ x + bias
        return result


class SquashedGaussianPolicy(MlpPolicy):
    """SAC's policy: a = tanh(μ + σ·ε). The network outputs μ, then log σ."""

    def __call__(self, observation: Float32Array) -> Float32Array:
        """Return the noise-free action tanh(μ), (action size,)."""
        action: Float32Array = np.tanh(self.outputs(observation)[: self.action_size])
        return action

    def sample(self, observation: Float32Array, rng: np.random.Generator) -> Float32Array:
        """Sample an action tanh(μ + σ·ε), ε ~ N(0, 1), (action size,)."""
        mean, log_std = np.split(self.outputs(observation), 2)
        noise = rng.standard_normal(self.action_size).astype(np.float32)
        action: Float32Array = np.tanh(mean + np.exp(np.clip(log_std, *LOG_STD_RANGE)) * noise)
        return action

    @staticmethod
    def output_size(action_size: int) -> int:
        """Return the number of outputs: μ and log σ for each component of the action."""
        return 2 * action_size


class ChoicePolicy(MlpPolicy):
    """DQN's greedy policy, one-hot. The network outputs V, then the advantages A_1 … A_n."""

    def __call__(self, observation: Float32Array) -> Float32Array:
        """Return the choice with the largest advantage, one-hot, (n,)."""
        return self._one_hot(int(self.outputs(observation)[1:].argmax()))

    def random(self, rng: np.random.Generator) -> Float32Array:
        """Return a uniformly drawn choice, one-hot, (n,)."""
        return self._one_hot(int(rng.integers(self.action_size)))

    @staticmethod
    def output_size(action_size: int) -> int:
        """Return the number of outputs: V and one advantage per choice."""
        return 1 + action_size

    def _one_hot(self, choice: int) -> Float32Array:
        action = np.zeros(self.action_size, np.float32)
        action[choice] = 1.0
        return action


_POLICIES: dict[str, type[MlpPolicy]] = {"sac": SquashedGaussianPolicy, "dqn": ChoicePolicy}


def make_policy(
    algorithm: str, observation_size: int, hidden: tuple[int, ...], action_size: int
) -> MlpPolicy:
    """Make the policy that ``algorithm`` trains, with all parameters zero."""
    return _POLICIES.get(algorithm, MlpPolicy)(observation_size, hidden, action_size)
