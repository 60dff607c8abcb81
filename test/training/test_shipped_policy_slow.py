"""Claims of the model cards that no other test checks."""

import json

import pytest
from bench_robustness import PerturbedPoint, measure

from der_ros.cli.evaluate import main
from der_ros.policy.runtime import OnnxPolicy
from der_ros.policy.shipped import shipped_policy
from der_ros.sim.robots import ROBOT_NAMES

TASKS = ("lap_joint", "peg_in_hole")


@pytest.mark.slow
@pytest.mark.parametrize("robot", ROBOT_NAMES)
@pytest.mark.parametrize("task", TASKS)
def test_the_shipped_policies_bear_a_cells_errors(task, robot, capsys):
    given = ["--task", task, "--policy", str(shipped_policy(task)), "--robot", robot]
    assert main([*given, "--randomization", "deploy", "--episodes", "60", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["successes"] >= 56


@pytest.mark.slow
@pytest.mark.parametrize("robot", ROBOT_NAMES)
@pytest.mark.parametrize("task", TASKS)
def test_a_piece_turned_by_2_degrees_is_no_cliff(task, robot):
    policy = OnnxPolicy.load(shipped_policy(task), task)
    point = PerturbedPoint(policy.sha256, task, robot, "yaw", 2.0, 20)
    assert measure(policy, point)["success_percent"] >= 80.0
