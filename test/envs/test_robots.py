from __future__ import annotations

import numpy as np
import pytest

from der_ros.envs import TaskEnv
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
