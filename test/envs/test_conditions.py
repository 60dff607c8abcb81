from __future__ import annotations

import contextlib
from dataclasses import fields

import numpy as np
import pytest

from der_ros.envs import TaskEnv
from der_ros.envs.conditions import CLEARANCE_STEPS, Conditions, draw_conditions
from der_ros.envs.randomization import PRESETS, Randomization
from der_ros.errors import ConfigurationError
from der_ros.sim.ground_cache import KEPT_PIECES

SWITCHES = [field.name for field in fields(Randomization)]
# Condition that each switch changes. Noise is not here: it is drawn per step, with its own seed.
ACTS_ON = {
    "force_bias_std_n": ("bias_error", slice(0, 3)),
    "torque_bias_std_nm": ("bias_error", slice(3, 6)),
    "friction_std": ("friction_scale", None),
    "friction_ratio": ("friction_scale", None),
    "severity_spread": ("severity", None),
    "stiffness_spread": ("stiffness_scale", None),
    "held_mass_spread": ("mass_scale", None),
    "clearance_spread_m": ("clearance_change_m", None),
    "grasp_position_spread_m": ("grasp", slice(0, 3)),
    "grasp_rotation_spread_rad": ("grasp", slice(3, 6)),
    "goal_position_error_std_m": ("goal_error", slice(0, 3)),
    "goal_rotation_error_std_rad": ("goal_error", slice(3, 6)),
    "wrench_latency_max_s": ("wrench_latency_s", None),
    "pose_latency_max_s": ("pose_latency_s", None),
    "command_latency_max_s": ("command_latency_s", None),
    "force_budget_max_ratio": ("force_budget_ratio", None),
    "compliance_spread": ("compliance_stiffness_scale", None),
    "dead_zone_max_mps": ("drives", slice(0, 1)),
    "dead_zone_max_radps": ("drives", slice(1, 2)),
    "stiction_max_m": ("drives", slice(2, 3)),
    "stiction_max_rad": ("drives", slice(3, 4)),
    "backlash_max_m": ("drives", slice(4, 5)),
    "backlash_max_rad": ("drives", slice(5, 6)),
}


def draw(seed=5, **switches):
    return draw_conditions(Randomization(**switches), np.random.default_rng(seed))


def test_without_switches_an_episode_is_nominal():
    drawn = draw()
    assert drawn._replace(noise_seeds=(0, 0, 0)) == Conditions()
    assert len(set(drawn.noise_seeds)) == 3


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_switch_acts_and_only_it(switch):
    alone, off = draw(**{switch: 0.002}), draw()
    if switch not in ACTS_ON:
        assert alone == off
        return
    name, part = ACTS_ON[switch]
    found, nominal = getattr(alone, name), getattr(off, name)
    assert alone._replace(**{name: nominal}) == off
    if part is None:
        assert found != nominal
    else:
        assert all(found[part])
        found = np.array(found)
        found[part] = 0.0
        assert found.tolist() == list(nominal)


@pytest.mark.parametrize("switch", SWITCHES)
def test_the_draws_of_a_switch_are_independent(switch):
    rngs = np.random.default_rng(5), np.random.default_rng(5)
    one = draw_conditions(Randomization(**{switch: 0.001}), rngs[0])
    # These two act on other switches: one scales them, the other replaces one of them.
    coupled = {"severity_spread": 0.0, "friction_ratio": 0.0}
    values = {name: 0.002 for name in SWITCHES} | coupled | {switch: 0.001}
    all_on = draw_conditions(Randomization(**values), rngs[1])
    if switch in ACTS_ON:
        name, part = ACTS_ON[switch]
        part = slice(None) if part is None else part
        assert np.atleast_1d(getattr(one, name))[part].tolist() == (
            np.atleast_1d(getattr(all_on, name))[part].tolist()
        )
    assert rngs[0].random() == rngs[1].random()


def test_the_draws_spread_as_documented():
    rng = np.random.default_rng(0)
    deploy = PRESETS["deploy"]
    drawn = [draw_conditions(deploy, rng) for _ in range(2000)]
    stiffness = np.array([one.stiffness_scale for one in drawn])
    assert stiffness.min() == pytest.approx(0.6, abs=0.01)
    assert stiffness.max() == pytest.approx(1.4, abs=0.01)
    assert stiffness.std() == pytest.approx(0.4 / 3**0.5, rel=0.05)
    friction = np.array([one.friction_scale for one in drawn])
    assert friction.std() == pytest.approx(0.2, rel=0.06)
    grasp = np.abs([one.grasp for one in drawn]).max(axis=0)
    assert grasp == pytest.approx([0.0005] * 3 + [0.005] * 3, rel=0.01)
    goal = np.std([one.goal_error for one in drawn], axis=0)
    assert goal == pytest.approx([0.0005] * 3 + [0.003] * 3, rel=0.08)
    ages = np.array([(o.wrench_latency_s, o.pose_latency_s, o.command_latency_s) for o in drawn])
    assert ages.min() >= 0.0
    assert ages.max(axis=0) == pytest.approx([0.024] * 3, rel=0.01)
    assert abs(np.corrcoef(ages.T)[0, 1]) < 0.1
    drives = np.array([one.drives for one in drawn])
    assert drives.min() >= 0.0
    largest = [0.0001, 0.0002, 0.00002, 0.0001, 0.00005, 0.0002]
    assert drives.max(axis=0) == pytest.approx(largest, rel=0.01)
    steps = {round(1e9 * one.clearance_change_m) for one in drawn}
    assert len(steps) == CLEARANCE_STEPS <= KEPT_PIECES
    assert {min(steps), 0, max(steps)} <= steps
    assert max(steps) == 200_000 == -min(steps)


def test_a_friction_ratio_is_a_factor_either_way():
    drawn = [draw(seed, friction_ratio=1.5).friction_scale for seed in range(400)]
    assert 0.4 <= min(drawn) < 0.43
    assert 2.3 < max(drawn) <= 2.5
    assert np.median(drawn) == pytest.approx(1.0, abs=0.15)


def test_each_kind_of_error_has_its_own_severity():
    on = {
        "force_bias_std_n": 5.0,
        "grasp_position_spread_m": 0.001,
        "goal_position_error_std_m": 0.001,
        "wrench_latency_max_s": 0.1,
    }
    shares = []
    for seed in range(400):
        full, drawn = draw(seed, **on), draw(seed, severity_spread=1.0, **on)
        of_numbers = [
            np.array(getattr(drawn, name)[:3]) / getattr(full, name)[:3]
            for name in ("bias_error", "grasp", "goal_error")
        ]
        assert all(np.ptp(each) < 1e-9 for each in of_numbers)
        latency = drawn.wrench_latency_s / full.wrench_latency_s
        shares.append([drawn.severity, *(each[0] for each in of_numbers), latency])
    numbers = np.array(shares)
    assert 0.0 < numbers.min() <= numbers.max() <= 1.0
    assert numbers.mean(axis=0) == pytest.approx([2 / 3, 0.5, 0.5, 0.5, 0.5], abs=0.05)
    assert np.abs(np.corrcoef(numbers.T) - np.eye(5)).max() < 0.2


def test_the_wide_ground_is_anywhere_in_its_range():
    with contextlib.closing(TaskEnv("peg_in_hole", robot="robotless", randomization="wide")) as env:
        assert env.task.ground_reach_m == 0.007
        assert env.task.ground_yaw_range_rad == pytest.approx(np.radians((-8.0, 8.0)))
        goals = []
        for seed in range(40):
            env.reset(seed=seed)
            goals.append(env.goal_pose.position[:2])
    assert 0.004 < np.abs(goals).max() <= 0.007


def test_given_conditions_take_the_place_of_drawn_ones():
    given = Conditions(friction_scale=1.7)
    with contextlib.closing(TaskEnv("lap_joint", randomization="wide")) as env:
        env.reset(seed=1, options={"conditions": given})
        assert env.save_state().conditions == given
        with pytest.raises(ConfigurationError, match="conditions=Conditions"):
            env.reset(options={"conditions": 3})
