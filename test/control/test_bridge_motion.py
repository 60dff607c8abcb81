"""Decisions of the KUKA bridge per cycle: freshness, frames, faults; on a test clock."""

import math

import numpy as np
import pytest

from der_ros.control import bridge_motion
from der_ros.control.bridge_motion import BridgeMotion
from der_ros.control.motion_config import MotionConfig
from der_ros.drivers.kuka.rsi_records import Answered, RobotState
from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, Twist, Wrench, quaternion_from_euler_zyx
from der_ros.policy.governor import GovernorLimits

CYCLE_S = 0.012
# The task's x axis is the base's y axis.
TASK = Pose(np.array((1.0, 0.5, 0.8)), quaternion_from_euler_zyx(math.pi / 2, 0.0, 0.0))
SENSOR = Pose(np.array((0.0, 0.0, 0.1)), np.array((0.0, 0.0, 0.0, 1.0)))
LIMITS = GovernorLimits(workspace_min_m=(-1, -1, -1), workspace_max_m=(1, 1, 1))
X = Twist(np.array((0.01, 0.0, 0.0)), np.zeros(3))


class Bench:
    """A bridge's motion with a clock that advances only on command."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(bridge_motion.time, "monotonic", lambda: self.now)
        self.motion = BridgeMotion(MotionConfig(TASK, SENSOR, LIMITS))
        self.session = 1

    def cycle(self, tcp=TASK, delay=0, rested=False):
        state = RobotState(tcp, None, 12, delay, CYCLE_S, self.now, self.session, rested)
        twist = self.motion.on_cycle(state)
        self.now += CYCLE_S
        return twist

    def feel(self, fz=0.0):
        self.motion.accept_wrench(Wrench(np.array((0.0, 0.0, fz)), np.zeros(3)))

    def go(self, cycles=10, twist=X, frame="task_frame", tcp=TASK):
        out = Twist.zero()
        for _ in range(cycles):
            self.feel()
            assert self.motion.accept_command(twist, frame, 0.0) is None
            out = self.cycle(tcp)
        return out

    def rests(self):
        return not self.cycle().to_array().any()


@pytest.fixture
def bench(monkeypatch):
    return Bench(monkeypatch)


TCP = TASK @ Pose(np.zeros(3), quaternion_from_euler_zyx(0.0, math.pi / 2, 0.0))


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ("base_link", (0.01, 0.0, 0.0)),
        ("task_frame", (0.0, 0.01, 0.0)),
        # The TCP's x axis points down in the task and the base.
        ("tcp", (0.0, 0.0, -0.01)),
    ],
)
def test_frames(bench, frame, expected):
    np.testing.assert_allclose(bench.go(frame=frame, tcp=TCP).linear, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("twist", "frame", "age_s", "expected", "counted"),
    [
        (X, "map", 0.0, "frame_id: expected one of", "frame"),
        (X, "", 0.0, "frame_id", "frame"),
        (Twist(np.array((math.nan, 0, 0)), np.zeros(3)), "tcp", 0.0, "finite", "not_finite"),
        (Twist(np.zeros(3), np.array((0, math.inf, 0))), "tcp", 0.0, "finite", "not_finite"),
        (X, "tcp", 0.2, "0.200 s old", "old"),
        (X, "tcp", 1.7e9, "set header.stamp", "old"),
        (X, "tcp", -0.2, "in the future", "future"),
    ],
)
def test_refused_commands(bench, twist, frame, age_s, expected, counted):
    bench.feel()
    bench.cycle()
    assert expected in bench.motion.accept_command(twist, frame, age_s)
    assert bench.motion.counts.refused == {counted: 1}
    assert expected in bench.motion.warning
    assert bench.rests()


def test_a_stale_command_ramps_to_rest(bench):
    assert bench.go().linear.any()
    for _ in range(14):
        bench.feel()
        bench.cycle()
    speeds = []
    for _ in range(5):
        bench.feel()
        speeds.append(float(np.linalg.norm(bench.cycle().linear)))
    assert speeds[-1] == 0.0
    assert bench.motion.fault is None
    assert bench.motion.counts.interventions["STALE"] > 0
    assert bench.go().linear.any()


def test_the_age_of_the_stamp_counts_as_well(bench):
    bench.feel()
    bench.cycle()
    # A command may be 0.1 s old by its stamp; at 0.095 s it is valid for one more cycle.
    bench.motion.accept_command(X, "task_frame", 0.095)
    assert bench.cycle().linear.any()
    assert bench.motion.counts.interventions.get("STALE", 0) == 1
    bench.cycle()
    assert bench.motion.counts.interventions["STALE"] == 2


def test_a_stale_wrench_ramps_to_rest(bench):
    assert bench.go().linear.any()
    for _ in range(14):
        bench.motion.accept_command(X, "task_frame", 0.0)
        bench.cycle()
    bench.motion.accept_command(X, "task_frame", 0.0)
    assert bench.rests()


def test_a_wrench_that_waited_is_stale_sooner(bench):
    bench.cycle()
    bench.motion.accept_command(X, "task_frame", 0.0)
    bench.motion.accept_wrench(Wrench.zero(), 0.095)
    assert bench.cycle().linear.any()
    bench.motion.accept_wrench(Wrench.zero(), 0.105)
    bench.cycle()
    assert bench.rests()


def test_without_any_wrench_nothing_moves(bench):
    bench.cycle()
    bench.motion.accept_command(X, "task_frame", 0.0)
    assert bench.rests()


def test_a_hard_force_latches_until_reset(bench):
    assert bench.go().linear.any()
    bench.feel(600.0)
    assert bench.rests()
    assert "hard limit" in bench.motion.fault
    bench.feel()
    bench.motion.accept_command(X, "task_frame", 0.0)
    assert bench.rests()
    assert "hard limit" in bench.motion.reset()
    # A command from before the reset causes no motion.
    bench.feel()
    assert bench.rests()
    assert bench.motion.fault is None
    assert bench.go().linear.any()


def test_a_reset_in_the_hard_force_latches_again(bench):
    bench.go()
    bench.feel(600.0)
    bench.cycle()
    bench.motion.reset()
    bench.feel(600.0)
    assert bench.rests()
    assert bench.motion.fault is not None


def test_a_stop_between_a_reset_and_a_cycle_holds(bench):
    """Reset and stop come while no telegram does: the stop is the newer request."""
    bench.go()
    bench.motion.latch("first")
    bench.motion.reset()
    bench.motion.latch("stopped by kuka_bridge/stop")
    assert not bench.go().linear.any()
    assert bench.motion.fault == "stopped by kuka_bridge/stop"


def test_a_reset_clears_the_fault_of_its_own_cycle(bench):
    """The reset comes between a cycle's decision and its report of the same fault."""
    bench.go()
    state = RobotState(TASK, None, 12, 0, CYCLE_S, bench.now, 1)
    bench.motion.reset()
    bench.motion.on_answered(Answered(state, X, (0.0,) * 6, "a limit", None))
    assert bench.go().linear.any()
    assert bench.motion.fault is None


def test_what_still_holds_after_a_reset_latches_again(bench):
    """A link that refuses to move asks for no decision, for example at a wrong cycle."""
    state = RobotState(TASK, None, 12, 0, CYCLE_S, bench.now, 1)
    for _ in range(2):
        bench.motion.reset()
        for _ in range(2):
            bench.motion.on_answered(Answered(state, X, (0.0,) * 6, None, "a wrong cycle"))
        assert bench.motion.fault == "a wrong cycle"


def test_a_latched_fault_keeps_the_first_reason(bench):
    bench.go()
    bench.motion.latch("first")
    bench.motion.latch("second")
    assert bench.motion.fault == "first"
    for _ in range(4):
        bench.feel()
        bench.motion.accept_command(X, "task_frame", 0.0)
        bench.cycle()
    assert bench.rests()
    assert bench.motion.counts.faults == 1


@pytest.mark.parametrize("field", ["refusal", "error"])
def test_what_the_server_refuses_is_a_fault(bench, field):
    bench.go()
    state = RobotState(TASK, None, 12, 0, CYCLE_S, bench.now, 1)
    reasons = {"refusal": None, "error": None, field: "because"}
    bench.motion.on_answered(Answered(state, Twist.zero(), (0.0,) * 6, **reasons))
    assert bench.motion.fault == "because"
    assert not bench.motion.moving


def test_a_new_session_in_motion_is_a_fault(bench):
    bench.feel()
    bench.cycle()
    bench.motion.accept_command(X, "task_frame", 0.0)
    bench.session = 2
    bench.feel()
    assert bench.rests()
    assert bench.motion.fault is None
    bench.go()
    bench.session = 3
    assert bench.rests()
    assert "restarted RSI in motion" in bench.motion.fault


def test_a_robot_silent_in_motion_is_a_fault(bench):
    bench.motion.robot_lost("the robot controller fell silent")
    assert bench.motion.fault is None
    bench.go()
    bench.motion.robot_lost("the robot controller fell silent")
    assert "silent" in bench.motion.fault


def test_too_many_late_answers_in_motion_are_a_fault(bench):
    bench.go()
    bench.feel()
    bench.cycle(delay=5)
    assert bench.motion.warning == ""
    bench.feel()
    bench.cycle(delay=20)
    assert bench.motion.fault is None
    assert bench.motion.warning == "20 answers of the last second were late"
    bench.go(1)
    bench.feel()
    bench.cycle(delay=1)
    assert "21 answers of the last second too late, expected at most 20" in bench.motion.fault
    bench.motion.reset()
    bench.now += 1.1
    assert bench.go().linear.any()
    assert (bench.motion.fault, bench.motion.warning) == (None, "")


def test_a_reset_after_late_answers_lasts(bench):
    bench.go()
    bench.feel()
    bench.cycle(delay=40)
    assert "too late" in bench.motion.fault
    bench.motion.reset()
    assert bench.go().linear.any()
    bench.feel()
    bench.cycle(delay=1)
    assert bench.motion.fault is None


def test_late_answers_at_rest_are_a_warning(bench):
    bench.feel()
    bench.cycle()
    bench.feel()
    bench.cycle(delay=39)
    assert bench.motion.fault is None
    assert "39 answers" in bench.motion.warning


@pytest.mark.parametrize("pause", [{"delay": 1}, {"delay": 0}, {"rested": True}])
def test_a_robot_that_stood_sets_off_from_rest(bench, pause):
    """After a pause the earlier speed is forgotten: one cycle at 1 m/s2 is 0.012 m/s."""
    fast = Twist(np.array((0.05, 0.0, 0.0)), np.zeros(3))
    assert np.linalg.norm(bench.go(twist=fast).linear) == pytest.approx(0.05)
    if pause == {"delay": 0}:
        bench.now += 4 * CYCLE_S
    bench.feel()
    bench.motion.accept_command(fast, "task_frame", 0.0)
    assert np.linalg.norm(bench.cycle(**pause).linear) == pytest.approx(0.012)


def test_a_robot_that_does_not_follow_is_a_fault(bench):
    sent = X
    for _ in range(200):
        bench.go(1)
        state = RobotState(TASK, None, 12, 0, CYCLE_S, bench.now, 1)
        bench.motion.on_answered(Answered(state, sent, (0.0,) * 6, None, None))
    assert "the robot does not follow" in bench.motion.fault
    assert bench.motion.following[0] > 0.01
    bench.motion.reset()
    assert bench.go().linear.any()
    assert bench.motion.following == (0.0, 0.0)


def test_a_program_between_two_sessions_is_no_fault(bench):
    """The first telegrams of a session are answered before any decision in it."""

    def answered(session, tcp):
        state = RobotState(tcp, None, 12, 0, CYCLE_S, bench.now, session)
        bench.motion.on_answered(Answered(state, Twist.zero(), (0.0,) * 6, None, None))

    bench.feel()
    bench.cycle()
    answered(1, TASK)
    turned = TASK @ Pose(np.array((0.0, 0.0, 0.05)), quaternion_from_euler_zyx(1.0, 0.0, 0.0))
    answered(2, turned)
    bench.session = 2
    assert bench.go(tcp=turned).linear.any()
    answered(2, turned)
    assert bench.motion.fault is None


def test_the_sent_twist_is_reported_in_task_axes(bench):
    state = RobotState(TASK, None, 12, 0, CYCLE_S, bench.now, 1)
    sent = Answered(state, X.rotated(TASK.rotation), (0.0,) * 6, None, None)
    np.testing.assert_allclose(bench.motion.applied(sent).to_array(), X.to_array(), atol=1e-12)


@pytest.mark.parametrize("name", ["command_timeout_s", "wrench_timeout_s"])
@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan])
def test_configuration_is_checked(name, bad):
    with pytest.raises(ConfigurationError, match=name):
        MotionConfig(TASK, SENSOR, LIMITS, **{name: bad})


def test_some_lateness_must_be_allowed():
    with pytest.raises(ConfigurationError, match="max_late_answers"):
        MotionConfig(TASK, SENSOR, LIMITS, max_late_answers=0)


def test_it_ramps_to_rest_before_it_ends(bench):
    bench.go(cycles=30)
    assert bench.motion.moving
    bench.motion.end()
    speeds = []
    for _ in range(20):
        bench.feel()
        bench.motion.accept_command(X, "task_frame", 0.0)
        speeds.append(float(np.linalg.norm(bench.cycle().linear)))
    # The speed changes within the acceleration limit, and commands no longer count.
    steps = np.abs(np.diff([0.01, *speeds]))
    assert steps.max() <= LIMITS.max_linear_acceleration_mps2 * CYCLE_S + 1e-9
    assert speeds[-1] == 0.0
    assert not bench.motion.moving
    assert bench.motion.fault is None
