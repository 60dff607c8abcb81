"""Claims of the model cards that no other test checks."""

import pytest

from der_ros.policy.runtime import OnnxPolicy
from der_ros.policy.shipped import shipped_policy
from der_ros.sim.robots import ROBOT_NAMES
from der_ros.training.evaluation.episodes import EVALUATE_TOOL_SEED
from support.perturbations import environment, reset_options
from support.task_cells import Cell

TASKS = ("lap_joint", "peg_in_hole")


def successes(task, robot, episodes, kind="none", value=0.0, randomization="none"):
    """Return how many episodes of the shipped policy succeed where one thing differs."""
    policy = OnnxPolicy.load(shipped_policy(task), task)
    env, count = environment(Cell(task, robot, {}), kind, value, randomization), 0
    for seed in range(EVALUATE_TOOL_SEED, EVALUATE_TOOL_SEED + episodes):
        options = None if kind == "none" else reset_options(env, kind, value, seed)
        observation, _ = env.reset(seed=seed, options=options)
        act, ended = policy.for_attempt(), False
        while not ended:
            observation, _, terminated, truncated, info = env.step(act(observation))
            ended = terminated or truncated
        count += info["success"]
    env.close()
    return count


@pytest.mark.slow
@pytest.mark.parametrize("robot", ROBOT_NAMES)
@pytest.mark.parametrize("task", TASKS)
def test_the_shipped_policies_bear_a_cells_errors(task, robot):
    assert successes(task, robot, 60, randomization="deploy") >= 56


@pytest.mark.slow
@pytest.mark.parametrize("robot", ROBOT_NAMES)
@pytest.mark.parametrize("task", TASKS)
def test_a_piece_turned_by_2_degrees_is_no_cliff(task, robot):
    assert successes(task, robot, 20, "yaw", 2.0) >= 16
