from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from der_ros.envs.conditions import CLEARANCE_STEPS, Conditions, draw_conditions
from der_ros.envs.randomization import PRESETS, Randomization
from der_ros.sim.ground import KEPT_PIECES

SWITCHES = [field.name for field in fields(Randomization)]
# What each switch changes in the conditions; noise is drawn in each step from a seed of its own.
ACTS_ON = {
    "force_bias_std_n": ("bias_error", slice(0, 3)),
    "torque_bias_std_nm": ("bias_error", slice(3, 6)),
    "friction_std": ("friction_scale", None),
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
}


def draw(seed=5, **switches):
    return draw_conditions(Randomization(**switches), np.random.default_rng(seed))


def test_with_nothing_switched_on_an_episode_is_the_nominal_one():
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
    values = {name: 0.002 for name in SWITCHES} | {switch: 0.001}
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
    steps = {round(1e9 * one.clearance_change_m) for one in drawn}
    assert len(steps) == CLEARANCE_STEPS <= KEPT_PIECES
    assert {min(steps), 0, max(steps)} <= steps
    assert max(steps) == 200_000 == -min(steps)
