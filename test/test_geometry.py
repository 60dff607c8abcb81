from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from der_ros.errors import ConfigurationError
from der_ros.geometry import (
    Pose,
    Twist,
    Wrench,
    angle_between,
    euler_zyx_from_quaternion,
    quaternion_canonical,
    quaternion_conjugate,
    quaternion_from_euler_zyx,
    quaternion_from_rotation_vector,
    quaternion_multiply,
    rotation_matrix,
    rotation_vector_from_quaternion,
    vector,
)

numbers = st.floats(-10.0, 10.0, allow_nan=False)
vectors = st.tuples(numbers, numbers, numbers).map(np.array)
small = st.floats(-1.7, 1.7)
rotation_vectors = st.tuples(small, small, small).map(np.array)
quaternions = rotation_vectors.map(quaternion_from_rotation_vector)
poses = st.builds(Pose, vectors, quaternions)


def skew(v: np.ndarray) -> np.ndarray:
    x, y, z = v
    return np.array(((0, -z, y), (z, 0, -x), (-y, x, 0)))


@given(rotation_vectors)
def test_rotation_vector_and_quaternion_are_inverse(rotation):
    back = rotation_vector_from_quaternion(quaternion_from_rotation_vector(rotation))
    assert back == pytest.approx(rotation, abs=1e-9)


four = st.tuples(*[st.floats(-2.0, 2.0)] * 4).filter(lambda q: math.hypot(*q) > 1e-6)


@given(st.tuples(numbers, numbers, numbers), four)
def test_a_pose_of_plain_numbers_has_the_same_bits(position, quaternion):
    quick, checked = Pose.from_numbers(position, quaternion), Pose(position, quaternion)
    assert quick.position.tobytes() == checked.position.tobytes()
    assert quick.quaternion.tobytes() == checked.quaternion.tobytes()


@given(four)
def test_a_canonical_quaternion_stays_as_it_is(quaternion):
    once = quaternion_canonical(quaternion)
    assert quaternion_canonical(once).tobytes() == once.tobytes()


@pytest.mark.parametrize(
    ("position", "quaternion", "told"),
    [
        ((0.0, math.nan, 0.0), (0.0, 0.0, 0.0, 1.0), "position: expected finite"),
        ((0.0, 0.0, 0.0), (0.0, math.nan, 0.0, 1.0), "quaternion .* expected finite"),
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0), "expected a rotation, got length zero"),
    ],
)
def test_a_pose_of_numbers_that_make_none_is_refused(position, quaternion, told):
    with pytest.raises(ConfigurationError, match=told):
        Pose.from_numbers(position, quaternion)


@given(st.floats(1e-12, 1e-3))
def test_tiny_angles_keep_their_digits(angle):
    q = quaternion_from_rotation_vector((angle, 0.0, 0.0))
    assert rotation_vector_from_quaternion(q)[0] == pytest.approx(angle, rel=1e-9)
    assert angle_between(q, quaternion_canonical((0, 0, 0, 1))) == pytest.approx(angle, rel=1e-9)


@given(rotation_vectors)
def test_the_matrix_is_the_vectors_exponential(rotation):
    angle = float(np.linalg.norm(rotation))
    k = skew(rotation / angle) if angle > 0 else np.zeros((3, 3))
    rodrigues = np.eye(3) + math.sin(angle) * k + (1 - math.cos(angle)) * k @ k
    assert rotation_matrix(quaternion_from_rotation_vector(rotation)) == pytest.approx(
        rodrigues, abs=1e-12
    )


@given(quaternions, quaternions)
def test_product_of_quaternions_is_product_of_matrices(a, b):
    product = rotation_matrix(quaternion_multiply(a, b))
    assert product == pytest.approx(rotation_matrix(a) @ rotation_matrix(b), abs=1e-12)
    assert quaternion_multiply(a, quaternion_conjugate(a)) == pytest.approx((0, 0, 0, 1), abs=1e-12)


@given(quaternions)
def test_canonical_quaternions_have_no_twin(q):
    assert quaternion_canonical(-q) == pytest.approx(q, abs=1e-15)
    assert quaternion_canonical(3.0 * q) == pytest.approx(q, abs=1e-12)
    assert q[3] >= 0.0


@given(st.floats(-3.1, 3.1), st.floats(-1.5, 1.5), st.floats(-3.1, 3.1))
def test_euler_angles_survive_a_round_trip(yaw, pitch, roll):
    back = euler_zyx_from_quaternion(quaternion_from_euler_zyx(yaw, pitch, roll))
    assert back == pytest.approx((yaw, pitch, roll), abs=1e-6)


def test_euler_angles_turn_about_x_first_in_outer_axes():
    q = quaternion_from_euler_zyx(math.pi / 2, 0.0, math.pi / 2)
    # Roll leaves x, and yaw then moves it to y. Roll moves y to z, and yaw leaves it.
    assert rotation_matrix(q) @ np.eye(3) == pytest.approx(
        np.array(((0, 0, 1), (1, 0, 0), (0, 1, 0))), abs=1e-12
    )


@pytest.mark.parametrize("pitch", [math.pi / 2, -math.pi / 2])
def test_the_angles_hold_at_gimbal_lock(pitch):
    q = quaternion_from_euler_zyx(0.4, pitch, 0.3)
    yaw, pitch_back, roll = euler_zyx_from_quaternion(q)
    assert roll == 0.0
    assert angle_between(quaternion_from_euler_zyx(yaw, pitch_back, roll), q) < 1e-6


@given(poses, poses, vectors)
def test_composed_poses_map_points_like_their_parts(a, b, point):
    def mapped(pose, p):
        return pose.position + pose.rotation @ p

    assert mapped(a @ b, point) == pytest.approx(mapped(a, mapped(b, point)), abs=1e-9)


@given(poses)
def test_a_pose_and_its_inverse_cancel(pose):
    nothing = pose @ pose.inverse()
    assert nothing.position == pytest.approx(np.zeros(3), abs=1e-9)
    assert angle_between(nothing.quaternion, np.array((0, 0, 0, 1.0))) < 1e-7


@given(poses, vectors, rotation_vectors)
def test_moved_acts_in_the_outer_axes(pose, displacement, rotation):
    moved = pose.moved(displacement, rotation)
    assert moved.position == pytest.approx(pose.position + displacement)
    turn = rotation_matrix(quaternion_from_rotation_vector(rotation))
    assert moved.rotation == pytest.approx(turn @ pose.rotation, abs=1e-9)


@given(poses, vectors, vectors, vectors, vectors)
def test_a_wrenchs_power_is_the_same_in_each_frame(frame, force, torque, velocity, angular):
    # The power F.v + T.w of a rigid body is the same in both frames.
    wrench = Wrench(force, torque)
    seen = wrench.seen_from(frame)
    turned = frame.rotation @ angular
    at_origin = frame.rotation @ velocity - np.cross(turned, frame.position)
    here = force @ velocity + torque @ angular
    there = seen.force @ at_origin + seen.torque @ turned
    assert there == pytest.approx(here, rel=1e-6, abs=1e-6)


def test_a_mass_seen_from_beside_has_its_lever_arm():
    weight = Wrench(np.array((0.0, 0.0, -10.0)), np.zeros(3))
    seen = weight.seen_from(Pose(np.array((0.2, 0.0, 0.0)), np.array((0, 0, 0, 1.0))))
    assert seen.to_array() == pytest.approx((0, 0, -10, 0, 2.0, 0))


def test_twists_and_wrenches_go_to_arrays_and_back():
    six = np.arange(6.0)
    assert Twist.from_array(six).to_array().tolist() == six.tolist()
    assert Wrench.from_array(six).to_array().tolist() == six.tolist()
    assert Twist.zero().to_array().tolist() == [0.0] * 6
    total = Wrench.from_array(six) + Wrench.from_array(six) - Wrench.from_array(six)
    assert total.to_array().tolist() == six.tolist()


def test_rotated_turns_both_halves():
    quarter = rotation_matrix(quaternion_from_rotation_vector((0, 0, math.pi / 2)))
    assert Twist.from_array(np.arange(6.0)).rotated(quarter).to_array() == pytest.approx(
        (-1, 0, 2, -4, 3, 5)
    )
    assert Wrench.from_array(np.arange(6.0)).rotated(quarter).to_array() == pytest.approx(
        (-1, 0, 2, -4, 3, 5)
    )


def test_a_pose_copies_what_it_is_given():
    position = np.zeros(3)
    pose = Pose(position, np.array((0, 0, 0, 2.0)))
    position[0] = 1.0
    assert pose.position[0] == 0.0
    assert pose.quaternion.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("values", "told"),
    [((1, 2), r"expected 3 numbers, got shape \(2,\)"), ((1, 2, math.nan), "finite numbers")],
)
def test_vector_refuses(values, told):
    with pytest.raises(ConfigurationError, match=told):
        vector(values, 3, "thing")


def test_a_quaternion_of_length_zero_is_refused():
    with pytest.raises(ConfigurationError, match="length zero"):
        Pose(np.zeros(3), np.zeros(4))


def test_a_pose_from_a_sequence_names_the_culprit():
    assert Pose.from_sequence((1, 2, 3, 0, 0, 0, 1)).position.tolist() == [1, 2, 3]
    assert Pose.from_sequence((1, 2, 3, 0, 0, 1, 0)).to_sequence() == [1, 2, 3, 0, 0, 1, 0]
    with pytest.raises(ConfigurationError, match="task_frame"):
        Pose.from_sequence((1, 2, 3), "task_frame")
