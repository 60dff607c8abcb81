"""Moves a robot by Cartesian velocity commands, limited by the motion governor.

The link to the robot is RSI (a KRC4), or joint positions under ros2_control (an LBR iiwa or any
other arm).

Subscribed topics: ``kuka/delta_twist_cmds`` (TwistStamped in task_frame, base_link or tcp),
``netft_data``.
Published topics: ``kuka/tcp_pose`` (base_link), ``kuka/joint_states``, ``kuka/twist_applied`` (the
sent twist, task_frame), ``kuka/cycle_inputs`` (inputs and decision of each cycle, for replay),
``kuka/limits`` (latched DiagnosticStatus; for one more release also as JSON text on
``kuka/governor_limits``), ``/diagnostics``.
Services: ``kuka_bridge/stop``, ``kuka_bridge/reset_fault``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped, WrenchStamped
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import String
from std_srvs.srv import Trigger

from der_ros.control.bridge_motion import BridgeMotion
from der_ros.control.realtime_process import RealtimeProcess
from der_ros.control.robot_link import Callbacks, RobotLink
from der_ros.control.stamps import stamp_age_s, stamp_ns
from der_ros.control.status import Level, Status
from der_ros.drivers.motion import MeasuredRobot, SentMotion
from der_ros.geometry import Twist
from der_ros.nodes.kuka_bridge.parameters import (
    TUNABLE_LIMITS,
    declare_motion,
    require_limits,
    require_sources,
)
from der_ros.nodes.kuka_bridge.ros2_control import JointLink
from der_ros.nodes.kuka_bridge.rsi import RsiLink
from der_ros.nodes.kuka_bridge.state_publisher import STATE_TOPICS, StatePublisher
from der_ros.nodes.shared.conversions import (
    twist_from_message,
    wrench_from_message,
)
from der_ros.nodes.shared.diagnostics import DiagnosticsPublisher
from der_ros.nodes.shared.free_publisher import publishing_grant
from der_ros.nodes.shared.key_values import to_status
from der_ros.nodes.shared.node_process import ShellNode, run_node
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.qos import LATCHED
from der_ros.nodes.shared.sources import Sources
from der_ros.nodes.shared.steady import steady_timer
from der_ros.nodes.shared.tuning import Tuning, highest
from der_ros.parameters.kuka_bridge import BridgeParameters
from der_ros.policy.governor import GovernorLimits
from der_ros.policy.limits import limits_to_json

_NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
# Best effort: the next reading arrives before a lost one could be resent.
_NEWEST_READING = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
_REMIND_S = 30.0
_WATCH_S = 0.05
# A ramp from full speed takes a tenth of _REST_S.
_REST_S, _REST_POLL_S = 1.0, 0.004
_COMMANDS, _WRENCHES = "kuka/delta_twist_cmds", "netft_data"
_OWN_TOPICS = (*STATE_TOPICS, "kuka/limits", "kuka/governor_limits")
_SERVICES = ("kuka_bridge/stop", "kuka_bridge/reset_fault")
_LINKS: dict[str, Callable[[ShellNode, Callbacks], RobotLink]] = {
    "rsi": RsiLink,
    "ros2_control": JointLink,
}


class KukaBridge(ShellNode):
    """Node that sends governed motion to the robot in each cycle and publishes its state."""

    def __init__(self) -> None:
        super().__init__("kuka_bridge")
        parameters = declare_settings(self, BridgeParameters)
        callbacks = Callbacks(self._on_cycle, self._on_answered, self._on_lost)
        self._link: RobotLink = _LINKS[parameters.robot](self, callbacks)
        if not (parameters.simulated_robot or self._link.is_on_this_host):
            require_limits(self)
            require_sources(parameters)
        motion = declare_motion(self, self._link.cycle_s, parameters.stiffness_n_per_m)
        self._motion = BridgeMotion(motion)
        self._every = parameters.publish_every
        self._sources = self._make_sources(parameters)
        self._dropped_reported = 0
        self._connected = False
        self._reported_fault: str | None = None
        self._reminded_s = float("-inf")
        self._refusal, self._refusal_logged_s = "", float("-inf")
        self._answers = 0
        self._make_topics()
        self._states = StatePublisher(
            self,
            motion.base_frame,
            lambda: self._link.joint_names,
            self._motion.applied,
            parameters.publish_wire,
            self._motion.latch,
        )
        self._tuning = Tuning(
            self, highest(motion.limits, TUNABLE_LIMITS), self._tuned_limits, self._tune
        )
        self._publish_limits()
        self._realtime = RealtimeProcess("kuka_bridge", self._link.realtime_priority)
        for close in (self._realtime.close, self._states.stop, self._link.close):
            self.resources.callback(close)
        self._link.open()
        self._states.start()
        self._realtime.freeze_garbage()

    def _make_sources(self, parameters: BridgeParameters) -> Sources:
        """Return the watch over all publishers and servers; a wrong one is a fault."""
        own = self.get_fully_qualified_name()
        topics = {
            _COMMANDS: parameters.command_publishers,
            _WRENCHES: parameters.wrench_publishers,
            **dict.fromkeys(_OWN_TOPICS, own),
        }
        services = dict.fromkeys(_SERVICES, own)
        return Sources(self, topics, services, self._motion.latch, self._link.find_rival)

    def _make_topics(self) -> None:
        self._limits = self.create_publisher(DiagnosticStatus, "kuka/limits", LATCHED)
        self._limits_as_json = self.create_publisher(String, "kuka/governor_limits", LATCHED)
        rightful = self._sources.topic
        self._commands = PolledSubscription(
            self, TwistStamped, _COMMANDS, _NEWEST, rightful=rightful(_COMMANDS)
        )
        self._wrenches = PolledSubscription(
            self, WrenchStamped, _WRENCHES, _NEWEST_READING, rightful=rightful(_WRENCHES)
        )
        self.create_service(Trigger, "kuka_bridge/stop", self._on_stop)
        self.create_service(Trigger, "kuka_bridge/reset_fault", self._on_reset)
        steady_timer(self, _WATCH_S, self._watch)
        self._diagnostics = DiagnosticsPublisher(self, self._link.hardware_id, self._report)

    @property
    def link(self) -> RobotLink:
        """Link to the robot: RSI or ros2_control."""
        return self._link

    def close(self) -> None:
        """Bring the robot to rest, then close the link."""
        self._motion.end()
        deadline_s = time.monotonic() + _REST_S
        while self._link.connected and self._motion.moving and time.monotonic() < deadline_s:
            time.sleep(_REST_POLL_S)
        super().close()

    def _publish_limits(self) -> None:
        limits = self._motion.limits
        self._limits.publish(to_status("governor limits", asdict(limits)))
        self._limits_as_json.publish(String(data=limits_to_json(limits)))

    def _tuned_limits(self, values: Mapping[str, Any]) -> GovernorLimits:
        limits = replace(self._motion.limits, **values)
        limits.check_budget(self._link.cycle_s)
        return limits

    def _tune(self, limits: GovernorLimits) -> None:
        self._motion.set_limits(limits)
        self._publish_limits()
        self.get_logger().info(f"limits lowered: {limits}")

    def _log_refusal(self) -> None:
        refusal, now_s = self._refusal, time.monotonic()
        if refusal and now_s - self._refusal_logged_s > 1.0:
            self._refusal, self._refusal_logged_s = "", now_s
            self.get_logger().warning(f"{_COMMANDS} refused: {refusal}")

    def _take_command(self, message: TwistStamped) -> str | None:
        """Accept a command and return None, or return the reason for refusing it."""
        twist, header = twist_from_message(message), message.header
        age_s = stamp_age_s(self.get_clock().now().nanoseconds, header.stamp)
        return self._motion.accept_command(twist, header.frame_id, age_s, stamp_ns(header.stamp))

    def _on_stop(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._motion.latch("stopped by kuka_bridge/stop")
        response.success, response.message = True, self._motion.fault or ""
        return response

    def _on_reset(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Clear a latched fault, unless what caused it is still there."""
        causes = self._lasting_causes()
        response.success = not causes
        if causes:
            response.message = f"not cleared: {'; '.join(causes)}"
        else:
            fault = self._motion.reset()
            response.message = "there was no fault" if fault is None else f"cleared: {fault}"
        self.get_logger().info(f"reset_fault: {response.message}")
        return response

    def _on_cycle(self, state: MeasuredRobot) -> Twist:
        """Return the twist for the next cycle from the newest command and wrench; link's thread."""
        stamps, unreadable = self._commands.refused_stamps, self._commands.unreadable
        command = self._commands.newest()
        if self._commands.refused_stamps > stamps:
            self._motion.refuse_command("invalid_stamp", self._commands.refusal)
        if self._commands.unreadable > unreadable:
            self._motion.refuse_command("unreadable", self._commands.refusal)
        if command is not None:
            # Logged by another thread, because this one must not wait for a log.
            self._refusal = self._take_command(command.message) or self._refusal
        received = self._wrenches.newest()
        if received is not None:
            message = received.message
            wrench, at_ns = wrench_from_message(message), stamp_ns(message.header.stamp)
            self._motion.accept_wrench(wrench, received.age_s(), at_ns)
        return self._motion.on_cycle(state)

    def _on_lost(self, reason: str) -> None:
        """Report the loss of the robot to the motion; called in the link's thread."""
        self._motion.robot_lost(reason)

    def _on_answered(self, answered: SentMotion) -> None:
        """Queue a sent motion for publication; called in the link's thread after each answer."""
        self._motion.on_answered(answered)
        self._answers += 1
        if self._answers % self._every == 0:
            self._states.put(answered, self._motion.record_of(answered.state))
        self._realtime.collect_if_due()

    def _watch(self) -> None:
        """Log faults, connection and loss of the robot, and reminders while it is missing."""
        self._watch_threads()
        connected, now = self._link.connected, time.monotonic()
        fault = self._motion.fault
        self._log_refusal()
        if fault != self._reported_fault:
            self._reported_fault = fault
            self._diagnostics.publish()
            if fault is not None:
                self.get_logger().error(f"{fault}; held until kuka_bridge/reset_fault")
        if self._connected and not connected:
            self._motion.robot_lost(self._link.lost)
            self.get_logger().warning(f"the robot was lost: {self._link.waiting_for}")
        if connected and not self._connected:
            self.get_logger().info("the robot controller is connected")
        self._connected = connected
        if not connected:
            self._realtime.collect_if_due()
        if not connected and now - self._reminded_s > _REMIND_S:
            self._reminded_s = now
            self.get_logger().info(f"waiting for {self._link.waiting_for}")

    def _watch_threads(self) -> None:
        """Latch a fault if a thread has ended."""
        for failure in self._dead_threads():
            self._motion.latch(failure)

    def _dead_threads(self) -> list[str]:
        failures = filter(None, (self._states.failure, self._link.failure))
        return [f"{failure}; restart kuka_bridge" for failure in failures]

    def _lasting_causes(self) -> list[str]:
        """Return the present causes of a fault that are not motion: a reset would not end them."""
        return [*self._dead_threads(), *self._sources.check()]

    def _warning(self) -> str:
        """Return problems that are not faults; empty if there are none."""
        dropped = self._states.dropped - self._dropped_reported
        self._dropped_reported += dropped
        unsent = f"{dropped} states were not published: DDS was too slow" if dropped else ""
        warnings = [self._motion.warning, self._wrenches.refusal, unsent]
        return "; ".join(filter(None, warnings))

    def _report(self) -> list[Status]:
        motion, fault, connected = self._motion.counts, self._motion.fault, self._link.connected
        waiting = "" if connected else f"waiting for {self._link.waiting_for}"
        warning = "; ".join(filter(None, (waiting or self._warning(), self._link.warning)))
        level = Level.ERROR if fault else Level.WARN if warning else Level.OK
        message = fault or warning or "connected"
        astray_m, astray_rad = self._motion.following
        answers = {
            "fault": fault or "",
            "connected": connected,
            "states_not_published": self._states.dropped,
            "refused_wrench_stamps": self._wrenches.refused_stamps,
        }
        refused = {f"refused_{name}": count for name, count in motion.refused.items()}
        done = {f"intervention_{name}": count for name, count in motion.interventions.items()}
        repeated = self._sources.repeated
        return [
            Status("robot", level, message, {**answers, **self._link.figures()}),
            self._realtime.status({**self._link.grants, "publishing": publishing_grant()}),
            Status(
                "motion",
                Level.ERROR if fault else Level.WARN if repeated else Level.OK,
                fault or "no fault",
                {
                    "cycle_s": self._link.cycle_s,
                    "commands": motion.commands,
                    "faults": motion.faults,
                    "following_mm": f"{1e3 * astray_m:.2f}",
                    "following_mrad": f"{1e3 * astray_rad:.1f}",
                    "foreign_publishers": " ".join(self._sources.foreign),
                    "repeated_publishers": " ".join(repeated),
                    "refused_foreign": self._sources.refused,
                    **refused,
                    **done,
                },
            ),
        ]


def main(args: Sequence[str] | None = None) -> int:
    """Run the node and return its exit code."""
    return run_node(KukaBridge, args)


if __name__ == "__main__":
    sys.exit(main())
