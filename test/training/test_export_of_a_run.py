import copy
import dataclasses

import numpy as np
import pytest
import torch

from der_ros.algorithms.base import LearnerConfig, make_algorithm
from der_ros.algorithms.mlp_policy import make_policy
from der_ros.errors import CheckpointError, ConfigurationError
from der_ros.policy.runtime import OnnxPolicy
from der_ros.training.checkpoint.file import save_checkpoint
from der_ros.training.config import make_config
from der_ros.training.environment import factory
from der_ros.training.evaluation.episodes import EvaluationReport
from der_ros.training.evaluation.evaluator import Evaluator
from der_ros.training.export import export_checkpoint, torch_policy
from der_ros.training.learner import Learner

CONFIG = make_config({"hidden": [8, 8], "seed": 4})


@pytest.fixture
def content():
    return parts_of(CONFIG)


def parts_of(config):
    """Return the parts of a checkpoint that export needs, without the replay."""
    environment = factory.make_environment(config)
    contract = factory.policy_contract(environment)
    size = environment.observation_space.shape[0]
    environment.close()
    return {
        "config": dataclasses.asdict(config),
        "contract": contract.to_metadata(),
        "loop": {
            "learning": Learner(config, size, 6).state(),
            "evaluations": Evaluator(config).state(),
        },
    }


def exported(content, tmp_path, name, **options):
    checkpoint, path = tmp_path / "step_0000000001.ckpt", tmp_path / name
    save_checkpoint(checkpoint, content)
    assert export_checkpoint(checkpoint, path, **options) <= 1e-5
    return path.read_bytes()


def test_export_makes_no_environment_and_no_learner(content, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(factory, "make_environment", made.append)
    monkeypatch.setattr(Learner, "__init__", made.append)
    exported(content, tmp_path, "policy.onnx")
    assert made == []
    assert OnnxPolicy.load(tmp_path / "policy.onnx").contract.task == "lap_joint"


def test_without_contract_a_checkpoint_exports_alike(content, tmp_path):
    new = exported(content, tmp_path, "new.onnx")
    del content["contract"]
    assert exported(content, tmp_path, "old.onnx") == new


def test_the_best_policy_is_exported_by_default(content, tmp_path):
    only = exported(content, tmp_path, "only.onnx")
    snapshot = Learner(make_config({"hidden": [8, 8], "seed": 5}), 13, 6).snapshot()
    report = EvaluationReport((True,), (1.0,), (3,), (2.0,))
    content["loop"]["evaluations"] |= {
        "best_snapshot": {**snapshot._asdict(), "filter": snapshot.filter._asdict()},
        "best_report": report._asdict(),
    }
    assert exported(content, tmp_path, "best.onnx") != only
    assert exported(content, tmp_path, "newest.onnx", newest=True) == only


def test_a_saved_average_is_exported_as_the_newest(content, tmp_path):
    newest = exported(content, tmp_path, "newest.onnx", newest=True)
    learning = content["loop"]["learning"]
    learning["average"] = learning["learner"]["policy"].astype(np.float64)
    assert exported(content, tmp_path, "same.onnx", newest=True) == newest
    learning["average"] += 0.25
    moved = exported(content, tmp_path, "moved.onnx", newest=True)
    learning["learner"]["policy"] = np.float32(learning["average"])
    learning["average"] = None
    assert exported(content, tmp_path, "expected.onnx", newest=True) == moved != newest


def saved(content, path, shift=0.0):
    """Save a checkpoint whose policy and filter are shifted by a number; return its path."""
    other = copy.deepcopy(content)
    other["loop"]["learning"]["learner"]["policy"] += np.float32(shift)
    save_checkpoint(path, other)
    return path


def exported_to(checkpoint, folder):
    export_checkpoint(checkpoint, folder / "alone.onnx")
    return folder / "alone.onnx"


def test_an_average_is_the_mean_of_the_networks(content, tmp_path):
    first = saved(content, tmp_path / "step_0000000001.ckpt", 0.25)
    others = [saved(content, tmp_path / f"step_000000000{n}.ckpt", 0.5 * n) for n in (2, 3)]
    average, expected = tmp_path / "average.onnx", tmp_path / "expected.onnx"
    export_checkpoint(first, average, others=others)
    export_checkpoint(saved(content, tmp_path / "step_0000000004.ckpt", 2.75 / 3), expected)
    observation = np.linspace(-1.0, 1.0, 13, dtype=np.float32)
    actions = [OnnxPolicy.load(path)(observation) for path in (average, expected)]
    np.testing.assert_allclose(*actions, atol=1e-6)
    assert np.any(actions[0] != OnnxPolicy.load(exported_to(first, tmp_path))(observation))


@pytest.mark.parametrize("changed", [{"seed": 5}, {"hidden": [8]}, {"task": "peg_in_hole"}])
def test_an_average_is_of_one_run(content, changed, tmp_path):
    first = saved(content, tmp_path / "step_0000000001.ckpt")
    config = make_config({"hidden": [8, 8], "seed": 4} | changed)
    other = saved(parts_of(config), tmp_path / "step_0000000002.ckpt")
    with pytest.raises(ConfigurationError, match=r"checkpoints of one run, .*0002\.ckpt has"):
        export_checkpoint(first, tmp_path / "average.onnx", others=[other])
    assert not (tmp_path / "average.onnx").exists()


def test_privileged_numbers_are_not_exported(tmp_path):
    content = parts_of(make_config({"hidden": [8, 8], "seed": 4, "privileged": 23}))
    statistics = content["loop"]["learning"]["filter"]
    statistics["count"] = np.array(2)
    statistics["mean"] += np.arange(36)
    exported(content, tmp_path, "policy.onnx")
    policy = OnnxPolicy.load(tmp_path / "policy.onnx")
    network = make_policy("td3", 13, (8, 8), 6)
    network.set_parameters(content["loop"]["learning"]["learner"]["policy"])
    # The filter has no statistics, so it divides by its floor and clips.
    seen = np.arange(13, dtype=np.float32) + np.float32(0.004)
    assert policy.for_attempt()(seen) == pytest.approx(network(np.full(36, 4.0)), abs=1e-5)


def test_another_environments_checkpoint_is_refused(content, tmp_path):
    content["contract"] = None
    content["config"]["env"] = "Pendulum-v1"
    with pytest.raises(ConfigurationError, match="task of this package"):
        exported(content, tmp_path, "policy.onnx")


def test_a_checkpoint_without_filter_is_refused(content, tmp_path):
    del content["loop"]["learning"]["filter"]
    with pytest.raises(CheckpointError, match="filter"):
        exported(content, tmp_path, "policy.onnx")


def test_a_policy_that_is_not_finite_is_not_exported(content, tmp_path):
    content["loop"]["learning"]["learner"]["policy"][0] = np.nan
    with pytest.raises(CheckpointError, match=r"step_0.*policy: expected finite"):
        exported(content, tmp_path, "policy.onnx")


def test_a_best_policy_that_is_not_finite_is_refused(content, tmp_path):
    snapshot = Learner(CONFIG, 13, 6).snapshot()
    std = np.zeros(13, np.float32)
    content["loop"]["evaluations"] |= {
        "best_snapshot": {
            **snapshot._asdict(),
            "filter": {**snapshot.filter._asdict(), "std": std},
        },
        "best_report": EvaluationReport((True,), (1.0,), (3,), (2.0,))._asdict(),
    }
    with pytest.raises(CheckpointError, match="standard deviation of a policy"):
        exported(content, tmp_path, "policy.onnx")


@pytest.mark.parametrize("algorithm", ["ddpg", "td3", "sac"])
def test_torch_acts_as_the_workers_policy(algorithm):
    learner = make_algorithm(algorithm, LearnerConfig(hidden=(32, 16)), 13, 6, 1)
    learner.policy.online.flat.mul_(3.0)  # far from zero
    policy = make_policy(algorithm, 13, (32, 16), 6)
    policy.set_parameters(learner.policy_parameters())
    observations = np.random.default_rng(0).standard_normal((20, 13)).astype(np.float32)
    module = torch_policy(algorithm, learner.policy_parameters(), 13, (32, 16), 6)
    with torch.no_grad():
        expected = module(torch.from_numpy(observations)).numpy()
    assert expected.shape == (20, 6)
    got = np.stack([policy(observation) for observation in observations])
    assert got.dtype == np.float32
    assert got == pytest.approx(expected, abs=1e-4)
