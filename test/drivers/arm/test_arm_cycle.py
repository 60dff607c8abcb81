"""One arm, cycle by cycle, with a test clock and a simulated arm."""

import math
import threading

import numpy as np
import pytest
from arm_models import NAMES, POSTURE, kinematics

from der_ros.drivers.arm.arm_records import ArmCycleConfig, JointReading
from der_ros.drivers.arm.arm_server import ArmServer
from der_ros.drivers.arm.cycle import ArmCycle
from der_ros.errors import ConfigurationError, ConnectionFailedError
from der_ros.geometry import Twist

CONFIG = ArmCycleConfig(realtime_priority=0)
UP = Twist.from_array(np.array((0.0, 0.0, 0.02, 0.0, 0.0, 0.0)))


class Bench:
    """An arm that follows every command at once, unless told otherwise."""

    def __init__(self):
        self.now = 100.0
        self.joints = np.array(POSTURE)
        self.follows = True
        self.wanted = Twist.zero()
        self.sent, self.lost, self.states = [], [], []
        self.cycle = ArmCycle(kinematics(), CONFIG, self.on_cycle, self.lost.append, self.write)

    def on_cycle(self, state):
        self.states.append(state)
        if isinstance(self.wanted, Exception):
            raise self.wanted
        return self.wanted

    def write(self, angles):
        self.sent.append(angles)
        if self.follows:
            self.joints = angles

    def run(self, cycles=1, reading=True):
        answered = None
        for _ in range(cycles):
            fresh = JointReading(self.joints.copy(), self.now) if reading else None
            answered = self.cycle.run(fresh, self.now)
            self.now += CONFIG.cycle_s
        return answered

    @property
    def told(self):
        return self.cycle.statistics


@pytest.fixture
def bench():
    it = Bench()
    it.run(3)
    return it


def test_before_motion_is_asked_for_nothing_is_sent(bench):
    bench.run(50)
    assert bench.sent == []
    assert bench.told.sessions == 1
    assert not bench.told.engaged


def test_the_first_command_is_where_the_arm_is(bench):
    bench.wanted = UP
    start = bench.joints.copy()
    answered = bench.run()
    np.testing.assert_array_equal(bench.sent[0], start)
    assert not answered.twist.to_array().any()  # the twist that was really sent
    answered = bench.run()
    np.testing.assert_allclose(answered.twist.to_array(), UP.to_array(), atol=1e-9)


def test_the_tool_moves_as_asked(bench):
    bench.wanted = UP
    z = bench.states[-1].tcp_pose.position[2]
    bench.run(101)
    bench.wanted = Twist.zero()
    bench.run()
    assert bench.states[-1].tcp_pose.position[2] - z == pytest.approx(0.02, rel=1e-3)


def test_at_rest_the_command_is_held_for_a_while(bench):
    bench.wanted = UP
    bench.run(20)
    bench.wanted = Twist.zero()
    bench.run(10)
    assert bench.told.engaged
    np.testing.assert_array_equal(bench.sent[-1], bench.sent[-5])
    bench.run(30)
    assert not bench.told.engaged
    count = len(bench.sent)
    bench.run(10)
    assert len(bench.sent) == count


def test_an_arm_moved_at_rest_goes_on_from_there(bench):
    bench.wanted = UP
    bench.run(20)
    bench.wanted = Twist.zero()
    bench.run(40)
    for _ in range(50):  # moved by another program, below the speed limit
        bench.joints = bench.joints + 0.005
        bench.run()
    bench.wanted = UP
    elsewhere = bench.joints.copy()
    bench.run()
    np.testing.assert_array_equal(bench.sent[-1], elsewhere)
    assert bench.lost == []


def test_stale_joint_states_end_the_commands_once(bench):
    bench.wanted = UP
    bench.run(5)
    count = len(bench.sent)
    bench.run(40, reading=False)
    # Commands continue until the joint states count as stale, and end then.
    assert len(bench.sent) - count <= CONFIG.state_timeout_s / CONFIG.cycle_s + 1
    assert bench.lost == ["no joint states for 0.2 s"]
    assert not bench.cycle.known
    before = bench.told.sessions
    bench.run()
    assert bench.told.sessions > before
    np.testing.assert_array_equal(bench.sent[-1], bench.joints)


def test_a_joint_that_does_not_follow_stops_the_arm(bench):
    bench.follows = False
    bench.wanted = UP
    bench.run(400)
    assert "does not follow" in bench.lost[0]
    assert any(name in bench.lost[0] for name in NAMES)
    assert bench.told.not_followed >= 1
    furthest = max(float(np.abs(sent - bench.joints).max()) for sent in bench.sent)
    assert furthest < CONFIG.max_following_error_rad + 0.01


def test_joints_that_jump_are_named(bench):
    bench.wanted = UP
    bench.run(5)
    bench.follows = False
    bench.joints = bench.joints + np.array((0, 0, 0.3, 0, 0, 0, 0))
    bench.run()
    assert f"joint {NAMES[2]} jumped by 17.2 degrees" in bench.lost[0]
    assert bench.told.jumps == 1
    assert bench.told.sessions == 2


def test_fast_motion_within_the_limits_is_no_jump(bench):
    for _ in range(50):
        bench.joints = bench.joints + 0.9 * CONFIG.cycle_s
        bench.run()
    assert bench.told.jumps == 0


@pytest.mark.parametrize("wrong", [RuntimeError("oops"), Twist(np.full(3, math.nan), np.zeros(3))])
def test_a_decision_that_fails_is_no_motion(bench, wrong):
    bench.wanted = UP
    bench.run(5)
    bench.wanted = wrong
    held = bench.sent[-1]
    answered = bench.run(3)
    assert answered.error
    assert not answered.twist.to_array().any()
    np.testing.assert_array_equal(bench.sent[-1], held)


def test_a_joint_at_its_stop_is_refused_with_its_name(bench):
    bench.joints = np.array(POSTURE)
    bench.joints[6] = kinematics().upper_rad[6] + 0.01
    bench.run(60)  # long enough that the motion would not count as a jump
    bench.lost.clear()
    turn = kinematics().chain.at(bench.joints).jacobian[:, 6]
    bench.wanted = Twist.from_array(0.1 * turn)
    answered = bench.run(3)
    assert NAMES[6] in answered.refusal
    assert bench.told.refused > 0


@pytest.mark.parametrize("name", ["cycle_s", "settle_s", "max_jump_rad"])
def test_a_time_or_limit_that_cannot_be_is_refused(name):
    with pytest.raises(ConfigurationError, match=name):
        ArmCycleConfig(**{name: 0.0})
    with pytest.raises(ConfigurationError, match="state_timeout_s"):
        ArmCycleConfig(cycle_s=0.3)


def test_a_failed_cycle_loses_the_arm_but_no_thread():
    bench, calls, enough = Bench(), [], threading.Event()

    def read():
        calls.append(None)
        if len(calls) > 30:
            enough.set()
        if len(calls) == 5:
            raise RuntimeError("a bug")
        if len(calls) > 10:
            raise ConnectionFailedError("nobody takes the commands")
        bench.now = float("inf")
        return JointReading(bench.joints, float("inf"))

    server = ArmServer(bench.cycle, CONFIG, read, lambda _: None)
    server.start()
    assert enough.wait(5.0)
    server.stop()
    assert bench.lost == ["a cycle failed: RuntimeError: a bug", "nobody takes the commands"]
    assert server.statistics.lateness.total >= 30
    assert not server.known
