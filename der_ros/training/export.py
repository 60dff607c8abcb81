"""From what training holds to a policy file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from der_ros.algorithms.deployed import deployed_policy
from der_ros.errors import ConfigurationError
from der_ros.policy.contract import PolicyContract
from der_ros.policy.export import export_policy
from der_ros.training.checkpoint import latest_checkpoint, load_checkpoint
from der_ros.training.environment import make_environment, policy_contract
from der_ros.training.learning import Learning
from der_ros.training.messages import PolicySnapshot
from der_ros.training.resuming import config_of


def export_snapshot(
    snapshot: PolicySnapshot,
    algorithm: str,
    hidden: tuple[int, ...],
    contract: PolicyContract,
    path: Path,
    training: Mapping[str, str],
) -> float:
    """Writes filter, network, squash and contract to ``path``; returns the distance from torch."""
    observation_size, action_size = len(snapshot.filter.mean), len(contract.action_names)
    policy = deployed_policy(algorithm, snapshot.parameters, observation_size, hidden, action_size)
    return export_policy(
        policy,
        snapshot.filter.mean.astype(np.float64),
        snapshot.filter.std.astype(np.float64),
        snapshot.filter.clip,
        contract,
        path,
        training,
    )


def export_checkpoint(source: Path, path: Path) -> float:
    """Exports the newest policy of a checkpoint, or of a run folder's latest one.

    Returns:
        The largest difference between the file and torch.

    Raises:
        CheckpointError: no usable checkpoint at ``source``.
        ConfigurationError: it was trained on an environment that is none of this package's.
    """
    file = latest_checkpoint(source)
    config = config_of(file)
    environment = make_environment(config)
    try:
        contract = policy_contract(environment)
        shapes = environment.observation_space.shape, environment.action_space.shape
    finally:
        environment.close()
    if contract is None or shapes[0] is None or shapes[1] is None:
        raise ConfigurationError(
            f"export: expected a policy for a task of this package, {file} is of {config.env}"
        )
    learning = Learning(config, shapes[0][0], shapes[1][0])
    learning.load_state(load_checkpoint(file, "loop")["loop"]["learning"])
    facts = {
        "algorithm": config.algorithm,
        "seed": str(config.seed),
        "env_steps": str(learning.env_steps),
        "updates": str(learning.updates),
    }
    return export_snapshot(
        learning.snapshot(), config.algorithm, config.learner.hidden, contract, path, facts
    )
