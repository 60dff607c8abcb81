"""The node ``kuka_bridge``: Cartesian velocity to a KUKA robot, governed.

What the robot is reached by is its link: RSI (a KRC4), or joint positions under ros2_control (an
LBR iiwa, or any other arm).

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
from collections.abc import Callable, Sequence

from builtin_interfaces.msg import Time as TimeMessage
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rclpy.duration import Duration
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from der_ros.drivers.following import FollowingLimits
from der_ros.drivers.motion import MeasuredRobot, SentMotion
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
from der_ros.nodes.joint_link import JointLink
from der_ros.nodes.polling import PolledSubscription
from der_ros.nodes.realtime_process import RealtimeProcess
from der_ros.nodes.robot_link import Callbacks, RobotLink
from der_ros.nodes.rsi_link import RsiLink
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
_LINKS: dict[str, Callable[[ShellNode, Callbacks], RobotLink]] = {
    "rsi": RsiLink,
    "ros2_control": JointLink,
}


class KukaBridge(ShellNode):
    """Answers the robot controller and tells ROS what was answered."""

    def __init__(self) -> None:
        super().__init__("kuka_bridge")
        robot = declare(
            self, "robot", "rsi", "What the robot is reached by: rsi, a KRC4; ros2_control, an arm "
            "that takes joint positions", choices=tuple(_LINKS),
        )  # fmt: skip
        callbacks = Callbacks(self._on_cycle, self._on_answered, self._on_lost)
        self._link: RobotLink = _LINKS[robot](self, callbacks)
        motion = declare_motion(self, self._link.cycle_s)
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
        self._outbox: queue.SimpleQueue[SentMotion | None] = queue.SimpleQueue()
        self._connected = False
        self._reported_fault: str | None = None
        self._reminded_s = float("-inf")
        self._refusal_logged_s = float("-inf")
        self._answers = 0
        self._make_topics()
        self._limits.publish(String(data=limits_to_json(motion.limits)))
        self._realtime = RealtimeProcess("kuka_bridge", self._link.realtime_priority)
        self._publisher = threading.Thread(target=self._publish_all, name="publisher", daemon=True)
        self._link.open()
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
        self._diagnostics = DiagnosticsPublisher(self, self._link.hardware_id, self._report)

    @property
    def link(self) -> RobotLink:
        """What the robot is reached by."""
        return self._link

    def close(self) -> None:
        """Sends nothing more: the robot stands by what its own controller does then."""
        self._link.close()
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

    def _on_cycle(self, state: MeasuredRobot) -> Twist:
        """In the link's thread, before the answer: the newest wrench, then the decision."""
        received = self._wrenches.newest()
        if received is not None:
            self._motion.accept_wrench(wrench_from_message(received.message), received.age_s())
        return self._motion.on_cycle(state)

    def _on_lost(self, reason: str) -> None:
        """In the link's thread: the robot is not where or what it was."""
        self._motion.robot_lost(reason)

    def _on_answered(self, answered: SentMotion) -> None:
        """In the link's thread, after the answer: hands on and returns."""
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
                    name=list(self._link.joint_names),
                    position=state.joint_positions_rad.tolist(),
                )
                joints.header.stamp = stamp
                self._joints.publish(joints)

    def _stamp(self, state: MeasuredRobot) -> TimeMessage:
        """When it was measured, on the node's clock."""
        age = Duration(nanoseconds=int((time.monotonic() - state.stamp_monotonic_s) * 1e9))
        return (self.get_clock().now() - age).to_msg()

    def _watch(self) -> None:
        """Says when the robot comes and goes, and now and then that it is not there."""
        connected, now = self._link.connected, time.monotonic()
        fault = self._motion.fault
        if fault != self._reported_fault:
            self._reported_fault = fault
            self._diagnostics.publish()
            if fault is not None:
                self.get_logger().error(f"{fault}; held until kuka_bridge/reset_fault")
        if self._connected and not connected:
            self._motion.robot_lost("the robot controller fell silent")
            self.get_logger().warning(f"the robot is gone: {self._link.waiting_for}")
        if connected and not self._connected:
            self.get_logger().info("the robot controller is connected")
        self._connected = connected
        if not connected:
            self._realtime.rest()
        if not connected and now - self._reminded_s > _REMIND_S:
            self._reminded_s = now
            self.get_logger().info(f"waiting for {self._link.waiting_for}")

    def _watch_publishers(self) -> None:
        """Two that command at the same time are one too many: which one counts is chance."""
        self._commanders = publishers_of(self, _COMMANDS, self._allowed)
        if self._commanders.foreign:
            self._motion.latch(
                f"{_COMMANDS} is also published by {', '.join(self._commanders.foreign)}, "
                f"expected only {', '.join(sorted(self._allowed))}; end it"
            )
        rival = self._link.rival
        if rival is not None:
            self._motion.latch(rival)

    def _report(self) -> list[Status]:
        motion, fault, connected = self._motion.counts, self._motion.fault, self._link.connected
        waiting = f"waiting for {self._link.waiting_for}"
        warning = self._motion.warning if connected else waiting
        level = Level.ERROR if fault else Level.WARN if warning else Level.OK
        message = fault or warning or "connected"
        astray_m, astray_rad = self._motion.following
        answers = {"fault": fault or "", "connected": connected}
        refused = {f"refused_{name}": count for name, count in motion.refused.items()}
        done = {f"intervention_{name}": count for name, count in motion.interventions.items()}
        return [
            Status("robot", level, message, {**answers, **self._link.figures()}),
            self._realtime.status({**self._link.grants, "publishing": publishing()}),
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


# Name, default, the largest that can be meant, description.
_GOVERNOR = (
    ("max_linear_speed_mps", 0.05, 2.0, "Speed limit of the TCP, m/s"),
    ("max_angular_speed_radps", 0.05, 4.0, "Speed limit of its rotation, rad/s"),
    ("max_linear_acceleration_mps2", 1.0, 1e4, "Acceleration limit, m/s2; not of giving way"),
    ("max_angular_acceleration_radps2", 2.0, 1e4, "Angular acceleration limit, rad/s2"),
    ("soft_force_n", 50.0, 1e4, "Above it the tool gives way along the force, N"),
    ("soft_torque_nm", 5.0, 1e3, "The same for the torque, Nm"),
    ("hard_force_n", 500.0, 1e4, "At it everything stops and latches, N"),
    ("hard_torque_nm", 50.0, 1e3, "The same for the torque, Nm"),
    ("yield_gain_mps_per_n", 1e-4, 1.0, "Speed of giving way per newton above the soft limit"),
    ("yield_gain_radps_per_nm", 1e-3, 10.0, "The same per newton metre"),
)


def declare_limits(node: ShellNode) -> GovernorLimits:
    """The governor's limits, each a parameter of its own name.

    Raises:
        ConfigurationError: a value that cannot be.
    """
    numbers = {
        name: declare(node, name, default, text, minimum=0.0, maximum=largest)
        for name, default, largest, text in _GOVERNOR
    }
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
