"""Policy file that a training goes on from, with hidden layers that may be widened.

A file holds no critics. So the first updates of such a run should train the critics alone
(``policy_starts``), or the policy would follow critics that know nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array
from der_ros.policy.contract import PolicyContract
from der_ros.policy.export.reading import read_network
from der_ros.replay.array_types import Float32Array

# Share of a copied unit's output weights that it keeps. The rest is its copy's: with equal shares
# both would learn the same.
_KEPT_SHARE = 0.3


class InitialPolicy(NamedTuple):
    """Network and filter of a policy file, in the sizes of a training run."""

    parameters: Float32Array  # flat, in the order of ``MlpPolicy``
    mean: Array  # (input size,) of the filter
    std: Array  # (input size,)


def read_initial_policy(
    path: Path, contract: PolicyContract, hidden: tuple[int, ...], seed: int
) -> InitialPolicy:
    """Read a policy file and widen its hidden layers to those of a run.

    Args:
        path: Policy file in float64, as training writes it.
        contract: Contract of the run's policy; task and observations must be those of the file.
        hidden: Units of each hidden layer of the run, each at least as many as the file's.
        seed: Seed of the choice of the units that are copied.

    Raises:
        ConfigurationError: The file cannot be read, or is of another task, other observations or
            more units.
        ContractError: The file is no valid policy.
    """
    file = read_network(path)
    for name in ("task", "history", "orientation", "symmetry"):
        expected, got = getattr(contract, name), getattr(file.contract, name)
        if expected != got:
            raise ConfigurationError(
                f"initial_policy {path}: expected {name} {expected}, as this run has, got {got}"
            )
    if file.mean is None or file.std is None:
        raise ConfigurationError(f"initial_policy {path}: expected a policy with a filter")
    layers = file.layers()
    units = tuple(len(bias) for _, bias in layers[:-1])
    if len(units) != len(hidden) or not all(map(_can_grow, units, hidden)):
        raise ConfigurationError(
            f"initial_policy {path}: its hidden layers have {list(units)} units, expected at least "
            f"as many and at most twice as many in this run, got hidden {list(hidden)}"
        )
    wide = _widened(layers, hidden, np.random.default_rng(seed))
    flat = [numbers.ravel() for layer in wide for numbers in layer]
    return InitialPolicy(np.concatenate(flat).astype(np.float32), file.mean, file.std)


def _can_grow(units: int, wanted: int) -> bool:
    return units <= wanted <= 2 * units


def _widened(
    layers: list[tuple[Array, Array]], hidden: tuple[int, ...], rng: np.random.Generator
) -> list[tuple[Array, Array]]:
    """Return layers with more hidden units and the same outputs.

    Added units are copies of others, and the weights of their outputs are divided among the copies
    (Net2WiderNet: Chen et al., "Net2Net: accelerating learning via knowledge transfer", 2016).

    Args:
        layers: Weights (outputs, inputs) and biases (outputs,) of each layer.
        hidden: Units of each hidden layer, at most twice those of ``layers``.
        rng: Random generator that chooses the units to copy.
    """
    wide = list(layers)
    for k, units in enumerate(hidden):
        (weight, bias), (after, after_bias) = wide[k], wide[k + 1]
        copied = rng.permutation(len(bias))[: units - len(bias)]
        share = np.ones(len(bias))
        share[copied] = _KEPT_SHARE
        wide[k] = np.concatenate((weight, weight[copied])), np.concatenate((bias, bias[copied]))
        added = after[:, copied] * (1.0 - _KEPT_SHARE)
        wide[k + 1] = np.concatenate((after * share, added), axis=1), after_bias
    return wide
