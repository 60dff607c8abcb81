"""A training that begins with a policy file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from der_ros.algorithms.mlp_policy import MlpPolicy
from der_ros.errors import ConfigurationError
from der_ros.policy.export.reading import convert_policy
from der_ros.policy.runtime import OnnxPolicy
from der_ros.training.config import load_config, make_config
from der_ros.training.learner import Learner
from der_ros.training.rollout.observation_filter import moments
from der_ros.training.run.initial_policy import read_initial_policy
from der_ros.training.run.training_run import TrainingRun

SHIPPED = Path(__file__).resolve().parents[3] / "models" / "lap_joint.onnx"


@pytest.fixture(scope="module")
def shipped():
    return OnnxPolicy.load(SHIPPED)


def inputs_of(policy, mean, std, count=50):
    rng = np.random.default_rng(1)
    return (mean + std * rng.normal(size=(count, policy.contract.input_size))).astype(np.float32)


def test_more_units_act_alike(shipped):
    contract = shipped.contract
    units = tuple(len(bias) + 40 for bias in hidden_of(SHIPPED))
    read = read_initial_policy(SHIPPED, contract, units, seed=2)
    wide = MlpPolicy(contract.input_size, units, 6)
    wide.set_parameters(read.parameters)
    for row in inputs_of(shipped, read.mean, read.std):
        filtered = ((row - read.mean) / read.std).clip(-10.0, 10.0).astype(np.float32)
        assert np.abs(wide(filtered) - shipped(row)).max() < 1e-3


def hidden_of(path):
    from der_ros.policy.export.reading import read_network

    return [bias for _, bias in read_network(path).layers()[:-1]]


def test_copied_units_learn_differently(shipped):
    (first, _) = hidden_of(SHIPPED)
    units = (len(first) + 10, len(first) + 10)
    read = read_initial_policy(SHIPPED, shipped.contract, units, seed=2)
    wide = MlpPolicy(shipped.contract.input_size, units, 6)
    wide.set_parameters(read.parameters)
    incoming, outgoing = wide.layers[0][0], wide.layers[1][0]
    for added in range(len(first), units[0]):
        same = np.flatnonzero((incoming == incoming[added]).all(axis=1))
        assert len(same) == 2
        assert not np.allclose(outgoing[:, same[0]], outgoing[:, same[1]])


@pytest.mark.parametrize("hidden", [(8, 8), (1000, 1000), (200,)])
def test_other_layers_are_refused(shipped, hidden):
    with pytest.raises(ConfigurationError, match="at least as many and at most twice as many"):
        read_initial_policy(SHIPPED, shipped.contract, hidden, seed=2)


@pytest.mark.parametrize("change", [{"task": "peg_in_hole"}, {"history": (1,)}, {"symmetry": 4}])
def test_a_policy_of_something_else_is_refused(shipped, change):
    (name,) = change
    with pytest.raises(ConfigurationError, match=f"lap_joint.onnx: expected {name}"):
        read_initial_policy(SHIPPED, replace(shipped.contract, **change), (200, 200), seed=2)


def test_a_float32_policy_is_refused(shipped, tmp_path):
    path = tmp_path / "single.onnx"
    convert_policy(SHIPPED, path, "float32")
    with pytest.raises(ConfigurationError, match="expected a float64 policy"):
        read_initial_policy(path, shipped.contract, (200, 200), seed=2)


@pytest.mark.parametrize("given", [{"env": "Pendulum-v1"}, {"algorithm": "sac"}])
def test_another_kind_of_run_is_refused(given):
    with pytest.raises(ConfigurationError, match="initial_policy: expected one with ddpg or td3"):
        make_config({"initial_policy": "policy.onnx", **given})


def test_a_run_begins_with_the_policy(shipped, tmp_path):
    settings = {
        "initial_policy": str(SHIPPED),
        "hidden": [len(bias) for bias in hidden_of(SHIPPED)],
        "workers": 0,
        "max_env_steps": 60,
    }
    TrainingRun(load_config("wide", settings), tmp_path / "run").run()
    exported = OnnxPolicy.load(tmp_path / "run" / "policy.onnx")
    read = read_initial_policy(SHIPPED, shipped.contract, tuple(settings["hidden"]), seed=2)
    for row in inputs_of(shipped, read.mean, read.std):
        assert np.abs(exported(row) - shipped(row)).max() < 0.05


def test_the_filter_of_the_policy_changes_slowly():
    learner = Learner(make_config({"hidden": [4]}), 3, 6)
    parameters = learner.algorithm.policy_parameters()
    learner.begin_with(parameters, np.array([5.0, -2.0]), np.array([3.0, 0.5]))
    learner.filter.count_in(moments(np.full((100, 3), 7.0, np.float32)))
    mean, std, _ = learner.filter.statistics()
    assert mean == pytest.approx([5.0, -2.0, 7.0], rel=0.02)
    assert std[:2] == pytest.approx([3.0, 0.5], rel=0.05)
