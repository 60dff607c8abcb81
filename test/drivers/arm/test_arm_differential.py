"""Differential kinematics: twists are tracked if possible, and always bounded by the limits."""

import math

import numpy as np
import pytest
from arm_models import NAMES, POSTURE, iiwa, kinematics
from hypothesis import given, settings
from hypothesis import strategies as st

from der_ros.drivers.arm.differential import DifferentialConfig, Hindrance
from der_ros.errors import ConfigurationError
from der_ros.geometry import Twist, angle_between

DT = 0.01
ARM = kinematics()
WILD = st.floats(allow_nan=True, allow_infinity=True)
SLOW = st.floats(-0.05, 0.05)


def twist(*numbers):
    return Twist.from_array(np.array(numbers, dtype=float))


def angles():
    """Strategy for joint angles within the limits less the margin, ends included."""
    shares = st.lists(st.floats(0.0, 1.0), min_size=7, max_size=7)
    return shares.map(lambda s: ARM.lower_rad + np.array(s) * (ARM.upper_rad - ARM.lower_rad))


@settings(max_examples=300, deadline=None)
@given(start=angles(), wanted=st.lists(WILD, min_size=6, max_size=6))
def test_any_input_keeps_joints_finite_and_in_limits(start, wanted):
    at = start
    for _ in range(3):
        step = ARM.step(at, twist(*wanted), DT)
        assert np.isfinite(step.angles_rad).all()
        assert np.isfinite(step.twist.to_array()).all()
        speeds = np.abs(step.angles_rad - at) / DT
        assert (speeds <= ARM.speeds_radps * (1.0 + 1e-6) + 1e-9).all()
        assert (step.angles_rad >= ARM.lower_rad - 1e-12).all()
        assert (step.angles_rad <= ARM.upper_rad + 1e-12).all()
        at = step.angles_rad


@settings(max_examples=200, deadline=None)
@given(start=angles(), wanted=st.lists(SLOW, min_size=6, max_size=6))
def test_the_twist_is_tracked_away_from_limits(start, wanted):
    """The error is at most 1e-6 immediately, and 1 % of the motion after a cycle of the real
    arm."""
    values = np.linalg.svd(ARM.chain.at(start).jacobian, compute_uv=False)
    step = ARM.step(start, twist(*wanted), DT)
    if values[-1] < 0.05 or step.hindrances:
        return
    np.testing.assert_allclose(step.twist.to_array(), wanted, atol=1e-6)
    before, after = ARM.chain.forward(start), ARM.chain.forward(step.angles_rad)
    moved = (after.position - before.position) / DT
    # The redundant joint bends the path: an error of second order in the cycle time.
    np.testing.assert_allclose(moved, wanted[:3], atol=2e-4 + 0.01 * np.abs(wanted).max())


@settings(max_examples=200, deadline=None)
@given(start=angles(), wanted=st.lists(st.floats(-50.0, 50.0), min_size=6, max_size=6))
def test_a_slowed_twist_keeps_its_direction(start, wanted):
    values = np.linalg.svd(ARM.chain.at(start).jacobian, compute_uv=False)
    step = ARM.step(start, twist(*wanted), DT)
    if values[-1] < 0.05 or np.linalg.norm(wanted) < 1e-3 or step.refusal:
        return
    done, length = step.twist.to_array(), float(np.linalg.norm(wanted))
    share = float(done @ np.array(wanted)) / length**2
    assert -1e-9 <= share <= 1.0 + 1e-9
    np.testing.assert_allclose(done, share * np.array(wanted), atol=1e-6 * max(1.0, length))


STRETCHED = np.array((0.3, 0.6, 0.0, 0.0, 0.0, 0.5, 0.0))  # the elbow straight


@pytest.mark.parametrize("direction", range(6))
def test_at_a_singularity_motion_is_bounded(direction):
    arm, at = kinematics(speed_share=1.0), STRETCHED
    values = np.linalg.svd(arm.chain.at(at).jacobian, compute_uv=False)
    assert values[-1] < 1e-3
    wanted = 0.05 * np.eye(6)[direction]
    for _ in range(200):
        step = arm.step(at, twist(*wanted), DT)
        # Damping limits the inverse of a singular value to 1 / (2 l_max).
        assert np.linalg.norm(step.angles_rad - at) / DT < 0.05 * (1.0 / 0.05 + 1.0)
        assert np.linalg.norm(step.twist.to_array()) <= 0.05 * 1.01
        at = step.angles_rad


def test_only_the_singular_direction_is_blocked():
    arm = kinematics()
    left, _, _ = np.linalg.svd(arm.chain.at(STRETCHED).jacobian)
    lost, free = 0.01 * left[:, 5], 0.01 * left[:, 0]
    step = arm.step(STRETCHED, Twist.from_array(lost), DT)
    assert step.hindrances & Hindrance.SINGULAR
    assert np.linalg.norm(step.twist.to_array()) < 0.02 * 0.01
    step = arm.step(STRETCHED, Twist.from_array(free), DT)
    assert not step.hindrances
    np.testing.assert_allclose(step.twist.to_array(), free, atol=1e-9)


def test_leaving_a_singularity_never_jumps():
    """Damping fades out continuously: joint speeds change little from cycle to cycle."""
    arm, at, last = kinematics(speed_share=1.0), STRETCHED.copy(), None
    for _ in range(800):
        step = arm.step(at, twist(-0.05, 0, -0.05, 0, 0.02, 0), DT)
        speeds = (step.angles_rad - at) / DT
        if last is not None:
            assert np.abs(speeds - last).max() < 0.2
        at, last = step.angles_rad, speeds


def test_a_joint_slows_down_towards_its_stop():
    arm, at = kinematics(), np.array(POSTURE)
    about_last = twist(*(0.3 * arm.chain.at(at).jacobian[:, 6]))
    told = []
    for _ in range(3000):
        # A rotation about the last axis: only the last joint does it without moving the tool.
        step = arm.step(at, about_last, DT)
        assert step.angles_rad[6] <= arm.upper_rad[6]
        told.append(step)
        at = step.angles_rad
        if step.refusal:
            break
    assert NAMES[6] in told[-1].refusal
    assert "move back" in told[-1].refusal
    assert told[-1].hindrances & Hindrance.JOINT_LIMIT
    assert np.linalg.norm(told[-1].twist.to_array()) < 0.02 * 0.3
    back = arm.step(at, twist(*(-about_last.to_array())), DT)
    assert back.refusal is None
    np.testing.assert_allclose(back.twist.to_array(), -about_last.to_array(), atol=1e-6)


def test_beyond_its_stop_a_joint_may_only_come_back():
    arm, at = kinematics(), np.array(POSTURE)
    at[6] = arm.upper_rad[6] + 0.02  # as an operator may have left it
    out = arm.chain.at(at).jacobian[:, 6] * 0.1
    assert arm.step(at, Twist.from_array(out), DT).refusal
    step = arm.step(at, Twist.from_array(-out), DT)
    assert step.refusal is None
    assert step.angles_rad[6] < at[6]


def test_the_redundant_joint_moves_away_from_a_stop():
    """Same tool motion with and without the redundancy: with it, the last joint gains room."""

    def end_of(arm):
        at = np.array(POSTURE)
        at[6] = arm.upper_rad[6] - 0.05
        for cycle in range(600):
            sense = 1.0 if cycle // 50 % 2 else -1.0
            at = arm.step(at, twist(0.02 * sense, 0, 0.02 * sense, 0, 0, 0), DT).angles_rad
        return at, arm.chain.forward(at)

    lazy, there = end_of(kinematics(spare_gain=0.0))
    led, end = end_of(kinematics(spare_gain=1.0))
    assert led[6] < lazy[6] - 0.05
    assert np.linalg.norm(end.position - there.position) < 1e-4
    assert angle_between(end.quaternion, there.quaternion) < 1e-3


def test_nothing_asked_is_nothing_done():
    at = ARM.upper_rad.copy()
    step = ARM.step(at, Twist.zero(), DT)
    assert step.angles_rad is at
    assert not step.hindrances


@pytest.mark.parametrize(
    "wrong",
    [
        {"speed_share": 0.0},
        {"speed_share": 1.5},
        {"margin_rad": -0.1},
        {"damped_below": math.nan},
        {"stop_time_s": math.inf},
        {"margin_rad": 2.5},
    ],
)
def test_a_wrong_limit_is_refused_by_name(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        kinematics(**wrong)
    assert DifferentialConfig().margin_rad < iiwa().upper_rad.min()
