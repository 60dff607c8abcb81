"""KR 60-3 kinematics against the joint origins of its description, and forward against inverse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from der_ros.drivers.kuka import kr60_kinematics
from der_ros.errors import ConfigurationError
from der_ros.geometry import (
    Pose,
    angle_between,
    euler_zyx_from_quaternion,
    quaternion_from_euler_zyx,
    quaternion_from_rotation_vector,
)

# Origin of each joint in the joint before it, and its axis; at zero the arm is straight.
JOINTS = (
    ((0.0, 0.0, 0.0), (0, 0, -1)),
    ((0.35, 0.0, 0.815), (0, 1, 0)),
    ((0.85, 0.0, 0.0), (0, 1, 0)),
    ((0.465, 0.0, 0.145), (-1, 0, 0)),
    ((0.355, 0.0, 0.0), (0, 1, 0)),
    ((0.17, 0.0, 0.0), (-1, 0, 0)),
)
FLANGE = Pose(np.zeros(3), quaternion_from_euler_zyx(0.0, np.pi / 2, 0.0))

axes = st.tuples(
    *[
        st.floats(low, high)
        for low, high in zip(
            kr60_kinematics.LOWER_LIMITS_RAD, kr60_kinematics.UPPER_LIMITS_RAD, strict=True
        )
    ]
).map(np.array)


def by_joint_origins(angles):
    pose = Pose.identity()
    for (origin, axis), angle in zip(JOINTS, angles, strict=True):
        turn = quaternion_from_rotation_vector(angle * np.array(axis))
        pose = pose @ Pose(np.array(origin), turn)
    return pose @ FLANGE


@given(axes)
def test_forward_agrees_with_the_joint_origins(angles):
    got, expected = kr60_kinematics.forward(angles), by_joint_origins(angles)
    np.testing.assert_allclose(got.position, expected.position, atol=1e-12)
    assert angle_between(got.quaternion, expected.quaternion) < 1e-7


def test_the_home_pose_reads_as_on_the_pendant():
    pose = kr60_kinematics.forward(np.radians((0, -90, 90, 0, 0, 0)))
    np.testing.assert_allclose(pose.position, (1.34, 0.0, 1.81), atol=1e-12)
    abc = np.degrees(euler_zyx_from_quaternion(pose.quaternion))
    np.testing.assert_allclose(abc, (0.0, 90.0, 0.0), atol=1e-9)


def test_positive_a1_turns_clockwise_seen_from_above():
    pose = kr60_kinematics.forward(np.radians((90, -90, 90, 0, 0, 0)))
    np.testing.assert_allclose(pose.position, (0.0, -1.34, 1.81), atol=1e-12)


@given(axes)
def test_inverse_reaches_what_forward_gives(angles):
    pose = kr60_kinematics.forward(angles)
    found = kr60_kinematics.inverse(pose, angles)
    assert found is not None
    assert kr60_kinematics.limit_violation(found) is None
    again = kr60_kinematics.forward(found)
    np.testing.assert_allclose(again.position, pose.position, atol=1e-7)
    assert angle_between(again.quaternion, pose.quaternion) < 1e-5


@given(
    st.tuples(
        st.floats(-170, 170),
        st.floats(-120, 20),
        st.floats(-100, 100),
        st.floats(-340, 340),
        st.sampled_from((-1.0, 1.0)),
        st.floats(-340, 340),
        st.floats(5, 110),
    )
)
def test_inverse_keeps_to_the_nearest_solution(values):
    *first, sign, a6, bend = values
    angles = np.radians((*first, sign * bend, a6))
    found = kr60_kinematics.inverse(kr60_kinematics.forward(angles), angles + 1e-4)
    # At the limits of elbow and shoulder two solutions coincide; either of them is right.
    assert found is not None
    assert np.abs(found - angles).max() < 0.05


def test_out_of_reach_is_none():
    far = Pose(np.array((3.0, 0.0, 1.0)), np.array((0.0, 0.0, 0.0, 1.0)))
    assert kr60_kinematics.inverse(far, np.zeros(6)) is None


@pytest.mark.parametrize(
    ("angles", "speeds", "expected"),
    [
        ((0, -90, 90, 0, 0, 0), (0,) * 6, None),
        ((0, 36, 90, 0, 0, 0), (0,) * 6, "axis A2 at 36.0 degrees, limits -135 to 35"),
        ((0, -90, 90, 0, 0, 0), (0, 0, 0, 0, -246, 0), "axis A5 at -246 degrees/s, limit 245"),
    ],
)
def test_limits(angles, speeds, expected):
    assert kr60_kinematics.limit_violation(np.radians(angles), np.radians(speeds)) == expected


def test_axes_outside_their_limits_are_refused():
    with pytest.raises(ConfigurationError, match="A1"):
        kr60_kinematics.check_axes(np.radians((190, -90, 90, 0, 0, 0)))
