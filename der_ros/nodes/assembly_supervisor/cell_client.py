"""Client of the cell: all topics that the supervisor reads and all services that it calls.

All topics are polled; the latched ones also by a timer in the executor's thread. Many methods
block, so call them from one thread other than the executor's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rclpy.qos import qos_profile_system_default
from std_msgs.msg import Bool, Empty
from std_srvs.srv import Trigger

from der_ros.control.approach import CellError
from der_ros.control.attempt_watch import SILENT_AFTER_S, Freshness, insertion_force_n
from der_ros.control.frame_names import TASK_FRAME
from der_ros.control.watch_lease import INACTIVE, NOT_CONFIGURED, WATCHED_TOPIC
from der_ros.errors import ConfigurationError, ContractError
from der_ros.geometry import Pose, Twist, Wrench
from der_ros.nodes.assembly_supervisor.operator_requests import REQUESTS
from der_ros.nodes.shared.conversions import (
    CellFrames,
    pose_from_message,
    twist_from_message,
    twist_to_message,
    wrench_from_message,
)
from der_ros.nodes.shared.health_reports import HealthReports
from der_ros.nodes.shared.key_values import from_status
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.qos import LATCHED_AMONG_OTHERS
from der_ros.nodes.shared.service_calls import POLL_S, ServiceCalls
from der_ros.nodes.shared.sources import Sources
from der_ros.nodes.shared.steady import steady_timer
from der_ros.policy.attempt import MeanWrench, PeakWrench
from der_ros.policy.governor import GovernorLimits
from der_ros.policy.limits import limits_from_texts

logger = logging.getLogger("assembly_supervisor")

WATCHED_NODES = ("kuka_bridge", "ft_bridge", "policy_server")
# Services that clear a latched fault; a sensor error ends with its cause.
RESETS = {node: f"{node}/reset_fault" for node in ("kuka_bridge", "policy_server")}
LATCHED_PERIOD_S = 0.1
_POLICY_STATUS = "policy_server: policy"
_WRONG = "sources"
_OWN_TOPICS = [
    f"assembly_supervisor/{name}" for name in ("status", "feedback", "result", "attempt")
]
REMIND_S = 10.0
# Ten messages within the watch timeout that the launch files set.
WATCHED_PERIOD_S = 0.05


def _topics(node: ShellNode) -> dict[str, str]:
    """Return the rightful publishers of each topic that an attempt relies on."""
    own = node.get_fully_qualified_name()
    return {
        "kuka/tcp_pose": "kuka_bridge",
        "kuka/limits": "kuka_bridge",
        "netft_data": "ft_bridge",
        "netft_ready": "ft_bridge",
        "kuka/delta_twist_cmds": f"policy_server {own}",
        "sim_cell/goal_pose": "sim_cell",
        WATCHED_TOPIC: own,
        **dict.fromkeys(_OWN_TOPICS, own),
    }


def _services(node: ShellNode) -> dict[str, str]:
    """Return the rightful server of each service that an attempt calls or offers."""
    theirs = (
        "policy_server/change_state",
        "policy_server/get_state",
        "ft_bridge/bias",
        "sim_cell/reset",
        "kuka_bridge/stop",
        "bag_recorder/record",
        *RESETS.values(),
    )
    return {
        **{name: name.partition("/")[0] for name in theirs},
        **dict.fromkeys(REQUESTS, node.get_fully_qualified_name()),
    }


class CellClient:
    """Client of sensor, robot, policy, recorder and simulated cell.

    Args:
        node: Supervisor node.
        frames: Fixed frames of the cell.
        service_timeout_s: Default time to wait for a service and for its response, s.

    Attributes:
        sensor_ready: True if ``ft_bridge`` reports the sensor as ready.
        goal: Assembled pose of the held piece in the task frame: the true one, if a simulated cell
            publishes it, else the nominal one (identity).
        peak: Peak wrench since ``restart_readings``.
        mean: Mean wrench since ``restart_readings``.
        commanded: Newest commanded twist of the held piece, task axes.
        insertion_force_n: Force of the ground on the piece along the insertion axis, N; mean of
            the readings of the latest poll.
        limits: Limits of the robot; None until ``kuka_bridge`` publishes them.
        action_repeat: Number of control periods for which the policy keeps each action under the
            robot's force budget.
        sources: Watch over the rightful sources.
        calls: Caller of the cell's services.
    """

    def __init__(self, node: ShellNode, frames: CellFrames, service_timeout_s: float) -> None:
        self._node = node
        self._task_from_base = frames.base_from_task.inverse()
        self._tcp_from_sensor = frames.tcp_from_sensor
        self._pose: Pose | None = None
        self._fresh = Freshness()
        self.sensor_ready = False
        self.goal = Pose.identity()
        self.peak, self.mean = PeakWrench(), MeanWrench()
        self.commanded = Twist.zero()
        self.insertion_force_n = 0.0
        self.limits: GovernorLimits | None = None
        self.action_repeat = 1
        self._refused_goals = 0
        self.sources = Sources(node, _topics(node), _services(node))
        self.calls = ServiceCalls(node, self.sources, service_timeout_s)
        self._latched_lock = threading.Lock()
        self._poses = self._subscribe(PoseStamped, "kuka/tcp_pose", 1)
        self._wrenches = self._subscribe(WrenchStamped, "netft_data", 100)
        self._commands = self._subscribe(TwistStamped, "kuka/delta_twist_cmds", 10)
        self._readiness = self._subscribe(Bool, "netft_ready", LATCHED_AMONG_OTHERS)
        self._goals = self._subscribe(PoseStamped, "sim_cell/goal_pose", LATCHED_AMONG_OTHERS)
        self._limits = self._subscribe(DiagnosticStatus, "kuka/limits", LATCHED_AMONG_OTHERS)
        self._health = HealthReports(node, WATCHED_NODES, self.sources.trusted)
        steady_timer(node, LATCHED_PERIOD_S, self._read_latched)
        self._twists = node.create_publisher(
            TwistStamped, "kuka/delta_twist_cmds", qos_profile_system_default
        )
        self._watched = node.create_publisher(Empty, WATCHED_TOPIC, 1)
        self._watched_s = float("-inf")
        self._triggers = {
            name: node.create_client(Trigger, name)
            for name in ("ft_bridge/bias", "sim_cell/reset", "kuka_bridge/stop", *RESETS.values())
        }

    def _subscribe(self, message_class: Any, topic: str, qos: Any) -> PolledSubscription:
        rightful = self.sources.topic(topic)
        return PolledSubscription(self._node, message_class, topic, qos, rightful=rightful)

    def _read_latched(self) -> None:
        """Read readiness, goal, limits and diagnostics; safe to call from several threads."""
        with self._latched_lock:
            ready, goal = self._readiness.newest(), self._goals.newest()
            if ready is not None:
                self.sensor_ready = bool(ready.message.data)
            if goal is not None:
                self._take_goal(goal.message)
            if (limits := self._limits.newest()) is not None:
                self._take_limits(limits.message)
            self._health.take()

    @property
    def faults(self) -> dict[str, str]:
        """Errors of the watched nodes by status name, plus the problems with sources."""
        wrong = (*self.sources.wrong, *self._health.wrong)
        return {**self._health.faults, **({_WRONG: "; ".join(wrong)} if wrong else {})}

    def _poll(self) -> None:
        """Read the newest pose, wrenches and commands."""
        self._read_latched()
        pose = self._poses.newest()
        if pose is not None:
            # An invalid pose is ignored, so the one before it becomes stale.
            with suppress(ConfigurationError):
                self._pose = self._task_from_base @ pose_from_message(pose.message)
                self._fresh.pose_s = pose.arrived_s
        readings = []
        for received in self._wrenches.take():
            readings.append(wrench_from_message(received.message))
            self.peak.add(readings[-1])
            self.mean.add(readings[-1])
            self._fresh.wrench_s = received.arrived_s
        self._update_insertion_force(readings)
        for command in self._commands.take():
            self.commanded = twist_from_message(command.message)
            self._fresh.command_s = command.arrived_s

    def _update_insertion_force(self, readings: Sequence[Wrench]) -> None:
        """Set ``insertion_force_n`` from the mean of the readings, along z of the task frame."""
        if self._pose is None or not readings:
            return
        forces = zip(*[reading.force.tolist() for reading in readings], strict=True)
        mean = [sum(axis) / len(readings) for axis in forces]
        self.insertion_force_n = insertion_force_n(self._pose, self._tcp_from_sensor, mean)

    @property
    def refused(self) -> int:
        """Number of messages refused for their content, stamp or goal pose."""
        polled = (
            self._poses,
            self._wrenches,
            self._commands,
            self._goals,
            self._limits,
            self._readiness,
        )
        refused = sum([topic.refused for topic in polled])
        return self._refused_goals + self._health.refused + refused

    def _take_goal(self, message: PoseStamped) -> None:
        try:
            self.goal = pose_from_message(message)
        except ConfigurationError as error:
            self._refused_goals += 1
            logger.warning("sim_cell/goal_pose refused: %s", error)

    def _take_limits(self, message: DiagnosticStatus) -> None:
        try:
            limits = limits_from_texts(from_status(message))
            self.limits, self.action_repeat = limits, limits.action_repeat()
        except ContractError as error:
            logger.warning("kuka/limits refused: %s", error)

    def pose(self) -> Pose:
        """Return the newest pose of the held piece in the task frame.

        Raises:
            CellError: No pose has been received yet.
        """
        self._poll()
        return self.known_pose()

    def known_pose(self) -> Pose:
        """Return the pose of the held piece in the task frame as of the latest poll.

        Raises:
            CellError: No pose has been received yet.
        """
        if self._pose is None:
            raise CellError("no robot pose has come yet")
        return self._pose

    def restart_readings(self) -> None:
        """Reset the peak and the mean wrench and discard readings that arrived before."""
        self._poll()
        self.peak, self.mean = PeakWrench(), MeanWrench()

    def problem(self) -> str:
        """Return the faults or the stale input that forbid motion; empty if there are none."""
        self._poll()
        return self._problem(time.monotonic())

    def _problem(self, now_s: float) -> str:
        return self.fault_text() or self._fresh.stale(now_s)

    def restart_commands(self) -> None:
        """Discard earlier commands and restart the timeout for commands of the policy."""
        self._poll()
        self.commanded, self._fresh.command_s = Twist.zero(), time.monotonic()

    def publish_watched(self) -> None:
        """Publish ``policy_server/watched`` if it is due; call it in every watch cycle."""
        now_s = time.monotonic()
        if now_s - self._watched_s >= WATCHED_PERIOD_S:
            self._watched_s = now_s
            self._watched.publish(Empty())

    def check(self) -> str:
        """Poll once for a watch cycle; return what forbids motion, or the policy's silence.

        ``known_pose``, ``commanded`` and ``insertion_force_n`` are then of this cycle.
        """
        self._poll()
        now_s = time.monotonic()
        return self._problem(now_s) or self._silence(now_s)

    def _silence(self, now_s: float) -> str:
        """Return an error message if the policy has stopped sending commands, else empty text."""
        if not self._fresh.is_silent(now_s):
            return ""
        return f"policy_server has sent no command for {SILENT_AFTER_S:g} s: {self._why_silent()}"

    def _why_silent(self) -> str:
        """Return what is known about a policy that sends no commands."""
        own = [
            text for name, text in self._health.warnings.items() if name.startswith("policy_server")
        ]
        if own:
            return own[0]
        if self._health.messages.get(_POLICY_STATUS) in (INACTIVE, NOT_CONFIGURED):
            return "another node has deactivated it"
        return "is it still running?"

    def fault_text(self) -> str:
        """Return all faults in one line; empty if there are none."""
        return "; ".join(self.faults.values())

    def command(self, twist: Twist) -> None:
        """Publish a twist command for the held piece, task axes."""
        stamp = self._node.get_clock().now().to_msg()
        self._twists.publish(twist_to_message(twist, TASK_FRAME, stamp))

    def trigger(self, name: str) -> str:
        """Call a Trigger service of the cell and return its message.

        Raises:
            CellError: The service is missing, does not answer, or refuses.
        """
        return str(self.calls.call(self._triggers[name], Trigger.Request(), name).message)

    def reset_faults(self) -> None:
        """Call the reset service of each node with a latched fault.

        Raises:
            CellError: A node refuses or does not answer.
        """
        for node in {name.split(":")[0] for name in list(self.faults)} & set(RESETS):
            self.trigger(RESETS[node])

    def wait(
        self,
        predicate: Callable[[], bool],
        timeout_s: float,
        what: str,
        lasting_s: float = 0.0,
    ) -> None:
        """Block until ``predicate()`` is true; log a reminder every ``REMIND_S``.

        Args:
            predicate: Condition, evaluated every ``POLL_S``.
            timeout_s: Longest time to wait, s.
            what: Awaited event, for messages.
            lasting_s: Time for which the condition must hold without interruption, s.

        Raises:
            CellError: ``timeout_s`` has passed, or the process is ending.
        """
        began_s = reminded_s = time.monotonic()
        since_s: float | None = None
        while True:
            now = time.monotonic()
            if predicate():
                since_s = now if since_s is None else since_s
                if now - since_s >= lasting_s:
                    return
            else:
                since_s = None
            if self._node.is_ending:
                raise CellError("the supervisor is ending")
            if now - began_s > timeout_s:
                raise CellError(f"expected {what} within {timeout_s:g} s, got none")
            if now - reminded_s > REMIND_S:
                reminded_s = now
                logger.warning("still waiting for %s, since %.0f s", what, now - began_s)
            time.sleep(POLL_S)
