from __future__ import annotations

import math

import numpy as np
import pytest
from poses import corners

from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, quaternion_from_rotation_vector
from der_ros.tasks.key_slot import KEY_LENGTH_M, KEY_THICKNESS_M, KEY_WIDTH_M, SLOT_DEPTH_M, KeySlot


def pose(x=0.0, y=0.0, z=0.0, yaw=0.0):
    return Pose(np.array((x, y, z)), quaternion_from_rotation_vector((0.0, 0.0, yaw)))


@pytest.mark.parametrize("clearance", [0.0002, 0.002])
def test_the_slot_leaves_half_the_play_on_each_side(clearance):
    task = KeySlot(clearance_m=clearance)
    key, grip = (corners(part) for part in task.held.parts)
    assert key[1] - key[0] == pytest.approx((KEY_WIDTH_M, KEY_THICKNESS_M, KEY_LENGTH_M))
    assert (key[0][2], grip[0][2]) == pytest.approx((0.0, KEY_LENGTH_M))
    right, left, behind, before, board = (corners(part) for part in task.ground.parts)
    play = pytest.approx(clearance / 2)
    assert right[0][0] - key[1][0] == key[0][0] - left[1][0] == play
    assert behind[0][1] - key[1][1] == key[0][1] - before[1][1] == play
    assert board[1][2] == 0.0
    assert {wall[1][2] for wall in (right, left, behind, before)} == {SLOT_DEPTH_M}


def test_it_starts_turned_and_the_slot_is_elsewhere():
    task, rng = KeySlot(), np.random.default_rng(0)
    states = [task.sample_initial_state(rng) for _ in range(500)]
    held = [2 * math.asin(state.held.quaternion[2]) for state in states]
    ground = [2 * math.asin(state.ground.quaternion[2]) for state in states]
    assert (min(held), max(held)) == pytest.approx((-0.2618, 0.2618), abs=0.003)
    assert (min(ground), max(ground)) == pytest.approx((-0.0349, 0.0349), abs=0.001)
    places = np.array([state.ground.position for state in states])
    assert np.abs(places).max(axis=0) == pytest.approx((0.002, 0.002, 0.0), abs=1e-4)
    assert all(task.inside_workspace(state.held, 0.001) for state in states)


@pytest.mark.parametrize(
    ("yaw", "angle"), [(0.1, 0.1), (math.pi - 0.1, 0.1), (math.pi / 2, math.pi / 2), (-3.0, 0.1416)]
)
def test_both_ways_round_are_right(yaw, angle):
    task = KeySlot()
    assert task.angle(pose(yaw=yaw), Pose.identity()) == pytest.approx(angle, abs=1e-4)
    assert task.judge(pose(0, 0, 0.001, yaw), Pose.identity()).distance_m == pytest.approx(
        0.001 + 0.05 * angle, abs=1e-5
    )


@pytest.mark.parametrize(
    ("where", "seated"),
    [
        (pose(0.002, -0.002, 0.003, 0.03), True),
        (pose(0.0, 0.0, 0.003, math.pi), True),
        (pose(0.0, 0.0, 0.003, math.pi / 2), False),
        (pose(0.003, 0.0, 0.003), False),
        (pose(z=SLOT_DEPTH_M), False),
    ],
)
def test_it_is_seated_in_the_slot_either_way_round(where, seated):
    assert KeySlot().is_seated(where) is seated


@pytest.mark.parametrize(
    "options", [{"clearance_m": 0.003}, {"start_height_m": 0.012}, {"start_yaw_range_rad": (0, 9)}]
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        KeySlot(**options)
