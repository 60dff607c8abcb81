"""Export of the best evaluated, the newest, or an averaged policy of a run or checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.utils import skip_init

from der_ros.algorithms.mlp_policy import make_policy
from der_ros.errors import ConfigurationError
from der_ros.policy.contract import PolicyContract
from der_ros.policy.export import export_policy
from der_ros.replay.array_types import Float32Array
from der_ros.replay.finite_arrays import require_finite
from der_ros.training.checkpoint.file import (
    config_of,
    latest_checkpoint,
    load_checkpoint,
    restoring,
)
from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import PolicySnapshot
from der_ros.training.evaluation.evaluator import Best, best_in
from der_ros.training.rollout.observation_filter import ObservationFilter

_NO_NETWORKS: Float32Array = np.zeros(0, np.float32)


def export_checkpoint(
    source: Path,
    path: Path,
    newest: bool = False,
    precision: str = "float64",
    others: Sequence[Path] = (),
    dither: float = 0.0,
) -> float:
    """Export a policy from a checkpoint, or from the latest checkpoint of a run folder.

    Args:
        source: Checkpoint file or run folder.
        path: The .onnx file.
        newest: True to export the newest policy instead of the best evaluated one, which the run
            itself exports.
        precision: As in ``policy.export.export_policy``.
        others: More checkpoints of the same run. If there are any, the export is the average of
            the newest policies of all of them.
        dither: Share of the policy's dither (``policy.dither``).

    Returns:
        The largest difference between the file and torch.

    Raises:
        CheckpointError: There is no usable checkpoint at ``source`` or in ``others``.
        ConfigurationError: The policy was trained on an environment of another package, or
            ``others`` has a checkpoint of another policy.
    """
    saved = _saved(source, "export")
    if saved.contract is None:
        raise ConfigurationError(
            f"export: expected a policy for a task of this package, {saved.file} is of "
            f"{saved.config.env}"
        )
    snapshot, best = saved.newest, None
    if others:
        snapshot = _average([saved, *(_saved(other, "--average") for other in others)])
    elif not newest:
        with restoring(str(saved.file)):
            best = best_in(saved.evaluations)
    contract = replace(saved.contract, dither=dither)
    return export_training(snapshot, best, saved.config, saved.env_steps, contract, path, precision)


def export_training(
    newest: PolicySnapshot,
    best: Best | None,
    config: TrainingConfig,
    env_steps: int,
    contract: PolicyContract,
    path: Path,
    precision: str = "float64",
) -> float:
    """Write a run's policy to ``path``: filter, network, tanh and contract.

    Args:
        newest: The current policy.
        best: The best evaluated policy; None exports ``newest``.
        config: Configuration of the run.
        env_steps: Environment steps of the run so far.
        contract: The contract of the policy.
        path: The .onnx file.
        precision: As in ``policy.export.export_policy``.

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
    statistics = snapshot.filter
    observed = len(statistics.mean) - config.learner.privileged
    network = torch_policy(
        config.algorithm,
        snapshot.parameters,
        observed,
        config.learner.hidden,
        len(contract.action_names),
    )
    mean, std = (
        numbers[:observed].astype(np.float64) for numbers in (statistics.mean, statistics.std)
    )
    return export_policy(network, mean, std, statistics.clip, contract, path, facts, precision)


def torch_policy(
    algorithm: str,
    parameters: Float32Array,
    observation_size: int,
    hidden: tuple[int, ...],
    action_size: int,
) -> nn.Sequential:
    """Return the noise-free policy, from filtered observations to actions, each (rows, size).

    A network with more outputs than the action has numbers (SAC's log σ) keeps the first ones: the
    deployed action is tanh of the mean.

    Args:
        algorithm: Name of an algorithm with continuous actions.
        parameters: Flat parameter vector, as ``policy_parameters`` returns it.
        observation_size: Length of an observation.
        hidden: Number of units of each hidden layer.
        action_size: Length of an action.
    """
    policy = make_policy(algorithm, observation_size, hidden, action_size)
    policy.set_parameters(parameters)
    *inner, (weight, bias) = policy.layers
    modules: list[nn.Module] = []
    for layer in (*inner, (weight[:action_size], bias[:action_size])):
        modules += [_linear(*layer), nn.ReLU()]
    return nn.Sequential(*modules[:-1], nn.Tanh())


def _contract(metadata: Mapping[str, str] | None, config: TrainingConfig) -> PolicyContract | None:
    """Return a checkpoint's contract; earlier releases stored none, so ask the environment."""
    if metadata is not None:
        return PolicyContract.from_metadata(metadata)
    from der_ros.training.environment.factory import make_environment, policy_contract

    environment = make_environment(config)
    try:
        return policy_contract(environment)
    finally:
        environment.close()


class _Saved(NamedTuple):
    """Policies of a checkpoint, with what identifies its run."""

    file: Path
    config: TrainingConfig
    contract: PolicyContract | None
    newest: PolicySnapshot
    evaluations: Mapping[str, Any]
    env_steps: int


def _saved(source: Path, option: str) -> _Saved:
    """Return the policies of a checkpoint, or of the latest checkpoint of a run folder.

    Args:
        source: Checkpoint file or run folder.
        option: Name of the option that gave ``source``, for the error message.
    """
    file = latest_checkpoint(source, option)
    config = config_of(file)
    content = load_checkpoint(file, "loop/learning", "loop/evaluations", optional=("contract",))
    contract = _contract(content["contract"], config)
    with restoring(str(file)):
        state = content["loop/learning"]
        newest, env_steps = _newest_in(state, config), int(state["env_steps"])
    return _Saved(file, config, contract, newest, content["loop/evaluations"], env_steps)


def _average(checkpoints: Sequence[_Saved]) -> PolicySnapshot:
    """Return the mean of the newest policies and filters of several checkpoints of one run.

    The average of policies that a training passes through is steadier than each of them
    (Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018).

    Raises:
        ConfigurationError: The checkpoints belong to different runs.
    """
    first = checkpoints[0]
    for other in checkpoints[1:]:
        for name, expected, got in (
            ("algorithm", first.config.algorithm, other.config.algorithm),
            ("hidden", first.config.learner.hidden, other.config.learner.hidden),
            ("seed", first.config.seed, other.config.seed),
            ("contract", first.contract, other.contract),
        ):
            if got != expected:
                raise ConfigurationError(
                    f"--average: expected checkpoints of one run, {other.file} has another {name}; "
                    "average what one training wrote"
                )
    snapshots = [checkpoint.newest for checkpoint in checkpoints]

    def mean(arrays: Sequence[Float32Array]) -> Float32Array:
        return np.asarray(np.mean(arrays, axis=0, dtype=np.float64), np.float32)

    statistics = first.newest.filter._replace(
        mean=mean([snapshot.filter.mean for snapshot in snapshots]),
        std=mean([snapshot.filter.std for snapshot in snapshots]),
    )
    parameters = mean([snapshot.parameters for snapshot in snapshots])
    updates = max(snapshot.updates for snapshot in snapshots)
    return PolicySnapshot(parameters, statistics, updates, _NO_NETWORKS)


def _newest_in(state: Mapping[str, Any], config: TrainingConfig) -> PolicySnapshot:
    """Return the candidate policy and the filter in the state of a ``Learner``."""
    own = ObservationFilter(
        len(state["filter"]["mean"]), config.filter_clip, config.filter_std_floor
    )
    own.load_state(state["filter"])
    average = state.get("average")
    parameters = state["learner"]["policy"] if average is None else np.float32(average)
    require_finite("networks: policy", parameters)
    return PolicySnapshot(parameters, own.statistics(), int(state["updates"]), _NO_NETWORKS)


def _linear(weight: Float32Array, bias: Float32Array) -> nn.Linear:
    # skip_init: torch would draw initial values from its global generator.
    layer: nn.Linear = skip_init(nn.Linear, *weight.shape[::-1])  # type: ignore[no-untyped-call]
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight.copy()))
        layer.bias.copy_(torch.from_numpy(bias.copy()))
    return layer
