"""Seating motion of an arm without ROS, on a clock driven by the motion."""

import math

import numpy as np
import pytest

from der_ros.control import seating
from der_ros.control.approach import STEER_PERIOD_S, CellError
from der_ros.control.attempt_watch import AttemptWatch
from der_ros.control.seating import Seating, SeatingLaw, SeatingLimits
from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, Twist
from der_ros.policy.attempt import Outcome
from der_ros.policy.home import HomeLimits
from der_ros.policy.stall import StallLimits
from der_ros.tasks import make_task

STIFFNESS_N_PER_M = 2e5


class Arm:
    """An arm above compliant ground; commands take effect one period later.

    Attributes:
        ground_m: Height of the ground, m; None for no ground.
        friction_n: Force of the joint's sides while the arm moves down, N.
        before_each: Called before each pose is read.
    """

    def __init__(self, height_m=0.0038, ground_m=0.0):
        self.height_m, self.ground_m, self.wrong = height_m, ground_m, ""
        self.friction_n = 0.0
        self.twists, self.forces, self.now_s = [Twist.zero()], [], 100.0
        self.before_each = lambda: None

    def sleep(self, duration_s):
        self.now_s += duration_s
        self.height_m += float(self.twists[-1].linear[2]) * duration_s

    @property
    def insertion_force_n(self):
        ground_m = -math.inf if self.ground_m is None else self.ground_m
        friction_n = self.friction_n if self.twists[-1].linear[2] < 0.0 else 0.0
        self.forces.append(friction_n + max(0.0, STIFFNESS_N_PER_M * (ground_m - self.height_m)))
        return self.forces[-1]

    def pose(self):
        self.before_each()
        return Pose(np.array((0.0, 0.0, self.height_m)), np.array((0.0, 0.0, 0.0, 1.0)))

    def problem(self):
        return self.wrong

    def command(self, twist):
        self.twists.append(twist)


class Run:
    """A seating motion of one arm."""

    def __init__(self, arm):
        self.arm, self.stop = arm, ""

    def verdict(self):
        watch = AttemptWatch(make_task("lap_joint"), StallLimits(), self.arm.now_s, HomeLimits())
        motion = Seating(self.arm, SeatingLimits(), HomeLimits().felt_n, lambda: self.stop)
        return motion.run(watch)

    def refusal(self):
        """Return the error that ends the motion; the arm is commanded to rest."""
        with pytest.raises(CellError) as error:
            self.verdict()
        assert not self.arm.twists[-1].to_array().any()
        return str(error.value)


@pytest.fixture
def arm(monkeypatch):
    arm = Arm()
    monkeypatch.setattr(seating.time, "sleep", arm.sleep)
    monkeypatch.setattr(seating.time, "monotonic", lambda: arm.now_s)
    return arm


def test_a_piece_goes_home_within_the_bounds(arm):
    assert Run(arm).verdict() == (Outcome.SUCCESS, "the piece is seated")
    assert abs(arm.height_m) < 2e-4
    assert max(arm.forces) <= SeatingLimits().force_n
    assert max(np.linalg.norm(twist.linear) for twist in arm.twists) <= SeatingLimits().speed_mps
    assert not arm.twists[-1].to_array().any()


def test_friction_does_not_end_it_above_flush(arm):
    arm.friction_n = 8.0
    assert Run(arm).verdict()[0] is Outcome.SUCCESS
    assert abs(arm.height_m) < 2e-4
    one_step_n = STIFFNESS_N_PER_M * SeatingLimits().creep_mps * STEER_PERIOD_S
    assert max(arm.forces) <= SeatingLimits().force_n + one_step_n


def test_a_piece_that_jams_is_pressed_no_harder(arm):
    arm.ground_m = 0.0031
    began_s = arm.now_s
    assert Run(arm).verdict()[0] is Outcome.JAMMED
    touched = next(i for i, force_n in enumerate(arm.forces) if force_n)
    assert max(arm.forces[touched + 20 :]) <= SeatingLimits().force_n
    assert arm.now_s - began_s < SeatingLimits().patience_s + 0.1
    assert not arm.twists[-1].to_array().any()


def test_without_ground_the_way_is_bounded(arm):
    arm.ground_m = None
    outcome, reason = Run(arm).verdict()
    assert (outcome, "below flush" in reason) == (Outcome.FAULT, True)
    assert arm.height_m > -0.0012
    assert not arm.twists[-1].to_array().any()


def test_a_lost_sensor_ends_it_at_rest(arm):
    def lose():
        arm.wrong = "no force reading for 0.2 s" if arm.height_m < 0.003 else ""

    arm.before_each = lose
    assert Run(arm).refusal() == "no force reading for 0.2 s"
    assert arm.height_m > 0.0025


def test_the_stop_ends_it_at_rest(arm):
    run = Run(arm)

    def press():
        run.stop = "stopped by the operator" if arm.height_m < 0.003 else ""

    arm.before_each = press
    assert run.refusal() == "stopped by the operator"
    assert arm.height_m > 0.0025


def test_a_jump_of_the_pose_ends_it_at_rest(arm):
    def jump():
        arm.height_m -= 0.0025 if arm.height_m < 0.003 else 0.0

    arm.before_each = jump
    assert "the pose jumped by 2." in Run(arm).refusal()


def test_a_force_that_does_not_end_is_left_upwards(arm):
    def push():
        arm.ground_m = arm.height_m + 0.001

    arm.before_each = push
    assert "the ground presses with more than 15 N" in Run(arm).refusal()
    assert arm.height_m > 0.0038


def test_a_force_that_is_no_number_is_rest():
    assert not SeatingLaw(SeatingLimits(), 4.0).twist(math.nan, 0.001).to_array().any()


def test_it_slows_down_towards_flush():
    law, limits = SeatingLaw(SeatingLimits(), 4.0), SeatingLimits()
    assert law.twist(0.0, 0.0002).linear[2] == pytest.approx(-0.001)
    assert law.twist(0.0, -0.0002).linear[2] == -limits.creep_mps


def test_the_sides_friction_does_not_make_it_creep():
    law, limits = SeatingLaw(SeatingLimits(), 4.0), SeatingLimits()
    assert law.twist(6.0, 0.003).linear[2] == pytest.approx(-0.5 * limits.speed_mps)
    assert law.twist(3.0, 0.0029).linear[2] == pytest.approx(-0.5 * limits.speed_mps)
    assert law.twist(6.0, 0.0009).linear[2] == -limits.creep_mps


def test_after_a_touch_it_creeps_past_it():
    law, limits = SeatingLaw(SeatingLimits(), 4.0), SeatingLimits()
    assert law.twist(0.0, 0.003).linear[2] == -limits.speed_mps
    law.twist(300.0, 0.003)
    assert law.twist(0.0, 0.003).linear[2] == -limits.creep_mps
    assert law.twist(0.0, 0.0027).linear[2] == -limits.speed_mps


@pytest.mark.parametrize(
    ("force_n", "expected"),
    [(20.5, "at most the soft limit of 20 N"), (5.0, "more than 5 N")],
)
def test_a_bound_outside_its_range_is_refused(force_n, expected):
    with pytest.raises(ConfigurationError, match=expected):
        SeatingLimits(force_n=force_n).check(felt_n=4.0, soft_force_n=20.0)


def test_a_budget_too_small_to_feel_is_refused():
    limits = SeatingLimits()
    with pytest.raises(ConfigurationError, match=r"home_felt_n: expected less than 3\.6 N"):
        limits.check(felt_n=4.0, soft_force_n=20.0, pressing_force_n=3.6)
    limits.check(felt_n=4.0, soft_force_n=20.0, pressing_force_n=4.5)


def test_the_default_bound_is_within_every_task():
    for name in ("lap_joint", "peg_in_hole", "key_slot"):
        SeatingLimits().check(HomeLimits().felt_n, make_task(name).soft_force_n)
