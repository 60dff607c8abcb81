"""The environment's force budget: enforced by the governor, drawn per episode, or refused."""

import numpy as np
import pytest

from der_ros.envs.conditions import Conditions
from der_ros.envs.randomization import Randomization
from der_ros.envs.scripted import oracle_action
from der_ros.envs.task_env import TaskEnv
from der_ros.errors import ConfigurationError
from der_ros.policy.governor import Intervention

DOWN = (0.0, 0.0, -1.0, 0.0, 0.0, 0.0)


def test_a_budget_slows_the_approach():
    env = TaskEnv("lap_joint", robot="kr60", force_budget_n=60.0, start_height_m=0.05)
    before, _ = env.reset(seed=1)
    after, _, _, _, info = env.step(DOWN)
    speed = (before[2] - after[2]) / info["duration_s"]
    limits = env.governor_limits
    assert speed == pytest.approx(limits.planned_force_n / limits.impedance(0.012), rel=0.05)
    assert info["interventions"] & Intervention.BUDGET
    assert info["force_budget_n"] == 60.0
    env.close()


def test_a_budget_lengthens_steps_and_time_limit():
    env = TaskEnv("lap_joint", robot="kr60", force_budget_n=60.0, time_limit_s=0.6)
    repeat = env.governor_limits.action_repeat(0.012)
    assert repeat == 9
    env.reset(seed=1)
    steps, truncated = 0, False
    while not truncated:
        _, _, _, truncated, info = env.step((0.0,) * 6)
        steps += 1
        assert info["duration_s"] == pytest.approx(steps * repeat * 0.06)
    assert steps == 10
    env.close()


def pressed_with(reaction_delay_s):
    """Return the peak, N, of 5 s of pressing down, with readings and commands 0.1 s late."""
    late = Conditions(wrench_latency_s=0.1, command_latency_s=0.1)
    limits = {"force_budget_n": 120.0, "reaction_delay_s": reaction_delay_s}
    env = TaskEnv("lap_joint", robot="kr60", start_height_m=0.036, **limits)
    _, info = env.reset(seed=1, options={"conditions": late})
    while info["duration_s"] < 5.0:
        *_, info = env.step(DOWN)
    env.close()
    return info["peak_force_n"]


def test_a_configured_delay_keeps_the_budget():
    assert pressed_with(None) > 120.0
    assert 60.0 < pressed_with(0.224) <= 120.0


def random_actions(seed):
    """Yield actions that press, shift and turn, each for up to 5 steps."""
    random = np.random.default_rng((99, seed))
    while True:
        steps = int(random.integers(1, 6))
        action = random.choice([-1.0, 0.0, 1.0], 6) * random.choice([0.3, 1.0])
        action[2] = random.choice([-1.0, -1.0, -0.5, 0.0, 0.3])
        yield from [action] * steps


@pytest.mark.parametrize(("robot", "budget_n", "seed"), [("kr60", 60.0, 10), ("iiwa", 20.0, 10)])
def test_turning_against_the_piece_keeps_the_budget(robot, budget_n, seed):
    env = TaskEnv("peg_in_hole", robot=robot, force_budget_n=budget_n)
    env.reset(seed=seed)
    for action in random_actions(seed):
        _, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            break
    env.close()
    assert 0.3 * budget_n < info["peak_force_n"] <= budget_n


def test_a_budget_is_drawn_for_each_episode():
    env = TaskEnv("lap_joint", randomization=Randomization(force_budget_max_ratio=20.0))
    drawn = [env.reset(seed=seed)[1]["force_budget_n"] for seed in range(20)]
    least = env.governor_limits.least_budget_n(0.012)
    assert all(2.0 * least <= each <= 20.0 * least for each in drawn)
    assert min(drawn) < 4.0 * least < 12.0 * least < max(drawn)
    env.reset(seed=3)
    state = env.save_state()
    env.reset(seed=4)
    env.restore_state(state)
    assert env.step(DOWN)[4]["force_budget_n"] == drawn[3]
    env.close()


def test_a_budget_that_cannot_be_kept_is_refused():
    with pytest.raises(ConfigurationError, match="force_budget_n: expected at least"):
        TaskEnv("lap_joint", robot="kr60", force_budget_n=5.0)
    with pytest.raises(ConfigurationError, match="force_budget_n"):
        TaskEnv("lap_joint", force_budget_n=-1.0)


@pytest.mark.parametrize(
    ("task", "robot", "budget_n"), [("lap_joint", "iiwa", 10.0), ("peg_in_hole", "kr60", 30.0)]
)
def test_the_oracle_solves_a_small_budget(task, robot, budget_n):
    env = TaskEnv(task, robot=robot, force_budget_n=budget_n)
    env.reset(seed=5)
    ended = False
    while not ended:
        _, _, terminated, truncated, info = env.step(oracle_action(env))
        ended = terminated or truncated
    env.close()
    assert info["success"]
    assert info["peak_force_n"] <= budget_n
