"""Dead zone, stiction and backlash by hand, and in an episode."""

from __future__ import annotations

import json

import numpy as np
import pytest

from der_ros.envs import TaskEnv
from der_ros.envs.conditions import Conditions
from der_ros.envs.drives import DriveErrors, Drives
from der_ros.envs.randomization import Randomization
from der_ros.envs.state import EnvironmentState

TICK_S = 0.01
X, YAW = 0, 5


def sent(errors, speeds, axis=X):
    """Return the speeds sent to the arm for commands on one axis; check that the others are 0."""
    drives = Drives(errors, TICK_S)
    rows = []
    for speed in speeds:
        twist = [0.0] * 6
        twist[axis] = speed
        rows.append(drives(tuple(twist)))
    rest = np.delete(np.array(rows), axis, axis=1)
    assert not rest.any()
    return [row[axis] for row in rows]


def test_drives_without_errors_follow():
    speeds = [0.03, -0.01, 0.0, 1e-9, 0.02]
    assert sent(DriveErrors(), speeds) == pytest.approx(speeds, rel=1e-12)


@pytest.mark.parametrize(
    ("errors", "axis"),
    [(DriveErrors(dead_zone_mps=0.01), X), (DriveErrors(dead_zone_radps=0.01), YAW)],
)
def test_a_dead_zone_holds_back_what_is_slow(errors, axis):
    speeds = [0.009, -0.0099, 0.01, -0.02]
    assert sent(errors, speeds, axis) == pytest.approx([0.0, 0.0, 0.01, -0.02])


@pytest.mark.parametrize(
    ("errors", "axis"),
    [(DriveErrors(stiction_m=0.00025), X), (DriveErrors(stiction_rad=0.00025), YAW)],
)
def test_a_drive_at_rest_sticks_and_then_catches_up(errors, axis):
    # 0.1 mm per tick: the drive sticks at lags of 0.1 and 0.2 mm, and makes up 0.3 mm at once.
    assert sent(errors, [0.01] * 5, axis) == pytest.approx([0.0, 0.0, 0.03, 0.01, 0.01])


def test_a_drive_that_stops_or_turns_sticks_again():
    errors = DriveErrors(stiction_m=0.00025)
    assert sent(errors, [0.03, 0.01, 0.0, 0.01, 0.01, 0.01]) == pytest.approx(
        [0.03, 0.01, 0.0, 0.0, 0.0, 0.03]
    )
    assert sent(errors, [0.03, -0.02, -0.02, -0.01]) == pytest.approx([0.03, 0.0, -0.04, -0.01])


def test_a_stuck_lag_is_kept_without_a_command():
    errors = DriveErrors(stiction_m=0.00025)
    assert sent(errors, [0.02, 0.0, 0.0, 0.01]) == pytest.approx([0.0, 0.0, 0.0, 0.03])


@pytest.mark.parametrize(
    ("errors", "axis"),
    [(DriveErrors(backlash_m=0.0002), X), (DriveErrors(backlash_rad=0.0002), YAW)],
)
def test_the_play_is_lost_on_turning_round(errors, axis):
    # Half of the backlash from the middle, then all of it at each reversal.
    speeds = [0.005, 0.01, 0.01, -0.015, -0.01, -0.01, 0.02, 0.01]
    expected = [0.0, 0.005, 0.01, 0.0, -0.005, -0.01, 0.0, 0.01]
    assert sent(errors, speeds, axis) == pytest.approx(expected, abs=1e-12)


def test_the_lag_is_never_more_than_all_errors():
    rng = np.random.default_rng(0)
    errors = DriveErrors(0.001, 0.002, 0.0001, 0.0003, 0.0002, 0.0006)
    drives = Drives(errors._replace(dead_zone_mps=0.0, dead_zone_radps=0.0), TICK_S)
    commands = rng.normal(0.0, 0.02, (2000, 6))
    gone = TICK_S * np.cumsum([drives(tuple(twist)) for twist in commands.tolist()], axis=0)
    lag = np.abs(TICK_S * np.cumsum(commands, axis=0) - gone).max(axis=0)
    most = np.repeat((0.0001 + 0.0001, 0.0003 + 0.0003), 3)
    assert (lag <= most + 1e-12).all()
    assert (lag > 0.95 * most).all()


def test_drives_go_on_from_their_state():
    rng = np.random.default_rng(1)
    errors = DriveErrors(0.001, 0.002, 0.0001, 0.0003, 0.0002, 0.0006)
    first = Drives(errors, TICK_S)
    twists = rng.normal(0.0, 0.02, (60, 6)).tolist()
    for twist in twists[:30]:
        first(tuple(twist))
    second = Drives(errors, TICK_S, first.state)
    for twist in twists[30:]:
        assert first(tuple(twist)) == second(tuple(twist))


def heights(env, conditions, commands):
    """Height of the held piece, m, after each action along z; the fraction is of 50 mm/s."""
    env.reset(seed=0, options={"conditions": conditions})
    rows = []
    for command in commands:
        env.step((0, 0, command, 0, 0, 0))
        rows.append(env.world.held_position()[2])
    return np.array(rows)


def test_in_an_episode_the_arm_lags_by_the_errors():
    env = TaskEnv("lap_joint")
    commands = [0.1] * 5 + [-0.1] * 5 + [0.0] * 4
    exact = heights(env, Conditions(), commands)
    lost = heights(env, Conditions(drives=DriveErrors(backlash_m=0.001)), commands)
    env.close()
    assert (exact - lost)[4] == pytest.approx(0.0005, abs=5e-5)
    assert (exact - lost)[-1] == pytest.approx(-0.0005, abs=5e-5)


ROUGH = Randomization(stiction_max_m=0.001, backlash_max_m=0.002, dead_zone_max_mps=0.005)


def test_rough_drives_go_on_bit_by_bit():
    env, other = (TaskEnv("lap_joint", randomization=ROUGH) for _ in range(2))
    rng = np.random.default_rng(2)
    env.reset(seed=5)
    for action in rng.uniform(-1.0, 1.0, (13, 6)):
        env.step(action)
    text = json.dumps(env.save_state().to_data())
    other.restore_state(EnvironmentState.from_data(json.loads(text)))
    for action in rng.uniform(-1.0, 1.0, (20, 6)):
        assert env.step(action)[0].tobytes() == other.step(action)[0].tobytes()
    env.close()
    other.close()


def test_without_errors_there_are_no_drives():
    env = TaskEnv("lap_joint", randomization="paper")
    env.reset(seed=0)
    assert env._sensing._drives is None
    env.close()
