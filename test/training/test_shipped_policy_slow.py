"""Claims of the model cards that no other test checks."""

import dataclasses
from pathlib import Path

import pytest

from der_ros.envs import TaskEnv
from der_ros.envs.randomization import PRESETS
from der_ros.policy.runtime import OnnxPolicy
from der_ros.training.evaluation.episodes import EVALUATE_TOOL_SEED, evaluate

MODEL = Path(__file__).resolve().parents[2] / "models" / "lap_joint.onnx"
EPISODES = 100
WITHOUT_BIAS = {"force_bias_std_n": 0.0, "torque_bias_std_nm": 0.0}


def successes(**changes):
    randomization = dataclasses.replace(PRESETS["paper"], **changes)
    environment = TaskEnv("lap_joint", robot="robotless", randomization=randomization)
    seeds = range(EVALUATE_TOOL_SEED, EVALUATE_TOOL_SEED + EPISODES)
    try:
        return sum(evaluate(environment, OnnxPolicy.load(MODEL, "lap_joint"), seeds).success)
    finally:
        environment.close()


@pytest.mark.slow
def test_wrench_bias_not_noise_costs_the_lap_joint():
    assert successes(**WITHOUT_BIAS) == EPISODES
    assert 0.85 * EPISODES <= successes() < EPISODES
