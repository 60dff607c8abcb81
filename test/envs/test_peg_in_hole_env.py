from __future__ import annotations

import math

import numpy as np
import pytest

from der_ros.envs import TaskEnv
from der_ros.envs.scripted import oracle_action
from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, quaternion_from_rotation_vector
from der_ros.tasks import InitialState


def turned(yaw, z=0.04):
    held = Pose(np.array((0, 0, z)), quaternion_from_rotation_vector((0, 0, yaw)))
    return {"initial": InitialState(held, Pose.identity())}


@pytest.fixture
def env():
    made = TaskEnv("peg_in_hole")
    yield made
    made.close()


def test_the_observed_quaternion_is_canonical(env):
    seen = set()
    # Exactly half a turn is left out, because both signs are right there.
    for yaw in 0.01 + np.linspace(0.0, 2.0 * math.pi, 16, endpoint=False):
        observation, _ = env.reset(options=turned(yaw))
        expected = quaternion_from_rotation_vector((0, 0, yaw))
        assert observation[3:7] == pytest.approx(expected.tolist(), abs=1e-6)
        assert observation[6] >= 0.0
        seen.add(bool(observation[5] < 0.0))
    assert seen == {True, False}


def test_turning_past_half_a_circle_flips_the_sign(env):
    env.reset(options=turned(math.pi - 0.05))
    rows = []
    for _ in range(20):
        observation, _, terminated, truncated, _ = env.step((0, 0, 0, 0, 0, 1))
        assert not terminated
        assert not truncated
        rows.append(observation)
    z = np.array(rows)[:, 5]
    assert z[0] > 0.99
    assert z[-1] < -0.99
    assert (np.array(rows)[:, 6] >= 0.0).all()


def test_seeds_start_with_yaws_over_the_whole_circle(env):
    yaws = []
    for seed in range(40):
        _, _, _, _, _, z, w = env.reset(seed=seed)[0][:7]
        yaws.append(2.0 * math.atan2(z, w) % (2.0 * math.pi))
    counts, _ = np.histogram(yaws, bins=4, range=(0.0, 2.0 * math.pi))
    assert counts.min() >= 3


@pytest.mark.parametrize("turns", range(4))
def test_each_of_the_four_quarter_turns_is_assembled(env, turns):
    env.reset(options=turned(turns * math.pi / 2))
    for _ in range(40):
        _, reward, terminated, truncated, info = env.step((0, 0, -1, 0, 0, 0))
        if terminated or truncated:
            break
    assert terminated
    assert info["angle_rad"] < 1e-3
    assert reward == pytest.approx(1000.0 - info["distance_m"])
    env.step((0, 0, -1, 0, 0, 0))
    assert env.task.is_seated(env.world.held_pose())


@pytest.mark.parametrize("yaw", [0.1, math.pi / 4, math.pi / 2 + 0.2, 4.0])
def test_a_wrong_yaw_sticks_at_the_chamfer(env, yaw):
    env.reset(options=turned(yaw))
    for _ in range(60):
        _, _, terminated, truncated, info = env.step((0, 0, -1, 0, 0, 0))
    assert not terminated
    assert not truncated
    assert env.world.held_position()[2] > 0.0249
    assert env.task.soft_force_n < info["wrench"][2] < env.task.soft_force_n + 30.0
    assert info["penetration_m"] < 1e-4


def test_an_oracle_turns_the_shorter_way(env):
    for yaw in (0.7, math.pi / 2 - 0.7, math.pi + 0.7, -0.7):
        env.reset(options=turned(yaw))
        turn = oracle_action(env)[5]
        left = env.task.angle(env.world.held_pose(), env.goal_pose)
        assert left == pytest.approx(0.7, abs=1e-6)
        for _ in range(10):
            _, _, _, _, info = env.step(oracle_action(env))
        assert abs(turn) == 1.0
        assert info["angle_rad"] < left - 0.05


def test_an_oracle_succeeds_with_the_papers_noise():
    env = TaskEnv("peg_in_hole", randomization="paper")
    for seed in range(10):
        env.reset(seed=seed)
        terminated = truncated = False
        while not (terminated or truncated):
            *_, terminated, truncated, _ = env.step(oracle_action(env))
        assert terminated, seed
    env.close()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"clearance": 0.006}, "clearance"),
        ({"task_options": {"timber_length_m": 0.2}}, "task peg_in_hole: unknown option"),
    ],
)
def test_wrong_arguments_are_refused(arguments, told):
    with pytest.raises(ConfigurationError, match=told):
        TaskEnv("peg_in_hole", **arguments)
