from __future__ import annotations

import numpy as np
import pytest

from der_ros.envs import TaskEnv
from der_ros.envs.randomization import Randomization
from der_ros.envs.scripted import oracle_action


@pytest.mark.parametrize("robot", ["iiwa", "kr60"])
@pytest.mark.parametrize("task", ["lap_joint", "peg_in_hole"])
def test_an_oracle_succeeds_on_each_arm(task, robot):
    env = TaskEnv(task, robot=robot)
    for seed in range(5):
        env.reset(seed=seed)
        terminated = truncated = False
        while not (terminated or truncated):
            *_, terminated, truncated, info = env.step(oracle_action(env))
        assert terminated, (seed, info)
        assert not info["joint_limit"]
    env.close()


def test_an_axis_at_its_end_stop_truncates_the_episode(monkeypatch):
    env = TaskEnv("lap_joint", robot="iiwa")
    env.reset(seed=0)
    assert env.step(np.zeros(6))[3] is False
    monkeypatch.setattr(env.world, "joint_limit_reached", lambda: True)
    _, _, terminated, truncated, info = env.step(np.zeros(6))
    assert (terminated, truncated, info["joint_limit"]) == (False, True, True)
    env.close()


def furthest_past_the_walls_m(env, directions):
    """Return the largest distance of the TCP beyond a wall, m, at full speed outwards."""
    low, high = (np.array(corner) for corner in env.task.workspace)
    furthest = 0.0
    for direction in directions:
        env.reset(seed=0)
        for step in range(round(2.5 / env.control_dt_s)):
            up = step * env.control_dt_s < 0.6
            env.step([0.0, 0.0, 1.0, 0.0, 0.0, 0.0] if up else [*direction, 0.0, 0.0, 0.0])
            tcp = env.world.held_pose().position
            furthest = max(furthest, *(tcp - high), *(low - tcp))
    env.close()
    return furthest


DIRECTIONS = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (1, 1, 1), (-1, -1, 0)]
# Figures for each arm in docs/explanation/safety.md and config/.
PAST_THE_WALL_M = {"robotless": 0.0001, "kr60": 0.0003, "iiwa": 0.0013}


@pytest.mark.parametrize("robot", PAST_THE_WALL_M)
@pytest.mark.parametrize("task", ["lap_joint", "peg_in_hole", "key_slot"])
def test_the_tcp_passes_a_wall_by_no_more_than_its_lag(task, robot):
    env = TaskEnv(task, robot=robot)
    assert 0.0 < furthest_past_the_walls_m(env, DIRECTIONS) < PAST_THE_WALL_M[robot]


@pytest.mark.parametrize("robot", PAST_THE_WALL_M)
def test_late_commands_add_speed_times_lateness(robot):
    late_s = 0.024
    env = TaskEnv(
        "lap_joint", robot=robot, randomization=Randomization(command_latency_max_s=late_s)
    )
    speed = env.governor_limits.max_linear_speed_mps
    bound = PAST_THE_WALL_M[robot] + speed * late_s
    assert furthest_past_the_walls_m(env, DIRECTIONS) < bound
