"""The node ``kuka_bridge``: Cartesian velocity to a KUKA robot over RSI, governed.

Topics in: ``kuka/delta_twist_cmds`` (TwistStamped in task_frame, base_link or tcp), ``netft_data``.
Topics out: ``kuka/tcp_pose`` (base_link), ``kuka/joint_states``, ``kuka/twist_applied`` (what was
really sent, task_frame), ``kuka/governor_limits`` (latched JSON), ``/diagnostics``.
Services: ``kuka_bridge/stop``, ``kuka_bridge/reset_fault``.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Sequence

from builtin_interfaces.msg import Time as TimeMessage
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rclpy.duration import Duration
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from der_ros.drivers.kuka.corrections import CorrectionLimits
from der_ros.drivers.kuka.following import FollowingLimits
from der_ros.drivers.kuka.kinematics import AXIS_NAMES
from der_ros.drivers.kuka.records import Answered, RobotState, RsiServerConfig
from der_ros.drivers.kuka.server import RsiServer
from der_ros.drivers.kuka.transport import address_towards
from der_ros.errors import ConfigurationError
from der_ros.geometry import Twist
from der_ros.nodes.bridge_motion import BridgeMotion, MotionConfig
from der_ros.nodes.command_watch import Publishers, publishers_of
from der_ros.nodes.common import (
    LATCHED,
    DiagnosticsPublisher,
    Level,
    ShellNode,
    Status,
    declare,
    run_node,
)
from der_ros.nodes.conversions import (
    CellFrames,
    pose_to_message,
    twist_from_message,
    twist_to_message,
    wrench_from_message,
)
from der_ros.nodes.frames import BASE_FRAME, TASK_FRAME
from der_ros.nodes.free_publisher import FreePublisher, publishing
from der_ros.nodes.polling import PolledSubscription
from der_ros.nodes.realtime_process import RealtimeProcess
from der_ros.policy.governor import GovernorLimits
from der_ros.policy.limits import limits_to_json

_NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
# A reading that was lost is not worth a resend: the next one is there sooner.
_NEWEST_READING = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
_STATE = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
_REMIND_S = 30.0
_WATCH_S = 0.05
_PUBLISHERS_S = 0.5
_COMMANDS = "kuka/delta_twist_cmds"


class KukaBridge(ShellNode):
    """Answers the robot controller and tells ROS what was answered."""

    def __init__(self) -> None:
        super().__init__("kuka_bridge")
        self._config = declare_server(self)
        motion = declare_motion(self, self._config.cycle_s)
        self._motion = BridgeMotion(motion)
        self._every = declare(
            self, "publish_every", 1, "Publish the robot's state every so many cycles",
            minimum=1, maximum=250,
        )  # fmt: skip
        self._allowed = frozenset(
            declare(
                self, "command_publishers", "",
                "Names of the only nodes that may publish kuka/delta_twist_cmds, between blanks: "
                "another one there latches a fault; empty: any node may",
            ).split()
        )  # fmt: skip
        self._commanders = Publishers((), ())
        self._outbox: queue.SimpleQueue[Answered | None] = queue.SimpleQueue()
        self._connected = False
        self._reported_fault: str | None = None
        self._reminded_s = float("-inf")
        self._refusal_logged_s = float("-inf")
        self._answers = 0
        self._make_topics()
        self._limits.publish(String(data=limits_to_json(motion.limits)))
        self._realtime = RealtimeProcess("kuka_bridge", self._config.realtime_priority)
        self._publisher = threading.Thread(target=self._publish_all, name="publisher", daemon=True)
        self._server = RsiServer(self._config, self._on_cycle, self._on_answered)
        self._server.__enter__()
        self._publisher.start()
        self._realtime.settle()

    def _make_topics(self) -> None:
        self._tcp_pose = FreePublisher(self, PoseStamped, "kuka/tcp_pose", _STATE)
        self._joints = FreePublisher(self, JointState, "kuka/joint_states", _STATE)
        self._applied = FreePublisher(self, TwistStamped, "kuka/twist_applied", _STATE)
        self._limits = self.create_publisher(String, "kuka/governor_limits", LATCHED)
        self.create_subscription(TwistStamped, _COMMANDS, self._on_command, _NEWEST)
        self._wrenches = PolledSubscription(self, WrenchStamped, "netft_data", _NEWEST_READING)
        self.create_service(Trigger, "kuka_bridge/stop", self._on_stop)
        self.create_service(Trigger, "kuka_bridge/reset_fault", self._on_reset)
        self.create_timer(_WATCH_S, self._watch)
        self.create_timer(_PUBLISHERS_S, self._watch_publishers)
        self._diagnostics = DiagnosticsPublisher(
            self, f"krc4 {self._config.robot_ip}", self._report
        )

    @property
    def rsi_port(self) -> int:
        """The UDP port that is open."""
        return self._server.port

    def close(self) -> None:
        """Stops answering; the controller then stops by its own time-out."""
        self._server.__exit__(None, None, None)
        self._outbox.put(None)
        self._publisher.join(timeout=2.0)
        self._realtime.close()

    def _on_command(self, message: TwistStamped) -> None:
        age_ns = (
            self.get_clock().now().nanoseconds - Time.from_msg(message.header.stamp).nanoseconds
        )
        twist = twist_from_message(message)
        refusal = self._motion.accept_command(twist, message.header.frame_id, age_ns * 1e-9)
        if refusal is not None and time.monotonic() - self._refusal_logged_s > 1.0:
            self._refusal_logged_s = time.monotonic()
            self.get_logger().warning(f"{_COMMANDS} refused: {refusal}")

    def _on_stop(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._motion.latch("stopped by kuka_bridge/stop")
        response.success, response.message = True, self._motion.fault or ""
        return response

    def _on_reset(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        fault = self._motion.reset()
        response.success = True
        response.message = "there was no fault" if fault is None else f"cleared: {fault}"
        self.get_logger().info(f"reset_fault: {response.message}")
        return response

    def _on_cycle(self, state: RobotState) -> Twist:
        """In the RSI thread, before the answer: the newest wrench, then the decision."""
        received = self._wrenches.newest()
        if received is not None:
            self._motion.accept_wrench(wrench_from_message(received.message), received.age_s())
        return self._motion.on_cycle(state)

    def _on_answered(self, answered: Answered) -> None:
        """In the RSI thread, after the answer: hands on and returns."""
        self._motion.on_answered(answered)
        self._answers += 1
        if self._answers % self._every == 0:
            self._outbox.put(answered)
        self._realtime.rest()

    def _publish_all(self) -> None:
        """A thread of its own: DDS may block, and an answer must not wait for it."""
        while (answered := self._outbox.get()) is not None:
            state = answered.state
            stamp = self._stamp(state)
            self._tcp_pose.publish(pose_to_message(state.tcp_pose, BASE_FRAME, stamp))
            applied = self._motion.applied(answered)
            self._applied.publish(twist_to_message(applied, TASK_FRAME, stamp))
            if state.joint_positions_rad is not None:
                joints = JointState(
                    name=list(AXIS_NAMES), position=state.joint_positions_rad.tolist()
                )
                joints.header.stamp = stamp
                self._joints.publish(joints)

    def _stamp(self, state: RobotState) -> TimeMessage:
        """When the telegram came, on the node's clock."""
        age = Duration(nanoseconds=int((time.monotonic() - state.stamp_monotonic_s) * 1e9))
        return (self.get_clock().now() - age).to_msg()

    def _watch(self) -> None:
        """Says when the robot comes and goes, and now and then that it is not there."""
        connected, now = self._server.connected, time.monotonic()
        fault = self._motion.fault
        if fault != self._reported_fault:
            self._reported_fault = fault
            self._diagnostics.publish()
            if fault is not None:
                self.get_logger().error(f"{fault}; held until kuka_bridge/reset_fault")
        if self._connected and not connected:
            self._motion.robot_lost()
            self.get_logger().warning("the robot controller fell silent")
        if connected and not self._connected:
            self.get_logger().info("the robot controller is connected")
        self._connected = connected
        if not connected:
            self._realtime.rest()
        if not connected and now - self._reminded_s > _REMIND_S:
            self._reminded_s = now
            self.get_logger().info(
                f"waiting for the robot controller {self._config.robot_ip} on UDP "
                f"{self._config.bind_address}:{self._server.port}"
            )

    def _watch_publishers(self) -> None:
        """Two that command at the same time are one too many: which one counts is chance."""
        self._commanders = publishers_of(self, _COMMANDS, self._allowed)
        if self._commanders.foreign:
            self._motion.latch(
                f"{_COMMANDS} is also published by {', '.join(self._commanders.foreign)}, "
                f"expected only {', '.join(sorted(self._allowed))}; end it"
            )

    def _report(self) -> list[Status]:
        server, motion = self._server.statistics, self._motion.counts
        fault, connected = self._motion.fault, self._server.connected
        warning = self._motion.warning if connected else "waiting for the robot controller"
        level = Level.ERROR if fault else Level.WARN if warning else Level.OK
        message = fault or warning or "connected"
        astray_m, astray_rad = self._motion.following
        answers = {
            "fault": fault or "",
            "connected": connected,
            "port": self._server.port,
            "answer_p50_ms": f"{1e3 * server.answer.p50_s:.3f}",
            "answer_p99_ms": f"{1e3 * server.answer.p99_s:.3f}",
            "answer_max_ms": f"{1e3 * server.answer.max_s:.3f}",
        }
        counters = {
            name: value
            for name, value in vars(server).items()
            if name not in ("answer", "last_error")
        }
        refused = {f"refused_{name}": count for name, count in motion.refused.items()}
        done = {f"intervention_{name}": count for name, count in motion.interventions.items()}
        return [
            Status("robot", level, message, {**answers, **counters}),
            self._realtime.status({**self._server.grants, "publishing": publishing()}),
            Status(
                "motion",
                Level.ERROR if fault else Level.WARN if self._commanders.repeated else Level.OK,
                fault or "no fault",
                {
                    "commands": motion.commands,
                    "faults": motion.faults,
                    "following_mm": f"{1e3 * astray_m:.2f}",
                    "following_mrad": f"{1e3 * astray_rad:.1f}",
                    "foreign_publishers": " ".join(self._commanders.foreign),
                    "repeated_publishers": " ".join(self._commanders.repeated),
                    **refused,
                    **done,
                },
            ),
        ]


def declare_server(node: ShellNode) -> RsiServerConfig:
    """The parameters of the RSI server.

    Raises:
        ConfigurationError: a value that cannot be.
    """
    cycle_ms = declare(
        node, "cycle_ms", 12, "The controller's cycle in ms: 12, or 4 (IPO_FAST)",
        minimum=4, maximum=12,
    )  # fmt: skip
    if cycle_ms not in (4, 12):
        raise ConfigurationError(f"parameter cycle_ms: expected 4 or 12, got {cycle_ms}")
    limits = CorrectionLimits(
        declare(node, "max_correction_mm", 200.0,
                "Furthest travel since RSI_ON; below POSCORR and POSCORRMON of the controller",
                minimum=0.1, maximum=2000.0),
        declare(node, "max_correction_deg", 20.0,
                "Furthest turn since RSI_ON; below POSCORR and POSCORRMON of the controller",
                minimum=0.1, maximum=180.0),
    )  # fmt: skip
    robot_ip = declare(node, "robot_ip", "", "The controller's address; no other is heard")
    bind_address = declare(
        node, "bind_address", "",
        "This computer's address in the robot's network; empty: the one that reaches robot_ip",
    )  # fmt: skip
    return RsiServerConfig(
        bind_address=bind_address or address_towards(robot_ip),
        port=declare(node, "rsi_port", 59152, "UDP port that the controller sends to; 0 takes any",
                     minimum=0, maximum=65535),
        robot_ip=robot_ip,
        cycle_s=0.001 * cycle_ms,
        absolute=declare(node, "absolute_corrections", False,
                         "The controller's context takes absolute corrections (HOLDON 1)"),
        limits=limits,
        sensor_type=declare(node, "sensor_type", "ImFree", "SENTYPE of the Ethernet file"),
        peer_silence_s=declare(node, "peer_silence_s", 0.5,
                               "After this silence a controller may start anew",
                               minimum=0.05, maximum=60.0),
        realtime_priority=declare(node, "realtime_priority", 50,
                                  "SCHED_FIFO priority of the answering thread; 0 asks for none",
                                  minimum=0, maximum=99),
        realtime_cpu=declare(node, "realtime_cpu", -1,
                             "The only processor that the answering thread runs on; -1: any",
                             minimum=-1, maximum=1023),
    )  # fmt: skip


def declare_motion(node: ShellNode, cycle_s: float) -> MotionConfig:
    """The parameters of the motion governor and of the watchdogs.

    Raises:
        ConfigurationError: a value that cannot be, or a yield gain that would oscillate.
    """
    frames = CellFrames.declare(node)
    limits = declare_limits(node)
    stiffness = declare(
        node, "stiffness_n_per_m", 1e5,
        "Stiffness of arm, tool, sensor and pieces together; the yield gain is checked against it",
        minimum=1.0, maximum=1e9,
    )  # fmt: skip
    limits.check_yield_stability(cycle_s, stiffness)
    return MotionConfig(
        frames.base_from_task,
        frames.tcp_from_sensor,
        limits,
        # One missed command of a policy at 0.06 s, and 30 ms of jitter, must not stop the robot.
        declare(node, "command_timeout_s", 0.15, "A command is stale after this, by stamp and "
                "arrival", minimum=0.01, maximum=1.0),
        declare(node, "wrench_timeout_s", 0.1, "A wrench is stale after this, by arrival",
                minimum=0.01, maximum=1.0),
        declare(node, "max_late_answers", 20, "In motion, more late answers in a second, by the "
                "controller's Delay, are a fault; below its Timeout", minimum=1, maximum=1000),
        FollowingLimits(
            declare(node, "following_distance_m", 0.01, "Measured and sent motion may differ by "
                    "this, m; more is a fault", minimum=0.0001, maximum=10.0),
            declare(node, "following_angle_rad", 0.05, "The same for the rotation, rad",
                    minimum=0.001, maximum=10.0),
            declare(node, "following_memory_s", 2.0, "A difference is forgotten after this, s",
                    minimum=0.1, maximum=60.0),
        ),
    )  # fmt: skip


_GOVERNOR = (
    ("max_linear_speed_mps", 0.05, "Speed limit of the TCP, m/s"),
    ("max_angular_speed_radps", 0.05, "Speed limit of its rotation, rad/s"),
    ("max_linear_acceleration_mps2", 1.0, "Acceleration limit, m/s2; giving way is exempt"),
    ("max_angular_acceleration_radps2", 2.0, "Angular acceleration limit, rad/s2"),
    ("soft_force_n", 50.0, "Above it the tool gives way along the force, N"),
    ("soft_torque_nm", 5.0, "The same for the torque, Nm"),
    ("hard_force_n", 500.0, "At it everything stops and latches, N"),
    ("hard_torque_nm", 50.0, "The same for the torque, Nm"),
    ("yield_gain_mps_per_n", 1e-4, "Speed of giving way per newton above the soft limit"),
    ("yield_gain_radps_per_nm", 1e-3, "The same per newton metre"),
)


def declare_limits(node: ShellNode) -> GovernorLimits:
    """The governor's limits, each a parameter of its own name.

    Raises:
        ConfigurationError: a value that cannot be.
    """
    numbers = {name: declare(node, name, default, text) for name, default, text in _GOVERNOR}
    low = declare(node, "workspace_min_m", [-0.1, -0.1, -0.05],
                  "Lower corner of the TCP's box in the task frame, m")  # fmt: skip
    high = declare(node, "workspace_max_m", [0.1, 0.1, 0.2],
                   "Upper corner of the TCP's box in the task frame, m")  # fmt: skip
    return GovernorLimits(
        workspace_min_m=(low[0], low[1], low[2]),
        workspace_max_m=(high[0], high[1], high[2]),
        **numbers,
    )


def main(args: Sequence[str] | None = None) -> int:
    """Runs the node; returns the exit code."""
    return run_node(KukaBridge, args)


if __name__ == "__main__":
    sys.exit(main())
