import numpy as np
import pytest

from der_ros.control.attempt_watch import AttemptWatch, Freshness
from der_ros.control.watch_lease import Lease, WatchLease
from der_ros.geometry import Pose, Twist
from der_ros.policy.attempt import Outcome
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
    assert lease.look(0.0) is Lease.AWAITED
    lease.hear(1.0)
    assert lease.look(1.5) is Lease.HELD
    assert lease.look(1.51) is Lease.LAPSED
    lease.restart()
    assert lease.look(1.51) is Lease.AWAITED


def test_a_lease_without_a_timeout_is_held():
    assert WatchLease(0.0).look(0.0) is Lease.HELD
