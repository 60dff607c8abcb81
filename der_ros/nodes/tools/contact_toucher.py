"""Robot and sensor on their topics, for ``identify_contact``."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rclpy.qos import QoSProfile, qos_profile_system_default
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger

from der_ros.control.approach import CellError
from der_ros.control.attempt_watch import Freshness, insertion_force_n
from der_ros.control.contact.touching import ContactTouching, TouchSample
from der_ros.control.frame_names import TASK_FRAME
from der_ros.control.stamps import stamp_ns
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, Twist
from der_ros.nodes.shared.conversions import (
    pose_from_message,
    twist_from_message,
    twist_to_message,
    wrench_from_message,
)
from der_ros.nodes.shared.health_reports import HealthReports
from der_ros.nodes.shared.key_values import from_status
from der_ros.nodes.shared.middleware import keep_processes_apart
from der_ros.nodes.shared.node_process import ShellNode, spinning
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.qos import LATCHED_AMONG_OTHERS, READINGS, RELIABLE_READINGS
from der_ros.nodes.shared.service_calls import ServiceCalls
from der_ros.nodes.shared.sources import CHECK_S, Sources
from der_ros.policy.governor import GovernorLimits
from der_ros.policy.limits import limits_from_texts

NAME = "identify_contact"
"""Name of the node, for ``command_publishers`` of ``kuka_bridge``."""

_COMMANDS = "kuka/delta_twist_cmds"
_BIAS = "ft_bridge/bias"
_WATCHED = ("kuka_bridge", "ft_bridge")
_POLL_S, _PATIENCE_S, _REST_S = 0.002, 10.0, 0.3


class ContactToucher(ShellNode):
    """Node that carries out touches.

    Args:
        cell: Parameters of the cell, with ``task_frame`` and ``tcp_from_sensor``.
        namespace: Namespace of the cell's nodes.
    """

    def __init__(self, cell: Mapping[str, object], namespace: str) -> None:
        super().__init__(NAME, namespace=namespace)
        self._task_from_base = _pose(cell, "task_frame").inverse()
        self._tcp_from_sensor = _pose(cell, "tcp_from_sensor")
        own = self.get_fully_qualified_name()
        bridge = dict.fromkeys(("kuka/tcp_pose", "kuka/twist_applied", "kuka/limits"), _WATCHED[0])
        self._sources = Sources(
            self, {**bridge, "netft_data": _WATCHED[1], _COMMANDS: own}, {_BIAS: _WATCHED[1]}
        )
        self._poses = self._subscribe(PoseStamped, "kuka/tcp_pose", RELIABLE_READINGS)
        self._applied = self._subscribe(TwistStamped, "kuka/twist_applied", RELIABLE_READINGS)
        self._wrenches = self._subscribe(WrenchStamped, "netft_data", READINGS)
        self._limits = self._subscribe(DiagnosticStatus, "kuka/limits", LATCHED_AMONG_OTHERS)
        self._health = HealthReports(self, _WATCHED, self._sources.trusted)
        self._commands = self.create_publisher(TwistStamped, _COMMANDS, qos_profile_system_default)
        self._bias = self.create_client(Trigger, _BIAS)
        self._calls = ServiceCalls(self, self._sources, _PATIENCE_S)
        self._fresh, self._failure = Freshness(), ""
        self._sent: dict[int, float] = {}
        self._before_ns, self._sent_mps = -1, 0.0
        self._readings: list[Array] = []
        self._forces: list[float] = []

    def _subscribe(self, kind: type, topic: str, qos: QoSProfile) -> PolledSubscription:
        return PolledSubscription(self, kind, topic, qos, rightful=self._sources.topic(topic))

    def fail(self, error: BaseException) -> None:
        """End the procedure, because this node no longer checks the sources of its topics."""
        self._failure = f"{NAME} failed: {error!r}"

    def wait_for_limits(self) -> GovernorLimits:
        """Wait for poses, forces and limits, and return the limits of the robot.

        Raises:
            CellError: One does not come, a source is not rightful, or a node has a fault.
            ContractError: The limits are incomplete.
        """
        deadline_s, limits = time.monotonic() + _PATIENCE_S, None
        while limits is None or self._fresh.stale(time.monotonic()):
            if self._failure:
                raise CellError(self._failure)
            if time.monotonic() > deadline_s:
                missing = self._fresh.stale(time.monotonic()) or "no limits on kuka/limits"
                raise CellError(f"{missing}: are kuka_bridge and ft_bridge running and ready?")
            newest = self._limits.newest()
            if newest is not None:
                limits = limits_from_texts(from_status(newest.message))
            self._samples()
            time.sleep(_POLL_S)
        # By now, each publisher of commands is known.
        self._wait(2.0 * CHECK_S)
        self._check()
        return limits

    def bias(self) -> None:
        """Rest, and take the sensor's bias.

        Raises:
            CellError: The service is missing, has a wrong server, does not answer or refuses.
        """
        self._rest()
        self._calls.call(self._bias, Trigger.Request(), _BIAS)
        self._rest()

    def carry_out(self, touching: ContactTouching, tell: Callable[[str], None]) -> None:
        """Carry out the procedure; command rest at the end and after an error.

        Args:
            touching: Procedure.
            tell: Function that receives each stage.

        Raises:
            CellError: The robot or the sensor falls silent or has a fault, or another node
                commands the robot.
            ContactFitError: The procedure cannot go on.
        """
        stage = ""
        try:
            while True:
                self._check()
                for sample in self._samples():
                    twist = touching.step(sample)
                    if twist is None:
                        return
                    self._command(twist)
                if touching.stage != stage:
                    stage = touching.stage
                    tell(stage)
                time.sleep(_POLL_S)
        finally:
            self._rest()

    def _samples(self) -> list[TouchSample]:
        """Return the measurements since the last call, one for each pose."""
        # The poses first: the answer to the pose before has then come too.
        poses = list(self._poses.take())
        for applied in self._applied.take():
            at_ns = stamp_ns(applied.message.header.stamp)
            self._sent[at_ns] = float(twist_from_message(applied.message).linear[2])
        for reading in self._wrenches.take():
            self._readings.append(wrench_from_message(reading.message).force)
            self._fresh.wrench_s = reading.arrived_s
        return [self._sample(received.message, received.arrived_s) for received in poses]

    def _sample(self, message: PoseStamped, arrived_s: float) -> TouchSample:
        at_ns = stamp_ns(message.header.stamp)
        pose = self._task_from_base @ pose_from_message(message)
        self._fresh.pose_s = arrived_s
        if self._readings:
            self._forces = [
                insertion_force_n(pose, self._tcp_from_sensor, force) for force in self._readings
            ]
            self._readings = []
        # The robot's bridge stamps a pose and the answer to it alike.
        self._sent_mps = self._sent.get(self._before_ns, self._sent_mps)
        self._sent = {at: mps for at, mps in self._sent.items() if at >= at_ns}
        self._before_ns = at_ns
        forces = self._forces or [0.0]
        return TouchSample(1e-9 * at_ns, pose, self._sent_mps, float(np.mean(forces)), max(forces))

    def _check(self) -> None:
        self._health.take()
        wrong = (*self._sources.wrong, *self._health.wrong, *self._health.faults.values())
        problem = self._failure or "; ".join(wrong) or self._fresh.stale(time.monotonic())
        if problem:
            raise CellError(problem)

    def _command(self, twist: Twist) -> None:
        stamp = self.get_clock().now().to_msg()
        self._commands.publish(twist_to_message(twist, TASK_FRAME, stamp))

    def _rest(self) -> None:
        """Command rest for some cycles."""
        end_s = time.monotonic() + _REST_S
        while time.monotonic() < end_s:
            self._command(Twist.zero())
            # A pose that cannot be used must not end the rest, nor hide the error before it.
            with suppress(ConfigurationError):
                self._samples()
            time.sleep(0.02)

    def _wait(self, duration_s: float) -> None:
        end_s = time.monotonic() + duration_s
        while time.monotonic() < end_s:
            self._samples()
            time.sleep(_POLL_S)


def _pose(cell: Mapping[str, object], name: str) -> Pose:
    values = cell.get(name)
    if not isinstance(values, (list, tuple)):
        raise ConfigurationError(f"{name}: expected seven numbers in the cell's file, got {values}")
    return Pose.from_sequence(values, f"parameter {name}")


def touch_ground(
    touching: ContactTouching,
    cell: Mapping[str, object],
    namespace: str,
    accept: Callable[[GovernorLimits], None],
    tell: Callable[[str], None],
) -> GovernorLimits:
    """Carry out the procedure on running nodes and return the limits of the robot.

    Args:
        touching: Procedure.
        cell: Parameters of the cell, with ``task_frame`` and ``tcp_from_sensor``.
        namespace: Namespace of the cell's nodes.
        accept: Function that receives the limits of the robot before it moves; it may raise.
        tell: Function that receives each stage.

    Raises:
        DerRosError: The cell or the procedure cannot go on; the robot rests.
        KeyboardInterrupt: The process receives SIGINT or SIGTERM; the robot rests.
    """
    # A process started in the background by a shell ignores SIGINT by default.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    keep_processes_apart()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = ContactToucher(cell, namespace)
        try:
            with spinning(node, on_error=node.fail):
                limits = node.wait_for_limits()
                accept(limits)
                node.bias()
                node.carry_out(touching, tell)
                return limits
        finally:
            node.close()
            node.destroy_node()
    finally:
        rclpy.try_shutdown()
