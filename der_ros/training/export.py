"""From what training holds to a policy file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from der_ros.algorithms.deployed import deployed_policy
from der_ros.errors import ConfigurationError
from der_ros.policy.contract import PolicyContract
from der_ros.policy.export import export_policy
from der_ros.training.checkpoint.file import load_checkpoint
from der_ros.training.checkpoint.folder import latest_checkpoint
from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import PolicySnapshot
from der_ros.training.environment.factory import make_environment, policy_contract
from der_ros.training.evaluation.evaluator import Best, Evaluator
from der_ros.training.learner import Learner
from der_ros.training.run.resuming import config_of


def export_snapshot(
    snapshot: PolicySnapshot,
    algorithm: str,
    hidden: tuple[int, ...],
    contract: PolicyContract,
    path: Path,
    training: Mapping[str, str],
    precision: str = "float64",
) -> float:
    """Write filter, network, squash and contract to ``path``; return the distance from torch."""
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
        precision,
    )


def export_training(
    newest: PolicySnapshot,
    best: Best | None,
    config: TrainingConfig,
    env_steps: int,
    contract: PolicyContract,
    path: Path,
    precision: str = "float64",
) -> float:
    """Write the best evaluated policy of a run; the newest where none has been evaluated.

    Args:
        newest: the policy as it stands.
        best: the best evaluated one; None: there is none, or it is not wanted.
        config: of the run.
        env_steps: that the run has taken.
        contract: of the policy.
        path: the .onnx file.
        precision: as in ``policy.export.export_policy``.

    Returns:
        The largest difference between the file and torch.
    """
    snapshot = newest if best is None else best.snapshot
    facts = {
        "algorithm": config.algorithm,
        "seed": str(config.seed),
        "env_steps": str(env_steps),
        "updates": str(snapshot.updates),
    }
    if best is not None:
        facts["evaluation_success_rate"] = str(best.report.success_rate)
        facts["evaluation_episodes"] = str(best.report.episodes)
    hidden = config.learner.hidden
    return export_snapshot(snapshot, config.algorithm, hidden, contract, path, facts, precision)


def export_checkpoint(
    source: Path, path: Path, newest: bool = False, precision: str = "float64"
) -> float:
    """Export a policy of a checkpoint, or of a run folder's latest one.

    Args:
        source: checkpoint or run folder.
        path: the .onnx file.
        newest: the policy as it was then, in place of the best evaluated one, which is what the
            run itself exports.
        precision: as in ``policy.export.export_policy``.

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
    loop = load_checkpoint(file, "loop")["loop"]
    learner, evaluator = Learner(config, shapes[0][0], shapes[1][0]), Evaluator(config)
    learner.load_state(loop["learning"])
    evaluator.load_state(loop["evaluations"])
    best = None if newest else evaluator.best
    steps = learner.env_steps
    return export_training(learner.snapshot(), best, config, steps, contract, path, precision)
