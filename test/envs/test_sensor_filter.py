"""The sensor's low-pass filter in an environment: the box's, saved, and free where it is off."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from der_ros.drivers.netft.box_filter import CUTOFFS_HZ, INTERNAL_RATE_HZ, SimulatedFilter
from der_ros.envs import TaskEnv
from der_ros.envs.sensor_filter import SensorFilter
from der_ros.envs.state import EnvironmentState
from der_ros.errors import ConfigurationError
from der_ros.geometry import Wrench

ZERO = (0.0,) * 6
TICK_S = 0.012


def test_a_step_by_hand():
    # A cut-off with 2 pi f T = ln 2 leaves half of the difference in each tick.
    halving = SensorFilter(math.log(2.0) / (2.0 * math.pi * TICK_S), TICK_S, ZERO)
    force = (8.0, 0.0, -4.0, 0.0, 2.0, 0.0)
    assert halving(force) == pytest.approx((4.0, 0.0, -2.0, 0.0, 1.0, 0.0))
    assert halving(force) == pytest.approx((6.0, 0.0, -3.0, 0.0, 1.5, 0.0))
    assert halving(ZERO) == pytest.approx((3.0, 0.0, -1.5, 0.0, 0.75, 0.0))


@pytest.mark.parametrize("number", range(1, len(CUTOFFS_HZ)))
def test_it_is_the_filter_of_the_box(number):
    rng = np.random.default_rng(number)
    readings = rng.normal(0.0, 30.0, (20, 6))
    held = [readings[0]]
    box = SimulatedFilter(lambda: Wrench.from_array(held[0]))
    ours = SensorFilter(CUTOFFS_HZ[number], TICK_S, tuple(readings[0].tolist()))
    box.reading(number, 1)
    for held[0] in readings:
        expected = box.reading(number, round(TICK_S * INTERNAL_RATE_HZ))
        assert ours(tuple(held[0].tolist())) == pytest.approx(expected, abs=0.3)


@pytest.mark.parametrize("cutoff", [-1.0, 3001.0, math.nan, math.inf, "5", None, True])
def test_a_cutoff_that_cannot_be_is_refused(cutoff):
    with pytest.raises(ConfigurationError, match=r"sensor_filter_hz: expected 0 \(off\) to 3000"):
        TaskEnv("lap_joint", sensor_filter_hz=cutoff)


def pressed(steps=40, **options):
    """Return the wrenches of a descent onto the timber."""
    env = TaskEnv("lap_joint", **options)
    env.reset(seed=3)
    rows = [env.step((0, 0, -0.8, 0, 0, 0))[4]["wrench"] for _ in range(steps)]
    return env, np.array(rows)


def test_off_is_the_default_to_the_last_bit():
    rows = [pressed(randomization="deploy", **options) for options in ({}, {"sensor_filter_hz": 0})]
    assert rows[0][1].tobytes() == rows[1][1].tobytes()
    assert rows[0][0]._sensing._filter is None


def test_the_filter_makes_noise_smaller():
    noise = [pressed(12, randomization="paper", sensor_filter_hz=hz)[1] for hz in (0.0, 5.0)]
    spread = [rows[:, :3].std(axis=0).mean() for rows in noise]
    assert spread[1] < 0.7 * spread[0]


def test_a_filtered_episode_is_gone_on_with_bit_by_bit():
    env, _ = pressed(20, randomization="deploy", sensor_filter_hz=5.0)
    text = json.dumps(env.save_state().to_data())
    other = TaskEnv("lap_joint", randomization="deploy", sensor_filter_hz=5.0)
    other.restore_state(EnvironmentState.from_data(json.loads(text)))
    after = [[each.step((0, 0, -0.8, 0, 0, 0))[0] for _ in range(20)] for each in (env, other)]
    assert np.array(after[0]).tobytes() == np.array(after[1]).tobytes()
    with pytest.raises(ConfigurationError, match="sensor_filter_hz"):
        TaskEnv("lap_joint", randomization="deploy").restore_state(env.save_state())
