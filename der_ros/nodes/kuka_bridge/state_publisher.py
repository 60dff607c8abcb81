"""Publisher of the robot's states, in a thread of its own because DDS may block."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from builtin_interfaces.msg import Time as TimeMessage
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.duration import Duration
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, MultiArrayDimension, String

from der_ros.control.cycle_record import CycleRecord, cycle_label, cycle_numbers
from der_ros.control.frame_names import TASK_FRAME
from der_ros.control.outbox import Outbox
from der_ros.control.stamps import stamp_ns
from der_ros.control.wire.wire_record import ROBOT_WIRE, RobotWire
from der_ros.drivers.motion import MeasuredRobot, SentMotion, Wire
from der_ros.geometry import Twist
from der_ros.nodes.kuka_bridge.joint_states import JointStates
from der_ros.nodes.shared.conversions import pose_to_message, twist_to_message
from der_ros.nodes.shared.free_publisher import FreePublisher
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.threads import Startable, Worker

STATE_TOPICS = ("kuka/tcp_pose", "kuka/joint_states", "kuka/twist_applied", "kuka/cycle_inputs")
_STATE = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
_WAIT_S = 0.05
_WAITING_STATES = 250
"""Largest number of states that wait to be published: one second at 4 ms."""


class StatePublisher(Startable):
    """Publisher of ``STATE_TOPICS``, and of ``kuka/wire`` on request.

    Args:
        node: Publishing node.
        base_frame: Frame id of the robot's base.
        joint_names: Function that returns the joint names in the order of the positions.
        applied: Function that returns the sent twist in task axes.
        with_wire: True to publish the telegrams.
        on_failure: Function that receives the reason if the thread ends.
    """

    def __init__(
        self,
        node: ShellNode,
        base_frame: str,
        joint_names: Callable[[], Sequence[str]],
        applied: Callable[[SentMotion], Twist],
        with_wire: bool,
        on_failure: Callable[[str], None],
    ) -> None:
        self._node, self._base_frame = node, base_frame
        self._joint_names, self._applied = joint_names, applied
        pose, joints, twist, cycle = STATE_TOPICS
        self._poses = FreePublisher(node, PoseStamped, pose, _STATE)
        self._joints = FreePublisher(node, JointState, joints, _STATE)
        self._twists = FreePublisher(node, TwistStamped, twist, _STATE)
        self._cycles = FreePublisher(node, Float64MultiArray, cycle, _STATE)
        self._wire = FreePublisher(node, String, ROBOT_WIRE, _STATE) if with_wire else None
        self._joint_states = JointStates()
        self._outbox: Outbox[tuple[SentMotion, CycleRecord | None]] = Outbox(_WAITING_STATES)
        self._worker = Worker("publisher", self._run, on_failure)

    def start(self) -> None:
        """Start the thread."""
        self._worker.start()

    def stop(self) -> None:
        """Publish what waits, and stop the thread."""
        self._worker.stop()

    @property
    def failure(self) -> str:
        """Reason why the thread has ended unexpectedly; empty otherwise."""
        return self._worker.failure

    @property
    def dropped(self) -> int:
        """Number of states that were not published, because DDS was too slow."""
        return self._outbox.dropped

    def put(self, answered: SentMotion, record: CycleRecord | None) -> None:
        """Queue a state without blocking; call it from one thread only.

        Args:
            answered: Motion that was sent, with the measured state.
            record: Inputs and decision of the cycle; None if they are not known.
        """
        self._outbox.put((answered, record))

    def _run(self) -> None:
        while not self._worker.stopping.is_set() or len(self._outbox):
            waiting = self._outbox.get(_WAIT_S)
            if waiting is not None:
                self._publish(*waiting)

    def _publish(self, answered: SentMotion, record: CycleRecord | None) -> None:
        state, stamp = answered.state, self._stamp(answered.state)
        self._poses.publish(pose_to_message(state.tcp_pose, self._base_frame, stamp))
        self._publish_wire(answered.wire, stamp)
        self._twists.publish(twist_to_message(self._applied(answered), TASK_FRAME, stamp))
        self._publish_record(record, stamp)
        self._publish_joints(state, stamp)

    def _publish_wire(self, wire: Wire | None, stamp: TimeMessage) -> None:
        if self._wire is not None and wire is not None:
            self._wire.publish(String(data=RobotWire(stamp_ns(stamp), *wire).to_text()))

    def _publish_record(self, record: CycleRecord | None, stamp: TimeMessage) -> None:
        if record is None:
            return
        message = Float64MultiArray(data=cycle_numbers(stamp_ns(stamp), record))
        size = len(message.data)
        message.layout.dim = [MultiArrayDimension(label=cycle_label(record), size=size)]
        self._cycles.publish(message)

    def _publish_joints(self, state: MeasuredRobot, stamp: TimeMessage) -> None:
        positions = state.joint_positions_rad
        if positions is not None:
            names, measured_s = self._joint_names(), state.stamp_monotonic_s
            self._joints.publish(self._joint_states.to_message(names, positions, measured_s, stamp))

    def _stamp(self, state: MeasuredRobot) -> TimeMessage:
        """Return the time of a measurement on the node's clock."""
        age = Duration(nanoseconds=int((time.monotonic() - state.stamp_monotonic_s) * 1e9))
        return (self._node.get_clock().now() - age).to_msg()
