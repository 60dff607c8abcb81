from __future__ import annotations

import math

import numpy as np
import pytest

from der_ros.envs.frames import FrameErrors
from der_ros.geometry import Pose, Twist, Wrench, quaternion_from_rotation_vector

NONE = (0.0,) * 6
QUARTER = 0.5 * math.pi
UPRIGHT = (0.0, 0.0, 0.0, 1.0)
GOAL = (0.001, -0.002, 0.0005, 0.02, -0.01, 0.03)
GRASP = (0.0005, 0.0003, -0.0007, -0.02, 0.01, 0.015)


def pose_of(six):
    return Pose(np.array(six[:3]), quaternion_from_rotation_vector(six[3:]))


def test_no_error_is_no_object():
    assert FrameErrors.of(NONE, NONE) is None


def test_a_piece_held_too_low_by_hand():
    """The piece hangs 2 mm below the TCP, so the TCP is 2 mm higher than the piece."""
    frames = FrameErrors.of(NONE, (0, 0, -0.002, 0, 0, 0))
    assert frames.measured((0.0, 0.0, 0.04), UPRIGHT)[0] == pytest.approx((0, 0, 0.042))
    assert frames.start(Pose(np.array((0, 0, 0.04)), np.array(UPRIGHT))).position == pytest.approx(
        (0, 0, 0.038)
    )
    # A rotation about x at the TCP moves a point 2 mm below it along y.
    moved = frames.twist_of_held_piece((0, 0, 0, 0.05, 0, 0), UPRIGHT)
    assert moved == pytest.approx((0, 0.05 * 0.002, 0, 0.05, 0, 0))
    # 10 N along x on the piece are -0.02 Nm about y at the TCP, 2 mm above.
    wrench = frames.wrench_at_tcp((10.0, 0, 0, 0, 0, 0))
    assert wrench == pytest.approx((10.0, 0, 0, 0, -0.02, 0))


def test_a_piece_turned_in_the_grip_by_hand():
    """The piece's x axis is the TCP's y axis."""
    frames = FrameErrors.of(NONE, (0, 0, 0, 0, 0, QUARTER))
    assert frames.wrench_at_tcp((5.0, 0, 0, 1.0, 0, 0)) == pytest.approx((0, 5.0, 0, 0, 1.0, 0))
    half = math.sqrt(0.5)
    assert frames.measured((0, 0, 0), UPRIGHT)[1] == pytest.approx((0, 0, -half, half))
    command = (0.01, 0.02, 0.03, 0, 0, 0.04)
    assert frames.twist_of_held_piece(command, UPRIGHT) == pytest.approx(command)


def test_a_task_frame_off_by_hand():
    """The assumed frame is 3 mm along x from the true one, and its x is the true y."""
    frames = FrameErrors.of((0.003, 0, 0, 0, 0, QUARTER), NONE)
    # The true point (3, 1) mm is 1 mm from the assumed origin along the true y, the assumed x.
    position, _ = frames.measured((0.003, 0.001, 0.04), UPRIGHT)
    assert position == pytest.approx((0.001, 0, 0.04))
    # A command along the assumed x moves the piece along the true y.
    moved = frames.twist_of_held_piece((0.01, 0, 0, 0, 0.05, 0), UPRIGHT)
    assert moved == pytest.approx((0, 0.01, 0, -0.05, 0, 0))


def test_it_is_the_composition_of_poses():
    frames = FrameErrors.of(GOAL, GRASP)
    held = pose_of((0.004, 0.003, 0.02, 0.3, -0.1, 0.7))
    expected = pose_of(GOAL).inverse() @ held @ pose_of(GRASP).inverse()
    position, quaternion = frames.measured(
        tuple(held.position.tolist()), tuple(held.quaternion.tolist())
    )
    assert position == pytest.approx(expected.position, abs=1e-12)
    assert Pose(position, quaternion).quaternion == pytest.approx(expected.quaternion, abs=1e-12)
    back = frames.start(expected)
    assert back.position == pytest.approx(held.position, abs=1e-12)
    assert back.quaternion == pytest.approx(held.quaternion, abs=1e-12)
    wrench = Wrench(np.array((3.0, -2.0, 20.0)), np.array((0.1, 0.4, -0.2)))
    assert frames.wrench_at_tcp(tuple(wrench.to_array().tolist())) == pytest.approx(
        wrench.seen_from(pose_of(GRASP)).to_array(), abs=1e-12
    )


def test_the_pose_moves_with_the_commanded_twist():
    """Move the piece along its twist for a moment: the observed pose changes accordingly."""
    frames = FrameErrors.of(GOAL, GRASP)
    held = pose_of((0.004, 0.003, 0.02, 0.3, -0.1, 0.7))
    command = Twist(np.array((0.02, -0.03, 0.01)), np.array((0.05, 0.02, -0.04)))
    numbers, dt = tuple(held.quaternion.tolist()), 1e-6
    twist = frames.twist_of_held_piece(tuple(command.to_array().tolist()), numbers)
    later = held.moved(np.array(twist[:3]) * dt, np.array(twist[3:]) * dt)
    before, after = (
        Pose(*frames.measured(tuple(p.position.tolist()), tuple(p.quaternion.tolist())))
        for p in (held, later)
    )
    expected = before.moved(command.linear * dt, command.angular * dt)
    assert (after.position - before.position) / dt == pytest.approx(command.linear, abs=1e-7)
    assert after.quaternion == pytest.approx(expected.quaternion, abs=1e-12)
