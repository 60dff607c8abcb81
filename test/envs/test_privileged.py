"""Privileged state: an episode's hidden parameters, as seen by a critic in training."""

import contextlib

import numpy as np
import pytest

from der_ros.envs.conditions import Conditions
from der_ros.envs.privileged import PRIVILEGED_NAMES, privileged_state
from der_ros.envs.task_env import TaskEnv
from der_ros.geometry import Pose
from der_ros.tasks import InitialState

GOAL = Pose.from_numbers((0.002, -0.001, 0.0), (0.0, 0.0, 0.0, 1.0))


def named(state):
    return dict(zip(PRIVILEGED_NAMES, state.tolist(), strict=True))


def test_without_errors_the_goal_is_the_true_one():
    state = named(privileged_state(GOAL, Conditions(), 1e4, "kr60"))
    assert [state[f"goal_{axis}_mm"] for axis in "xyz"] == pytest.approx([2.0, -1.0, 0.0])
    assert [state[f"robot_{name}"] for name in ("robotless", "iiwa", "kr60")] == [0, 0, 1]


def test_errors_of_frame_and_grasp_move_the_goal():
    conditions = Conditions(
        goal_error=(0.001, 0.0, 0.0, 0.0, 0.0, 0.0), grasp=(0.0, 0.003, 0.0, 0.0, 0.0, 0.0)
    )
    state = named(privileged_state(GOAL, conditions, 1e4, "iiwa"))
    assert [state[f"goal_{axis}_mm"] for axis in "xyz"] == pytest.approx([1.0, -4.0, 0.0])


def test_scales_are_logarithms_and_the_rest_has_units():
    conditions = Conditions(
        friction_scale=np.e, bias_error=(5.0, 0, 0, 0, 0, 0.2), wrench_latency_s=0.05
    )
    state = named(privileged_state(GOAL, conditions, np.e**2, "iiwa"))
    assert state["log_friction_scale"] == pytest.approx(1.0)
    assert state["log_force_budget_n"] == pytest.approx(2.0)
    assert state["force_bias_x_n"] == pytest.approx(5.0)
    assert state["torque_bias_z_nm"] == pytest.approx(0.2)
    assert state["wrench_latency_ms"] == pytest.approx(50.0)


def test_a_piece_at_the_reported_goal_is_assembled():
    """At the measured pose that the privileged state gives, the true distance is zero."""
    env = TaskEnv("lap_joint", randomization="wide")
    with contextlib.closing(env):
        for seed in range(5):
            env.reset(seed=seed)
            told = 1e-3 * env.privileged_state()[:6].astype(float)
            pose = Pose.identity().moved(told[:3], told[3:])
            conditions = env._conditions._replace(severity=1.0)  # the ground has its severity
            at_goal = InitialState(pose, env.world.save().ground)
            env.reset(options={"initial": at_goal, "conditions": conditions})
            distance, angle, *_ = env.task.judge(env.world.held_pose(), env.goal_pose)
            assert distance == pytest.approx(0.0, abs=2e-6)
            assert angle < 1e-5
