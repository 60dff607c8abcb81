"""Errors of an environment for invalid use, with their messages."""

import math

import numpy as np
import pytest

from der_ros.envs import TaskEnv
from der_ros.errors import ConfigurationError
from der_ros.sim.servo import ServoConfig


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"robot": "scara"}, "robot: expected one of robotless, iiwa, kr60, got 'scara'"),
        ({"clearance": -0.001}, "clearance"),
        ({"control_dt": 0.01}, "control_dt: expected a whole multiple .* 0.004 s, got 0.01 s"),
        ({"control_dt": 0.0}, "control_dt"),
        ({"control_dt": math.nan}, "control_dt"),
        ({"control_dt": "fast"}, "control_dt"),
        ({"control_dt": -0.06}, "control_dt"),
        ({"clearance": math.nan}, "clearance"),
        (
            {"render_mode": "ascii"},
            "render_mode: expected None, rgb_array, or human .*, got 'ascii'",
        ),
        ({"randomization": "wild"}, "randomization: expected one of none, paper"),
        ({"task_options": {"color": "red"}}, "unknown option color"),
        ({"colour": "red"}, "unknown option colour; it has clearance_m, .* control_dt"),
        ({"task_options": ["friction"]}, "task_options: expected a dict"),
        ({"robot": ["kr60"]}, "robot: expected one of robotless"),
        ({"control_dt": True}, "control_dt: expected a whole multiple"),
        ({"control_dt": 20.0}, "control_dt: expected at most the task's time limit, 16.0 s"),
        ({"servo": "soft"}, "servo: expected a ServoConfig or None, got 'soft'"),
        ({"limits": 20.0}, "limits: expected a GovernorLimits or None, got 20.0"),
        ({"start_yaw_range_rad": 3.0}, "start_yaw_range_rad: expected a low and a high end"),
        ({"tcp_from_sensor": 0.1}, "tcp_from_sensor: expected a Pose, got 0.1"),
        ({"servo": ServoConfig(stiffness_n_per_m=1e7)}, "lower it or the physics step"),
    ],
)
def test_wrong_arguments_are_refused(arguments, told):
    with pytest.raises(ConfigurationError, match=told):
        TaskEnv("lap_joint", **arguments)


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (np.zeros(5), r"action: expected shape \(6,\), got \(5,\)"),
        ("up", "action: expected 6 numbers, got 'up'"),
        (None, r"action: expected"),
        ([1, 2], r"action: expected shape \(6,\), got \(2,\)"),
        (np.zeros((1, 6)), r"action: expected shape \(6,\), got \(1, 6\)"),
        ((0, 0, math.nan, 0, 0, 0), "action: expected finite numbers"),
        ((0, 0, math.inf, 0, 0, 0), "action: expected finite numbers"),
    ],
)
def test_wrong_actions_are_refused_and_change_nothing(env, action, told):
    env.reset(seed=0)
    before = env.world.held_pose().position.tolist()
    with pytest.raises(ConfigurationError, match=told):
        env.step(action)
    assert env.world.held_pose().position.tolist() == before


def test_a_step_before_the_first_reset_is_refused(env):
    with pytest.raises(ConfigurationError, match=r"expected an episode, got none; reset\(\)"):
        env.step(np.zeros(6))


def test_wrong_reset_options_are_refused(env):
    for options in ({"ground": None}, {"initial": "here"}, 3):
        with pytest.raises(ConfigurationError, match="expected at most initial=InitialState"):
            env.reset(options=options)
