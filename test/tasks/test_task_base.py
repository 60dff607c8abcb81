from __future__ import annotations

import math

import numpy as np
import pytest
from poses import pose

from der_ros.errors import ConfigurationError
from der_ros.geometry import (
    Pose,
    angle_between,
    quaternion_from_rotation_vector,
    quaternion_multiply,
)
from der_ros.tasks import TASK_NAMES, LapJoint, make_task
from der_ros.tasks.base import require_range


def test_distance_counts_a_radian_as_the_weight_says():
    task = LapJoint(rotation_weight_m_per_rad=0.1)
    assert task.distance(pose(0.003, 0.004, 0, (0, 0, 0.02)), pose()) == pytest.approx(
        0.005 + 0.1 * 0.02
    )


@pytest.mark.parametrize(
    ("z", "angle", "success"),
    [(0.00499, 0.0, True), (0.00501, 0.0, False), (0.0, 0.0999, True), (0.0, 0.1001, False)],
)
def test_reward_and_success_are_the_papers(z, angle, success):
    task = LapJoint()
    where = pose(z=z, rotation=(0, angle, 0))
    distance = z + 0.05 * angle
    assert task.success(where, pose()) is success
    assert task.reward(where, pose()) == pytest.approx((100.0 if success else 0.0) - distance)
    judgement = task.judge(where, pose())
    assert judgement.distance_m == task.distance(where, pose())
    assert judgement.angle_rad == pytest.approx(angle)
    assert (judgement.success, judgement.reward) == (success, task.reward(where, pose()))


def test_epsilon_and_reward_are_options():
    task = LapJoint(epsilon_m=0.01, success_reward=1000.0)
    assert task.reward(pose(z=0.009), pose()) == pytest.approx(1000.0 - 0.009)


@pytest.mark.parametrize(
    ("where", "margin_m", "inside"),
    [
        (pose(z=0.02), 0.0, True),
        (pose(x=0.0121), 0.0, False),
        (pose(y=-0.0121), 0.0, False),
        (pose(x=0.0119), 0.0, True),
        (pose(x=0.0119), 0.0005, False),
        (pose(z=-0.006), 0.0, False),
        (pose(z=0.02, rotation=(0, 0.34, 0)), 0.0, True),
        (pose(z=0.02, rotation=(0, 0.36, 0)), 0.0, False),
    ],
)
def test_workspace_has_walls_and_a_largest_tilt(where, margin_m, inside):
    assert LapJoint().inside_workspace(where, margin_m) is inside


def test_speed_limits_are_linear_then_angular():
    task = LapJoint(max_linear_speed_mps=0.1, max_angular_speed_radps=0.2)
    assert task.speed_limits.tolist() == [0.1] * 3 + [0.2] * 3


def test_the_tilt_may_not_be_faster_than_the_yaw():
    task = LapJoint(max_angular_speed_radps=0.2, max_tilt_speed_radps=0.01)
    assert task.speed_limits.tolist() == [0.05] * 3 + [0.01, 0.01, 0.2]
    with pytest.raises(ConfigurationError, match=r"max_tilt_speed_radps: .*\(0.0, 0.2\]"):
        LapJoint(max_angular_speed_radps=0.2, max_tilt_speed_radps=0.3)


@pytest.mark.parametrize("option", ["epsilon_m", "success_reward", "time_limit_s", "max_tilt_rad"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, "x"])
def test_options_that_make_no_sense_are_refused(option, value):
    with pytest.raises(ConfigurationError, match=option):
        LapJoint(**{option: value})


def test_make_task_knows_its_tasks_and_their_options():
    assert TASK_NAMES == ("key_slot", "lap_joint", "peg_in_hole")
    assert [make_task(name).name for name in TASK_NAMES] == list(TASK_NAMES)
    assert make_task("lap_joint", clearance_m=0.002).clearance_m == 0.002
    with pytest.raises(ConfigurationError, match=r"expected one of .*lap_joint.*, got 'hinge'"):
        make_task("hinge")
    with pytest.raises(ConfigurationError, match=r"unknown option play; it has .*clearance_m"):
        make_task("lap_joint", play=1)


def test_require_range_says_which_end_is_open():
    require_range(0.0, "a", low=0.0)
    with pytest.raises(ConfigurationError, match=r"a: .* in \(0.0, inf\], got 0.0"):
        require_range(0.0, "a", low=0.0, inclusive=False)


@pytest.mark.parametrize(
    ("name", "yaw_deg", "kept_deg"),
    [
        ("lap_joint", -1.5, 0.0),
        ("key_slot", 10.0, 10.0),
        ("key_slot", -170.0, -15.0),
        ("peg_in_hole", 200.0, 200.0),
        ("peg_in_hole", -40.0, -40.0),
    ],
)
def test_a_piece_is_led_to_the_nearest_start_there_is(name, yaw_deg, kept_deg):
    task = make_task(name)
    tilted = quaternion_from_rotation_vector((0.02, -0.01, 0.0))
    turned = quaternion_multiply(yaw_quaternion(yaw_deg), tilted)
    pose = Pose(np.array((0.003, -0.002, 0.001)), turned)
    for led in (task.start_pose_near(pose), task.retract_pose_near(pose)):
        assert led.position[:2].tolist() == [0.0, 0.0]
        assert angle_between(led.quaternion, yaw_quaternion(kept_deg)) < 1e-3
    assert task.start_pose_near(pose).position[2] == task.start_height_m
    assert task.retract_pose_near(pose).position[2] > task.start_height_m


def yaw_quaternion(angle_deg):
    return quaternion_from_rotation_vector((0.0, 0.0, math.radians(angle_deg)))


@pytest.mark.parametrize("value", ["0.5", True, None, [0.5]])
def test_an_option_that_is_no_number_is_refused(value):
    with pytest.raises(ConfigurationError, match=r"^a: expected a number, got"):
        require_range(value, "a", low=0.0)
