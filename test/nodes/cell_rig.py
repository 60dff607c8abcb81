"""A cell for assembly_supervisor without physics: an arm, a sensor and a policy; its operator."""

import contextlib
import time
from unittest.mock import patch

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from policy_rig import call, running
from std_msgs.msg import Bool, Empty
from std_srvs.srv import Trigger
from waiting import until

from der_ros.bags.attempt_log import read_attempts
from der_ros.geometry import Pose, Twist
from der_ros.nodes.assembly_supervisor import node as supervisor_node
from der_ros.nodes.assembly_supervisor.node import AssemblySupervisor
from der_ros.nodes.shared.conversions import pose_to_message, twist_from_message, twist_to_message
from der_ros.nodes.shared.qos import LATCHED
from der_ros.tasks import make_task

DT = 0.01
STIFFNESS_N_PER_M = 2e4
STATES = {
    Transition.TRANSITION_CONFIGURE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_ACTIVATE: State.PRIMARY_STATE_ACTIVE,
    Transition.TRANSITION_DEACTIVATE: State.PRIMARY_STATE_INACTIVE,
}


class CellWithoutPolicy:
    """Robot and sensor on the topics of ``node``; the task frame is the robot's base.

    Attributes:
        ground_m: Height of ground that the piece does not pass; None for no ground.
        blocked: True if the arm does not follow commands.
        force_n: Force at the sensor in addition to the ground, before the bias, N.
        torque_nm: Torque at the sensor in addition to the ground, before the bias, Nm.
        bias_errors_n: Errors of the next biases, N; later biases are right.
        drift_mps: Upward speed of the arm while it is commanded to rest, m/s.
        deaf: True if the sensor sends nothing.
        fault: Latched fault that kuka_bridge reports; empty for none.
        calls: Called services, in order.
        moved_at_s: Time of the last command other than zero.
    """

    def __init__(self, node):
        start = make_task("lap_joint").start_pose
        self.pose = Pose(start.position + np.array((0.001, 0.0, 0.002)), start.quaternion)
        self.blocked, self.drift_mps, self.fault, self.calls = False, 0.0, "", []
        self.force_n = self.torque_nm = 0.0
        self.bias_errors_n = []
        self.ground_m, self.deaf, self._zero_n = 0.0, False, 0.0
        self.moved_at_s = self._commanded_at_s = float("-inf")
        self._twist, self._node = Twist.zero(), node
        self._poses = node.create_publisher(PoseStamped, "kuka/tcp_pose", 10)
        self._wrenches = node.create_publisher(WrenchStamped, "netft_data", 10)
        self._diagnostics = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._ready = node.create_publisher(Bool, "netft_ready", LATCHED)
        self._ready.publish(Bool(data=True))
        node.create_subscription(TwistStamped, "kuka/delta_twist_cmds", self._on_command, 10)
        self._serve("ft_bridge/bias", self._bias)
        self._serve("kuka_bridge/stop", lambda: self.set_fault("stopped by kuka_bridge/stop"))
        self._serve("kuka_bridge/reset_fault", lambda: self.set_fault(""))
        node.create_timer(DT, self._step)
        node.create_timer(0.1, self.report)

    def _serve(self, name, action):
        def answer(_request, response):
            self.calls.append(name)
            action()
            response.success = True
            return response

        self._node.create_service(Trigger, name, answer)

    def _bias(self):
        error_n = self.bias_errors_n.pop(0) if self.bias_errors_n else 0.0
        self._zero_n = self.force_n - error_n

    def set_fault(self, text):
        """Latch a fault, or clear it with an empty text."""
        self.fault = text
        self.report()

    def report(self):
        level = DiagnosticStatus.ERROR if self.fault else DiagnosticStatus.OK
        status = DiagnosticStatus(level=level, name="kuka_bridge: robot", message=self.fault)
        self._diagnostics.publish(DiagnosticArray(status=[status]))

    def _on_command(self, message):
        self._twist, self._commanded_at_s = twist_from_message(message), time.monotonic()
        if self._twist.to_array().any():
            self.moved_at_s = self._commanded_at_s

    def _step(self):
        fresh = time.monotonic() - self._commanded_at_s < 0.1 and not self.fault
        twist = self._twist if fresh else Twist.zero()
        if not twist.to_array().any():
            twist = Twist(np.array((0.0, 0.0, self.drift_mps)), np.zeros(3))
        if not self.blocked:
            self.pose = self.pose.moved(twist.linear * DT, twist.angular * DT)
        deep_m = 0.0 if self.ground_m is None else self.ground_m - self.pose.position[2]
        felt_n = STIFFNESS_N_PER_M * max(0.0, deep_m)
        stamp = self._node.get_clock().now().to_msg()
        self._poses.publish(pose_to_message(self.pose, "base_link", stamp))
        wrench = WrenchStamped()
        wrench.header.stamp = stamp
        wrench.wrench.force.z, wrench.wrench.torque.x = (
            self.force_n - self._zero_n + felt_n,
            self.torque_nm,
        )
        if not self.deaf:
            self._wrenches.publish(wrench)


class Cell(CellWithoutPolicy):
    """Cell with a policy that moves straight down.

    Attributes:
        mute: True if the active policy sends no commands.
        stubborn: True if the policy refuses to be deactivated.
        watched: Number of watch messages since activation; the policy moves only after the
            first.
    """

    def __init__(self, node):
        super().__init__(node)
        self.mute = self.stubborn = False
        self._state, self.watched = State.PRIMARY_STATE_UNCONFIGURED, 0
        self._twists = node.create_publisher(TwistStamped, "kuka/delta_twist_cmds", 10)
        node.create_service(ChangeState, "policy_server/change_state", self._on_change)
        node.create_service(GetState, "policy_server/get_state", self._on_get)
        node.create_subscription(Empty, "policy_server/watched", self._on_watched, 1)
        node.create_timer(0.02, self._act)

    def _on_change(self, request, response):
        wanted = request.transition.id
        response.success = wanted in STATES and not (
            self.stubborn and wanted == Transition.TRANSITION_DEACTIVATE
        )
        if response.success:
            self._state, self.watched = STATES[wanted], 0
        return response

    @property
    def active(self):
        return self._state == State.PRIMARY_STATE_ACTIVE

    def _on_watched(self, _message):
        self.watched += 1

    def _on_get(self, _request, response):
        response.current_state.id = self._state
        return response

    def _act(self):
        if self.active and self.watched and not self.mute:
            down = Twist(np.array((0.0, 0.0, -0.04)), np.zeros(3))
            stamp = self._node.get_clock().now().to_msg()
            self._twists.publish(twist_to_message(down, "task_frame", stamp))


def results(run_dir):
    """Return the lines of attempts.jsonl so far."""
    return read_attempts(run_dir).lines


class Supervised:
    """A supervisor in its cell, with the operations of an operator."""

    def __init__(self, node, test, run_dir):
        self.node, self.cell, self.test, self.run_dir = node, Cell(test), test, run_dir

    def start(self):
        assert call(self.test, Trigger, "assembly_supervisor/start", Trigger.Request()).success

    def stop(self):
        call(self.test, Trigger, "assembly_supervisor/stop", Trigger.Request())

    def phase_is(self, text):
        return until(lambda: text in self.node._phase, 20.0)

    def lines(self, number):
        """Wait for this number of lines and return all of the log."""
        assert until(lambda: len(results(self.run_dir)) >= number, 20.0), self.node._phase
        return results(self.run_dir)

    def result(self, number):
        """Wait for the line of this number and return it."""
        return self.lines(number)[number - 1]

    def stands(self):
        """Return True if only zero velocity is commanded for a while."""
        began_s = time.monotonic()
        return not until(lambda: self.cell.moved_at_s > began_s, 0.5)


@contextlib.contextmanager
def supervised(run_dir, **parameters):
    """Run a supervisor in a cell, without a recorder; yield it as ``Supervised``."""
    given = {"run_dir": run_dir, "record": "false", **parameters}
    # This cell is healthy from the start, so the first attempt need not wait long for that.
    settled = patch.object(supervisor_node, "SETTLED_S", 0.1)
    with settled, running(AssemblySupervisor, **given) as (node, test):
        try:
            yield Supervised(node, test, run_dir)
        finally:
            node.finished.set()
