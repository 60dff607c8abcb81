"""The tool identify_contact on running topics: a mass above a spring stands for the cell."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger
from touching_rig import ABOVE_M, CYCLE_S, SpringCell, limits_of
from waiting import until

from der_ros.control.approach import CellError
from der_ros.control.contact.touching import ContactTouching, TouchingPlan
from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, Twist
from der_ros.nodes.shared.conversions import pose_to_message, twist_to_message
from der_ros.nodes.shared.key_values import to_status
from der_ros.nodes.shared.qos import LATCHED
from der_ros.nodes.tools import contact_toucher
from der_ros.nodes.tools.contact_toucher import ContactToucher, touch_ground

QUICK = ("--rounds", "1", "--presses", "2", "--press-speed-mps", "0.001")
TASK_FRAME = [1.35, 0.25, 0.75, 0.0, 0.0, 0.25881904510252074, 0.9659258262890683]
MASS_KG, STIFFNESS = 60.0, 2e5

pytestmark = pytest.mark.ros


class Cell:
    """Nodes kuka_bridge and ft_bridge of a mass above a spring.

    Attributes:
        commands: Commanded speeds along z, m/s, in order.
        lowest_m: Lowest height of the piece, m.
    """

    def __init__(self, context):
        self.bridge = rclpy.create_node("kuka_bridge", context=context)
        self.sensor = rclpy.create_node("ft_bridge", context=context)
        self._base_from_task = Pose.from_sequence(TASK_FRAME)
        self._spring = SpringCell(MASS_KG, STIFFNESS)
        self._goal = self._sent = 0.0
        self._now = self.bridge.get_clock().now()
        self._height, self._force = ABOVE_M[2], 0.0
        self.commands, self.lowest_m = [], ABOVE_M[2]
        self._poses = self.bridge.create_publisher(PoseStamped, "kuka/tcp_pose", 10)
        self._applied = self.bridge.create_publisher(TwistStamped, "kuka/twist_applied", 10)
        self._limits = self.bridge.create_publisher(DiagnosticStatus, "kuka/limits", LATCHED)
        self._wrenches = self.sensor.create_publisher(WrenchStamped, "netft_data", 10)
        self._limits.publish(to_status("governor limits", asdict(limits_of("kr60"))))
        self.bridge.create_subscription(TwistStamped, "kuka/delta_twist_cmds", self._take, 10)
        self.sensor.create_service(Trigger, "ft_bridge/bias", self._bias)
        self.bridge.create_timer(CYCLE_S, self._cycle)

    @staticmethod
    def _bias(_request, response):
        response.success = True
        return response

    def _take(self, message):
        self._goal = message.twist.linear.z
        self.commands.append(self._goal)

    def _cycle(self):
        # Stamps of the model's time: a timer that is late does not matter.
        self._now += Duration(nanoseconds=round(1e9 * CYCLE_S))
        stamp = self._now.to_msg()
        position = np.array((*ABOVE_M[:2], self._height))
        pose = self._base_from_task @ Pose(position, Pose.identity().quaternion)
        wrench = WrenchStamped()
        wrench.header.stamp, wrench.wrench.force.z = stamp, self._force
        self._wrenches.publish(wrench)
        self._poses.publish(pose_to_message(pose, "base_link", stamp))
        self._sent += min(CYCLE_S, max(-CYCLE_S, self._goal - self._sent))
        sent = Twist(np.array((0.0, 0.0, self._sent)), np.zeros(3))
        self._applied.publish(twist_to_message(sent, "task_frame", stamp))
        self._height, self._force = self._spring.move(self._sent)
        self.lowest_m = min(self.lowest_m, self._height)


@contextlib.contextmanager
def running(*others):
    """Run the cell, with further nodes that command the robot, and yield it."""
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    executor = SingleThreadedExecutor(context=context)
    cell = Cell(context)
    nodes = [cell.bridge, cell.sensor]
    for name in others:
        nodes.append(rclpy.create_node(name, context=context))
        nodes[-1].create_publisher(TwistStamped, "kuka/delta_twist_cmds", 10)
    for node in nodes:
        executor.add_node(node)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    try:
        yield cell
    finally:
        executor.shutdown()
        thread.join()
        for node in nodes:
            node.destroy_node()
        rclpy.shutdown(context=context)


@contextlib.contextmanager
def tool(*options):
    command = [sys.executable, "-m", "der_ros.cli.identify_contact", "--json", *QUICK, *options]
    with subprocess.Popen(
        command, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            yield child
        finally:
            child.kill()


@pytest.mark.alone
def test_a_pose_that_is_none_does_not_end_the_rest(monkeypatch):
    toucher, commands = ContactToucher.__new__(ContactToucher), []

    def refuse():
        raise ConfigurationError("position: expected finite numbers, got nan")

    monkeypatch.setattr(contact_toucher, "_REST_S", 0.1)
    toucher._samples, toucher._command = refuse, commands.append
    toucher._rest()
    assert len(commands) > 1
    assert not any(twist.to_array().any() for twist in commands)


def test_a_callback_that_fails_ends_the_touches(monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda _number, _handler: None)
    monkeypatch.setattr(contact_toucher.Sources, "check", lambda _sources: 1 // 0)
    touching = ContactTouching(TouchingPlan())
    cell = {"task_frame": TASK_FRAME, "tcp_from_sensor": [0.0] * 6 + [1.0]}
    with running() as there, pytest.raises(CellError, match="ZeroDivisionError"):
        touch_ground(touching, cell, "", lambda _limits: None, lambda _stage: None)
    assert not any(there.commands)


def test_touches_through_topics_find_the_contact():
    with running() as cell, tool() as child:
        out, errors = child.communicate(timeout=120)
    assert child.returncode == 0, errors
    found = json.loads(out)
    assert found["contact_stiffness_n_per_m"]["value"] == pytest.approx(STIFFNESS, rel=0.15)
    assert found["contact_mass_kg"]["value"] == pytest.approx(MASS_KG, rel=0.15)
    assert cell.commands[-1] == 0.0


def test_another_commander_ends_it_before_it_moves():
    with running("policy_server") as cell, tool() as child:
        out, errors = child.communicate(timeout=60)
    assert (child.returncode, out) == (1, "")
    assert "kuka/delta_twist_cmds is also published by policy_server" in errors
    assert not any(cell.commands)


@pytest.mark.alone
def test_an_interrupt_brings_the_robot_to_rest():
    with running() as cell, tool() as child:
        assert until(lambda: cell.lowest_m < ABOVE_M[2] - 0.001, 40.0)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=30)
        assert until(lambda: cell.commands[-1] == 0.0)
    assert child.returncode == 130
    assert "interrupted" in errors
    assert "Traceback" not in errors
