import numpy as np
import pytest

from der_ros.control.attempt_watch import AttemptWatch, Freshness, insertion_force_n
from der_ros.control.watch_lease import Lease, WatchLease
from der_ros.geometry import Pose, Twist, quaternion_from_rotation_vector
from der_ros.policy.attempt import Outcome
from der_ros.policy.home import HomeLimits
from der_ros.policy.stall import StallLimits
from der_ros.tasks import make_task

DOWN = Twist(np.array((0.0, 0.0, -0.01)), np.zeros(3))


@pytest.fixture
def watch():
    return AttemptWatch(make_task("lap_joint"), StallLimits(2.0, 0.0005), began_s=10.0)


def outcome(verdict):
    return None if verdict is None else verdict[0]


def test_a_seated_piece_is_a_success(watch):
    assert outcome(watch.judge(11.0, Pose.identity(), DOWN)) is Outcome.SUCCESS


def test_a_slower_policy_has_more_time():
    task = make_task("lap_joint")
    watch = AttemptWatch(task, StallLimits(2.0, 0.0005), 10.0, HomeLimits(), slowdown=4)
    assert watch.judge(10.0, task.start_pose, DOWN) is None
    assert watch.judge(17.9, task.start_pose, DOWN) is None
    assert outcome(watch.judge(18.1, task.start_pose, DOWN)) is Outcome.STALL
    watch = AttemptWatch(task, StallLimits(0.0), 10.0, HomeLimits(), slowdown=4)
    end_s = 10.0 + 4 * task.time_limit_s
    assert watch.judge(end_s - 0.1, task.start_pose, DOWN) is None
    verdict = watch.judge(end_s, task.start_pose, DOWN)
    assert outcome(verdict) is Outcome.TIMEOUT
    assert f"{4 * task.time_limit_s:g} s" in verdict[1]


def test_an_attempt_that_moves_goes_on(watch):
    start = make_task("lap_joint").start_pose
    assert watch.judge(11.0, start, DOWN) is None


def test_a_piece_that_does_not_move_is_a_stall(watch):
    start = make_task("lap_joint").start_pose
    assert watch.judge(11.0, start, DOWN) is None
    assert outcome(watch.judge(13.5, start, DOWN)) is Outcome.STALL


def test_an_attempt_ends_at_its_time_limit(watch):
    task = make_task("lap_joint")
    end_s = 10.0 + task.time_limit_s
    assert watch.judge(end_s - 0.01, task.start_pose, Twist.zero()) is None
    assert outcome(watch.judge(end_s, task.start_pose, Twist.zero())) is Outcome.TIMEOUT


def test_the_stale_input_is_named():
    fresh = Freshness()
    assert "no robot pose" in fresh.stale(1.0)
    fresh.pose_s = 1.0
    assert "no force reading" in fresh.stale(1.0)
    fresh.wrench_s = 1.0
    assert fresh.stale(1.2) == ""
    assert "no robot pose" in fresh.stale(1.21)


def test_a_policy_without_commands_is_silent():
    fresh = Freshness()
    fresh.command_s = 1.0
    assert not fresh.is_silent(2.0)
    assert fresh.is_silent(2.01)


def test_a_lease_is_awaited_held_and_lapses():
    lease = WatchLease(0.5)
    assert lease.check(0.0) is Lease.AWAITED
    lease.hear(1.0)
    assert lease.check(1.5) is Lease.HELD
    assert lease.check(1.51) is Lease.LAPSED
    lease.restart()
    assert lease.check(1.51) is Lease.AWAITED


def test_a_lease_without_a_timeout_is_held():
    assert WatchLease(0.0).check(0.0) is Lease.HELD


class Attempt:
    """An attempt judged by the home limits, played in steps of 50 ms."""

    def __init__(self):
        limits = StallLimits(2.0, 0.0005)
        self.task, self.now_s = make_task("lap_joint"), 10.0
        self.watch = AttemptWatch(self.task, limits, self.now_s, HomeLimits(), seating_s=3.0)

    def stay(self, height_m, force_n, duration_s=30.0, command=DOWN):
        """Return the first verdict at a height under a force; None if there is none."""
        pose = Pose(np.array((0.0, 0.0, height_m)), np.array((0.0, 0.0, 0.0, 1.0)))
        end_s = self.now_s + duration_s
        while self.now_s < end_s:
            self.now_s += 0.05
            verdict = self.watch.judge(self.now_s, pose, command, force_n)
            if verdict is not None:
                return verdict
        return None


@pytest.fixture
def attempt():
    return Attempt()


def test_depth_alone_is_not_home(attempt):
    assert attempt.stay(0.0, 0.0, 2.5) is None
    assert attempt.watch.is_seated


def test_flush_and_pressed_back_is_home(attempt):
    assert attempt.stay(0.003, 0.0, 0.5) is None
    assert attempt.stay(0.0004, 10.0) == (Outcome.SUCCESS, "the piece is seated")


def test_pressed_but_open_is_jammed(attempt):
    outcome, reason = attempt.stay(0.0032, 15.0)
    assert outcome is Outcome.JAMMED
    assert "not home within 3 s, 3.2 mm above flush, pressed with 15 N: free the piece" in reason


def test_in_the_joint_and_nothing_felt_is_a_timeout(attempt):
    outcome, reason = attempt.stay(0.002, 0.0)
    assert outcome is Outcome.TIMEOUT
    assert "2.0 mm above flush, and the ground is not felt within 3 s: look at the bag" in reason


def test_deeper_than_flush_is_a_fault(attempt):
    outcome, reason = attempt.stay(-0.0015, 0.0)
    assert outcome is Outcome.FAULT
    assert "the ground is not felt 1.5 mm below flush: is the piece held" in reason


def test_a_piece_that_stands_in_the_joint_is_jammed(attempt):
    outcome, reason = attempt.stay(0.01, 20.0)
    assert outcome is Outcome.JAMMED
    assert "no progress for 2 s, 10.0 mm above flush" in reason


def test_a_piece_that_stands_on_the_rim_has_missed(attempt):
    outcome, reason = attempt.stay(0.035, 20.0)
    assert outcome is Outcome.MISSED
    assert "on the rim 35 mm above flush, never in: check the place" in reason


def test_a_piece_that_slides_on_the_rim_has_missed(attempt):
    outcome, reason = attempt.stay(0.035, 20.0, command=Twist.zero())
    assert outcome is Outcome.MISSED
    assert "not seated within 16 s" in reason


def test_a_piece_that_nothing_holds_is_a_stall(attempt):
    outcome, reason = attempt.stay(0.03, 0.0)
    assert outcome is Outcome.STALL
    assert "no progress for 2 s: check what holds the robot back" in reason


def test_a_piece_in_free_space_is_a_timeout(attempt):
    outcome, reason = attempt.stay(0.03, 0.0, command=Twist.zero())
    assert outcome is Outcome.TIMEOUT
    assert "look at the bag of the attempt" in reason


def test_the_insertion_force_is_along_the_tasks_z():
    quarter = quaternion_from_rotation_vector((0.5 * np.pi, 0.0, 0.0))
    pose = Pose(np.zeros(3), quarter)
    sensor = Pose(np.array((0.0, 0.0, 0.12)), quarter)
    force = np.array((1.0, 2.0, 3.0))
    assert insertion_force_n(pose, sensor, force) == pytest.approx(-3.0)
    assert insertion_force_n(pose, Pose.identity(), force) == pytest.approx(2.0)
