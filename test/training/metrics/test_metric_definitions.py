"""Every metric of a run has a definition with unit and meaning."""

import re
from pathlib import Path

import pytest
import reach  # noqa: F401  registers the task

import der_ros
from der_ros.training.config import make_config
from der_ros.training.metrics.definitions import METRICS
from der_ros.training.metrics.log import read_metrics
from der_ros.training.run.training_run import TrainingRun

NAMES = {metric.name for metric in METRICS}
SMALL = {
    "workers": 0,
    "hidden": [16, 16],
    "batch_size": 32,
    "learning_starts": 100,
    "shards": 1,
    "capacity": 2_000,
    "zone_size": 200,
    "insertion_interval": 100,
    "policy_interval": 50,
    "evaluation_episodes": 2,
    "evaluation_steps": 100,
    "report_interval_s": 0.05,
    "max_env_steps": 300,
}


def test_each_is_defined_once_with_a_text():
    assert len(NAMES) == len(METRICS)
    assert all(metric.unit and len(metric.text) > 8 for metric in METRICS)


@pytest.mark.parametrize("algorithm", ["ddpg", "td3", "sac", "dqn"])
def test_what_a_run_reports_is_defined(algorithm, tmp_path):
    options = {"env": "der_ros_test/Reach-v0"}
    if algorithm == "dqn":
        options = {"env": "CartPole-v1", "exploration": "epsilon_greedy"}
    TrainingRun(make_config({**SMALL, "algorithm": algorithm, **options}), tmp_path).run()
    reported = {name for line in read_metrics(tmp_path / "metrics.jsonl") for name in line}
    assert "train/critic_loss" in reported
    assert reported - NAMES == set()


def test_what_the_source_names_is_defined():
    name = re.compile(r'"((?:rollout|time|train|replay|der)/\w+)"')
    sources = Path(der_ros.__file__).parent.rglob("*.py")
    assert {found for path in sources for found in name.findall(path.read_text())} <= NAMES
