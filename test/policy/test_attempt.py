import json
import math

import numpy as np
import pytest

from der_ros.geometry import Pose, Wrench, quaternion_from_rotation_vector
from der_ros.policy.attempt import AttemptResult, Outcome, PeakWrench, Steering


def pose(x, y, z, yaw=0.0):
    return Pose(np.array((x, y, z)), quaternion_from_rotation_vector((0.0, 0.0, yaw)))


def test_a_result_is_one_line_with_the_contracts_names():
    result = AttemptResult(
        Outcome.SUCCESS, "the piece is seated", 3.5, 42.0, 1.5, 0.001, 0.01, "bags/attempt_0001"
    )
    line = result.to_json()
    assert "\n" not in line
    assert json.loads(line) == {
        "outcome": "success",
        "reason": "the piece is seated",
        "duration_s": 3.5,
        "peak_force_n": 42.0,
        "peak_torque_nm": 1.5,
        "final_position_error_m": 0.001,
        "final_angle_error_rad": 0.01,
        "bag": "bags/attempt_0001",
        "bag_fault": "",
        "final_depth_m": None,
        "seating_force_n": None,
        "attempt": 1,
        "retry": 0,
        "bias_retaken": False,
        "rest_force_n": None,
        "rest_torque_nm": None,
    }


def test_an_unknown_figure_is_null_in_json():
    line = AttemptResult(Outcome.FAULT, "", 0.0, 0.0, 0.0, math.nan, math.inf).to_json()
    assert json.loads(line)["final_position_error_m"] is None
    assert json.loads(line)["final_angle_error_rad"] is None


def test_the_peak_is_of_finite_norms():
    peak = PeakWrench()
    peak.add(Wrench(np.array((3.0, 4.0, 0.0)), np.array((0.0, 0.0, 2.0))))
    peak.add(Wrench(np.array((1.0, 0.0, 0.0)), np.array((0.0, 0.0, 3.0))))
    peak.add(Wrench(np.array((math.nan, 0.0, 0.0)), np.array((0.0, 0.0, 9.0))))
    peak.add(Wrench(np.array((math.inf, 0.0, 0.0)), np.zeros(3)))
    assert (peak.force_n, peak.torque_nm) == (5.0, 3.0)


@pytest.mark.parametrize(
    "start", [pose(0.0, 0.0, 0.0), pose(0.01, -0.02, 0.03, 0.1), pose(-0.001, 0.0, 0.0, -0.02)]
)
def test_steering_arrives_without_exceeding_its_speeds(start):
    steering, target, dt_s = Steering(), pose(0.002, 0.001, 0.04, -0.03), 0.02
    current = start
    for _ in range(500):
        if steering.reached(current, target):
            break
        twist = steering.twist(current, target)
        assert np.linalg.norm(twist.linear) <= steering.max_linear_mps + 1e-12
        assert np.linalg.norm(twist.angular) <= steering.max_angular_radps + 1e-12
        current = current.moved(twist.linear * dt_s, twist.angular * dt_s)
    assert steering.reached(current, target)


def test_steering_turns_the_short_way():
    twist = Steering().twist(pose(0, 0, 0, 3.0), pose(0, 0, 0, -3.0))
    assert twist.angular[2] > 0.0
