"""Faults of robot, sensor and processes, through the nodes as they run: real sockets and signals.

One stack for all: each test begins and ends with a robot that moves, so that each recovery is
proved.
"""

import contextlib
import dataclasses
import math
import signal
import socket
import subprocess
import sys

import pytest
from bridge_rig import environment
from stack_rig import MAX_CORRECTION_MM, SENSOR, stack, until

from der_ros.drivers.kuka.controller_limits import PathLimits
from der_ros.drivers.kuka.krc4_records import ControllerState
from der_ros.drivers.netft.faulty_link import BoxFaults

pytestmark = [pytest.mark.ros, pytest.mark.alone, pytest.mark.timeout(300)]

# Times of the safety table: stale after 0.1 s, a ramp of 0.02 s from 0.02 m/s and one cycle; and
# the time that a busy computer takes to deliver a message.
STALE_S, RAMP_S, DELIVERY_S = 0.1, 0.032, 0.3
# Cycles whose answers are already sent when a process is stopped.
ON_ITS_WAY = 3


@pytest.fixture(scope="module")
def running():
    with stack() as it:
        yield it


@pytest.fixture
def it(running):
    running.begin()
    yield running
    running.end()


# Faults of the sensor.


@pytest.mark.parametrize(
    "faults",
    [
        BoxFaults(loss=0.01),
        BoxFaults(loss=0.5),
        BoxFaults(duplication=0.5),
        BoxFaults(reordering=0.5),
    ],
    ids=str,
)
def test_network_disturbances_do_not_stop_it(it, faults):
    it.box.faults = faults
    it.moves(100)
    assert it.without_fault(), it.said


def test_another_sender_is_not_heard(it):
    """The foreign sender claims 500 N."""
    record = bytes.fromhex("00ffffff00ffffff00000000") + 6 * (600_000_000).to_bytes(4, "big")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.9", 0))
        for _ in range(50):
            stranger.sendto(record, it.box.owner)
    it.moves(60)
    assert it.without_fault(), it.said


def _silent(it):
    it.box.faults = BoxFaults(silent=True)


def _error_status(it):
    it.box.faults = BoxFaults(status=0x8000_0000)


def _wrong_length(it):
    it.box.faults = BoxFaults(wrong_length=True)


def _frozen(it):
    it.force_n = None


def _unknown_unit(it):
    # Only the page names the unit; the records stay the same.
    page = SENSOR.to_xml().replace(b"<scfgfu>N<", b"<scfgfu>stone<")
    it.box._answer = lambda _path: page


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (_silent, ""),
        (_error_status, "error"),
        (_wrong_length, ""),
        (_frozen, "the same reading to the last count"),
        (_unknown_unit, "stone"),
    ],
)
def test_an_untrusted_sensor_stops_the_robot(it, fault, reason):
    fault(it)
    it.rests()
    assert it.stamps["motion"] - it.stamps["wrench"] < STALE_S + RAMP_S + DELIVERY_S
    it.tells(reason, of="ft_bridge: sensor")
    it.well()  # by itself


def test_a_box_that_restarts_lets_the_robot_rest(it):
    it.box.restart()
    it.rests(cycles=20)
    it.well()


def test_a_saturated_reading_is_none(it):
    it.force_n = 1200.0
    it.rests()
    it.tells("", of="ft_bridge: sensor")
    # No wrench was published, so there is no hard force, and motion continues by itself.
    assert it.without_fault(), it.said
    it.well()


def test_a_hard_force_is_a_fault_until_reset(it):
    it.force_n = 600.0
    it.rests()
    it.tells("hard limit")
    it.force_n = 0.0
    it.stays()
    assert "hard limit" in it.reset()
    it.well()


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_dead_ft_bridge_lets_the_robot_rest(it, number):
    it.sensor.send_signal(number)
    it.rests()
    assert it.stamps["motion"] - it.stamps["wrench"] < STALE_S + RAMP_S + DELIVERY_S
    if number == signal.SIGSTOP:
        it.sensor.send_signal(signal.SIGCONT)
    else:
        it.restart_sensor()
    it.well()


# Faults of the robot.


def test_an_ipoc_that_jumps_in_motion_is_a_fault(it):
    it.krc4._ipoc += 50_000_000
    it.rests()
    it.tells("restarted RSI in motion")
    assert it.krc4.state is ControllerState.RUNNING
    assert "restarted" in it.reset()
    it.well()


def test_a_controller_restart_in_motion_is_a_fault(it):
    it.restart_rsi()
    it.rests()
    it.tells("restarted RSI in motion")
    it.reset()
    it.well()


def test_corrections_end_before_the_controllers_cut(it):
    clamped = it.krc4.statistics.clamped  # by tests before it
    it.straight = 0.05
    it.rests()
    it.tells(f"corrections of {MAX_CORRECTION_MM:g} mm")
    assert it.krc4.statistics.clamped == clamped
    # A last command towards the limit would trip it again after the reset: let it become stale.
    it.commanding = False
    it.stays()
    it.reset()
    it.well()  # the way back is free
    it.restart_rsi()
    it.rests()
    it.reset()
    it.well()


@pytest.fixture
def limited(it):
    """A controller whose own limits have been set narrower than the bridge's."""

    def limit(path_limits):
        it.krc4._config = dataclasses.replace(it.krc4._config, path_limits=path_limits)
        it.commanding = False
        it.rests()
        it.restart_rsi()
        it.free()  # a busy computer may have broken something, and a fault hides the limit
        it.commanding, it.straight = True, 0.03

    yield limit
    it.commanding, it.straight = False, 0.0
    limit(PathLimits())
    it.reset()


def test_corrections_cut_by_the_controller_are_a_fault(it, limited):
    limited(PathLimits(clamp_mm=2.0))
    it.tells("the robot does not follow")
    it.rests()
    assert it.krc4.statistics.clamped > 0
    assert it.krc4.state is ControllerState.RUNNING


def test_a_stop_by_the_monitor_is_a_fault(it, limited):
    limited(PathLimits(monitor_mm=5.0))
    it.rests()
    until(lambda: it.krc4.state is ControllerState.STOPPED, "the monitor")
    assert "KSS29000" in it.krc4.stop_reason
    it.tells("fell silent in motion")
    it.restart_rsi()
    it.stays()


def test_an_axis_limit_is_a_fault_until_both_are_reset(it):
    it.plant.axis_1_rad = 3.5
    it.rests()
    assert "A1" in it.krc4.stop_reason
    it.tells("fell silent in motion")
    it.plant.axis_1_rad = None
    it.restart_rsi()
    it.stays()
    assert "silent" in it.reset()
    it.well()


# Faults of processes.


def test_a_bridge_that_hangs_for_a_moment_is_a_fault(it):
    """The stall is shorter than the controller's timeout: the backlog is answered without
    motion."""
    it.bridge.send_signal(signal.SIGSTOP)
    stopped = it.plant.cycles
    sessions = it.krc4.statistics.sessions
    until(lambda: it.plant.cycles > stopped + 40, "cycles without an answer")
    it.bridge.send_signal(signal.SIGCONT)
    # Either late answers or the silence before them may be seen first.
    it.tells("")
    # Only the answers sent before the stop moved the robot, and none of the backlog.
    assert it.plant.moved <= stopped + ON_ITS_WAY
    assert it.krc4.state is ControllerState.RUNNING
    assert it.krc4.statistics.sessions == sessions
    it.stays()
    told = it.reset()
    assert "too late" in told or "fell silent in motion" in told
    it.well()


def test_a_bridge_that_hangs_for_longer_is_a_fault(it):
    it.bridge.send_signal(signal.SIGSTOP)
    stopped = it.plant.cycles
    until(lambda: it.krc4.state is ControllerState.STOPPED, "the controller's time-out")
    assert "RSITimeout" in it.krc4.stop_reason
    it.restart_rsi()
    it.bridge.send_signal(signal.SIGCONT)
    until(lambda: it.krc4.state is ControllerState.RUNNING, "answers")
    assert it.plant.moved <= stopped + ON_ITS_WAY
    it.tells("")
    it.stays()
    assert "there was no fault" not in it.reset()
    it.well()


def test_a_killed_bridge_stops_the_robot(it):
    it.bridge.kill()
    stopped = it.plant.cycles
    until(lambda: it.krc4.state is ControllerState.STOPPED, "the controller's time-out")
    assert it.plant.moved <= stopped + ON_ITS_WAY
    it.bridge = it.start_bridge()
    it.runs_rsi()
    it.well()


# Faults of commands.


def test_commands_that_end_let_it_rest(it):
    it.commanding = False
    ended = it.client.get_clock().now().nanoseconds * 1e-9
    it.rests()
    assert it.stamps["motion"] - ended < STALE_S + RAMP_S + DELIVERY_S
    it.well()


def _nan(command):
    command.twist.linear.x = math.nan


def _another_frame(command):
    command.header.frame_id = "map"


def _old(command):
    command.header.stamp.sec -= 1


def _of_the_future(command):
    command.header.stamp.sec += 1


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_nan, "got NaN or infinity"),
        (_another_frame, "got 'map'"),
        (_old, "s old, expected at most 0.1 s"),
        (_of_the_future, "s in the future"),
    ],
)
def test_commands_that_turn_bad_are_refused_by_reason(it, spoil, reason):
    it.spoil = spoil
    turned = it.client.get_clock().now().nanoseconds * 1e-9
    it.rests()
    assert it.stamps["motion"] - turned < STALE_S + RAMP_S + DELIVERY_S
    it.tells(reason, level=1)
    it.well()  # by itself


FLOOD = """
import signal
import sys
import rclpy
from geometry_msgs.msg import TwistStamped, WrenchStamped
from rclpy.signals import SignalHandlerOptions
ended = []
signal.signal(signal.SIGINT, lambda *_: ended.append(True))
rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
node = rclpy.create_node("flood")
twist = TwistStamped()
twist.header.frame_id = "map"
print("ready", flush=True)
sys.stdin.readline()
twists = node.create_publisher(TwistStamped, "kuka/delta_twist_cmds", 1)
wrenches = node.create_publisher(WrenchStamped, "netft_data", 1)
while not ended:
    twists.publish(twist)
    wrenches.publish(WrenchStamped())
node.destroy_node()
rclpy.shutdown()
"""


@contextlib.contextmanager
def flood(it):
    """Run a node that publishes on others' topics from a line on its input on, and shut it down.

    Yields the process. Without commands while it starts, because late answers of a moving robot are
    a fault.
    """
    it.commanding = False
    command = [sys.executable, "-c", FLOOD]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment(), **pipes) as child:
        try:
            assert child.stdout.readline() == "ready\n"
            yield child
        finally:
            child.send_signal(signal.SIGINT)
            child.stdin.close()
            try:
                assert child.wait(20.0) == 0
            finally:
                child.kill()
                it.free()


def test_a_flood_of_foreign_messages_stops_the_robot(it):
    def refused():
        return int(it.figures.get("kuka_bridge: motion refused_foreign", 0))

    sessions, before = it.krc4.statistics.sessions, refused()
    with flood(it) as foreign:
        it.commanding = True
        it.moves()
        foreign.stdin.write("publish\n")
        foreign.stdin.flush()
        it.rests()
        # Not ``tells``: on a busy computer a late answer may have been the first fault.
        until(lambda: "also published by flood" in it.reset(), "a refusal", told=it.told)
        until(lambda: refused() > before + 100, "refused messages")
        it.stays(200)
    # On a busy computer answers may be late, but RSI did not time out.
    assert it.krc4.statistics.sessions == sessions
    assert it.krc4.state is ControllerState.RUNNING
    it.well()
