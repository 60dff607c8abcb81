"""Conversion of twists to RSI corrections: hand-computed table, both ends equal, travel limits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from der_ros.drivers.kuka.controller_limits import ControllerCorrections, PathLimits
from der_ros.drivers.kuka.corrections import CorrectionLimits, CorrectionTracker, relative_motion
from der_ros.errors import ConfigurationError
from der_ros.geometry import (
    Pose,
    Twist,
    angle_between,
    quaternion_from_euler_zyx,
    rotation_vector_from_quaternion,
)

WIDE = CorrectionLimits(2000.0, 180.0)


def twist(*values):
    return Twist.from_array(np.array(values, dtype=float))


@pytest.mark.parametrize(
    ("values", "cycle_s", "expected"),
    [
        ((0.05, 0, 0, 0, 0, 0), 0.012, (0.6, 0, 0, 0, 0, 0)),
        ((0, -0.1, 0.25, 0, 0, 0), 0.004, (0, -0.4, 1.0, 0, 0, 0)),
        # wz turns about Z, which is A; wx about X, which is C.
        ((0, 0, 0, 0, 0, 0.5), 0.012, (0, 0, 0, 0.3438, 0, 0)),
        ((0, 0, 0, 0.5, 0, 0), 0.012, (0, 0, 0, 0, 0, 0.3438)),
        ((0, 0, 0, 0, -0.5, 0), 0.012, (0, 0, 0, 0, -0.3438, 0)),
    ],
)
def test_table(values, cycle_s, expected):
    correction = CorrectionTracker(WIDE).step(twist(*values), cycle_s)
    assert correction.values == pytest.approx(expected, abs=1e-12)
    assert correction.refusal is None


@given(st.tuples(*[st.floats(-1.5, 1.5)] * 3))
def test_the_turn_is_the_one_of_the_package_geometry(angles):
    yaw, pitch, roll = angles
    values = (0.0, 0.0, 0.0, *map(math.degrees, angles))
    expected = rotation_vector_from_quaternion(quaternion_from_euler_zyx(yaw, pitch, roll))
    np.testing.assert_allclose(relative_motion(values)[1], expected, atol=1e-9)


@given(st.tuples(*[st.floats(-0.8, 0.8)] * 3))
def test_a_turn_there_is_the_turn_back(rotation):
    angular = np.array(rotation)
    correction = CorrectionTracker(WIDE).step(Twist(np.zeros(3), angular), 1.0)
    np.testing.assert_allclose(correction.twist.angular, angular, atol=3e-6)


def test_a_slow_motion_does_not_vanish_in_the_rounding():
    tracker = CorrectionTracker(WIDE)
    slow = 0.002e-3  # m/s: 0.000024 mm in a cycle, a quarter of the last digit
    sent = [tracker.step(twist(slow, 0, 0, 0, 0, 0), 0.012).values[0] for _ in range(1000)]
    assert sum(sent) == pytest.approx(1000 * slow * 12, abs=1e-4)


def test_what_is_sent_is_what_is_reported():
    correction = CorrectionTracker(WIDE).step(twist(0.01, 0.02, 0.03, 0.1, 0.2, 0.3), 0.012)
    displacement, rotation = relative_motion(correction.values)
    np.testing.assert_allclose(correction.twist.linear * 0.012, displacement, atol=1e-15)
    np.testing.assert_allclose(correction.twist.angular * 0.012, rotation, atol=1e-15)


twists = st.lists(
    st.tuples(*[st.floats(-0.25, 0.25)] * 3, *[st.floats(-0.5, 0.5)] * 3), min_size=1, max_size=30
)


@pytest.mark.parametrize("absolute", [False, True])
@given(twists)
def test_bridge_and_controller_agree_on_the_pose(absolute, steps):
    tracker = CorrectionTracker(WIDE, absolute)
    controller = ControllerCorrections(PathLimits(1e6, 1e6, 1e6, 1e6), absolute)
    meant = moved = Pose.identity()
    for values in steps:
        meant = meant.moved(np.array(values[:3]) * 0.012, np.array(values[3:]) * 0.012)
        step = controller.step(tracker.step(twist(*values), 0.012).values)
        assert step.stop is None
        moved = moved.moved(step.displacement_m, step.rotation_rad)
    np.testing.assert_allclose(moved.position, meant.position, atol=2e-7)
    # Half a unit of the last digit is carried over from cycle to cycle.
    assert angle_between(moved.quaternion, meant.quaternion) < 2e-5


@pytest.mark.parametrize("absolute", [False, True])
def test_travel_is_refused_before_the_controller_stops(absolute):
    tracker = CorrectionTracker(CorrectionLimits(5.0, 5.0), absolute)
    controller = ControllerCorrections(PathLimits(5.0, 5.0, 6.0, 6.0), absolute)
    refusals = []
    while not any(refusals):
        correction = tracker.step(twist(0.05, 0.05, 0, 0, 0, 0.05), 0.012)
        step = controller.step(correction.values)
        assert step.stop is None
        assert not step.clamped
        refusals.append(correction.refusal)
    # 0.6 mm each cycle along both axes.
    assert len(refusals) == pytest.approx(5.0 / (0.6 * math.sqrt(2.0)) + 1.0, abs=1.0)
    assert "5 mm" in correction.refusal
    assert tracker.travel[0] <= 5.0


def test_the_way_back_is_free():
    tracker = CorrectionTracker(CorrectionLimits(1.0, 1.0))
    while tracker.step(twist(0.05, 0, 0, 0, 0, 0), 0.012).refusal is None:
        pass
    back = tracker.step(twist(-0.05, 0, 0, 0, 0, 0), 0.012)
    assert back.refusal is None
    assert back.values[0] == -0.6


def test_a_new_start_counts_anew():
    tracker = CorrectionTracker(CorrectionLimits(1.0, 1.0))
    tracker.step(twist(0.05, 0, 0, 0, 0, 0), 0.012)
    tracker.reset()
    assert tracker.travel == (0.0, 0.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_not_finite_is_refused(bad):
    with pytest.raises(ConfigurationError, match="finite"):
        CorrectionTracker(WIDE).step(twist(bad, 0, 0, 0, 0, 0), 0.012)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan])
def test_limits_are_checked(bad):
    with pytest.raises(ConfigurationError, match="max_correction_mm"):
        CorrectionLimits(translation_mm=bad)


def test_the_controller_clamps_silently_and_monitors():
    clamp = ControllerCorrections(PathLimits(5.0, 5.0, 100.0, 100.0))
    step = clamp.step((7.0, 0, 0, 0, 0, 0))
    assert step.clamped
    assert step.stop is None
    np.testing.assert_allclose(step.displacement_m, (0.005, 0, 0))
    monitor = ControllerCorrections(PathLimits(5.0, 5.0, 6.0, 6.0))
    assert "KSS29000" in monitor.step((5.0, 5.0, 0, 0, 0, 0)).stop
