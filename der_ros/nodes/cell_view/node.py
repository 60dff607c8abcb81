"""Publishes markers and frames of the cell for viewers, and serves a page. It commands nothing.

Published topics: ``cell/markers`` (MarkerArray: arm, pieces, workspace, force, phase; only while it
has a subscriber), ``robot_description`` (latched URDF), ``cell/task_frame`` (PoseStamped, latched),
and, if ``tf2_msgs`` is installed, ``/tf`` and ``/tf_static``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, WrenchStamped
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from visualization_msgs.msg import Marker, MarkerArray

from der_ros.control.frame_names import SENSOR_FRAME, TASK_FRAME, TCP_FRAME
from der_ros.control.stamps import StampError, stamp_ns
from der_ros.documents import read_text
from der_ros.drivers.arm.links import Links, renamed
from der_ros.errors import ConfigurationError, ContractError
from der_ros.geometry import Array, Pose, Wrench
from der_ros.nodes.cell_view import markers as cell_markers
from der_ros.nodes.cell_view.browser_page import HOST, CellPage
from der_ros.nodes.cell_view.frame_broadcaster import Frame, FrameBroadcaster, tf_message_class
from der_ros.nodes.shared.conversions import (
    CellFrames,
    pose_from_message,
    pose_to_message,
    wrench_from_message,
)
from der_ros.nodes.shared.key_values import from_status
from der_ros.nodes.shared.node_process import ShellNode, run_node
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.qos import LATCHED
from der_ros.nodes.shared.steady import steady_timer
from der_ros.parameters.cell_view import CellViewParameters
from der_ros.policy.governor import GovernorLimits
from der_ros.policy.limits import limits_from_texts
from der_ros.policy.shipped import shipped_config_file
from der_ros.tasks import make_task

_NEWEST = QoSProfile(depth=1)
# Above the assembled piece, where the text hides nothing.
_TEXT_ABOVE_M = 0.35


class CellView(ShellNode):
    """Node that draws the cell from the topics of the other nodes."""

    # Allowed because it moves nothing; beside a played bag its stamps follow the bag's clock.
    obeys_simulated_clock = True
    is_alone = False

    def __init__(self) -> None:
        super().__init__("cell_view")
        parameters = declare_settings(self, CellViewParameters)
        self._set_up_cell(parameters)
        self._force_scale = parameters.force_scale_m_per_n
        self._angles: Array = np.zeros(len(self._links.joint_names))
        self._held, self._ground = Pose.identity(), Pose.identity()
        self._wrench, self._phase, self._operator = Wrench.zero(), "", ""
        self._felt = False
        self._limits: GovernorLimits | None = None
        self._pose_known = False
        self._subscribe()
        self._publish_what_stays()
        self._timer = steady_timer(self, 1.0 / parameters.rate_hz, self._draw)
        if parameters.page_port:
            self._serve(parameters.page_port)

    def _serve(self, port: int) -> None:
        """Start the page.

        Raises:
            ConfigurationError: The port cannot be opened.
        """
        text = read_text(shipped_config_file("viewers", "cell_page.html"))
        page = self.resources.enter_context(CellPage(port, text, self.state))
        self.get_logger().info(f"force and pose: http://{HOST}:{page.port}/")

    def state(self) -> dict[str, object]:
        """Return what the page shows; None for what is not known yet."""
        pose = self._frames.base_from_task.inverse() @ self._held
        wrench = self._wrench.rotated((pose @ self._frames.tcp_from_sensor).rotation)
        known, felt, limits = self._pose_known, self._felt, self._limits
        return {
            "phase": self._phase,
            "operator": self._operator,
            "position_mm": (1e3 * pose.position).tolist() if known else None,
            "angle_deg": math.degrees(self._task.angle(pose, Pose.identity())) if known else None,
            "force_n": wrench.force.tolist() if felt else None,
            "torque_nm": wrench.torque.tolist() if felt else None,
            "soft_force_n": None if limits is None else limits.soft_force_n,
        }

    def _set_up_cell(self, given: CellViewParameters) -> None:
        """Load the pieces, the arm and the frames.

        Raises:
            ConfigurationError: The URDF cannot be read or is invalid, or a frame is invalid.
        """
        self._task = task = make_task(given.task)
        self._held_piece, self._ground_piece = task.held, task.ground
        self._draw_arm_frames = given.publish_arm_frames
        self._frames = CellFrames.declare(self)
        self._base_frame = self._frames.base_frame
        shipped = shipped_config_file("robots", f"{given.robot}.urdf")
        text = _read(Path(given.urdf) if given.urdf else shipped)
        self._urdf = renamed(text, self._base_frame, [name for name in given.joint_names if name])
        self._links = Links(self._urdf)

    def _subscribe(self) -> None:
        self._joints = PolledSubscription(self, JointState, "kuka/joint_states", _NEWEST)
        self._poses = PolledSubscription(self, PoseStamped, "kuka/tcp_pose", _NEWEST)
        self._wrenches = PolledSubscription(self, WrenchStamped, "netft_data", _NEWEST)
        self.create_subscription(DiagnosticStatus, "kuka/limits", self._on_limits, LATCHED)
        self.create_subscription(PoseStamped, "sim_cell/goal_pose", self._on_goal, LATCHED)
        for topic in ("feedback", "result"):
            name = f"assembly_supervisor/{topic}"
            self.create_subscription(DiagnosticStatus, name, self._on_phase, LATCHED)
        self.create_subscription(DiagnosticStatus, "teleop/status", self._on_operator, LATCHED)

    def _publish_what_stays(self) -> None:
        self._markers = self.create_publisher(MarkerArray, "cell/markers", 1)
        self._description = self.create_publisher(String, "robot_description", LATCHED)
        self._description.publish(String(data=self._urdf))
        self._task_pose = self.create_publisher(PoseStamped, "cell/task_frame", LATCHED)
        self._broadcaster = FrameBroadcaster(self, tf_message_class())
        stamp = self.get_clock().now().to_msg()
        task = self._frames.base_from_task
        self._task_pose.publish(pose_to_message(task, self._base_frame, stamp))
        fixed = {
            TASK_FRAME: Frame(self._base_frame, task),
            SENSOR_FRAME: Frame(TCP_FRAME, self._frames.tcp_from_sensor),
        }
        self._broadcaster.publish_static(fixed, stamp)

    def _on_limits(self, message: DiagnosticStatus) -> None:
        try:
            self._limits = limits_from_texts(from_status(message))
        except ContractError as error:
            self.get_logger().warning(f"kuka/limits: {error}")

    def _on_goal(self, message: PoseStamped) -> None:
        try:
            stamp_ns(message.header.stamp)
            self._ground = pose_from_message(message)
        except (ConfigurationError, StampError) as error:
            self.get_logger().warning(f"sim_cell/goal_pose: {error}")

    def _on_phase(self, message: DiagnosticStatus) -> None:
        self._phase = message.message

    def _on_operator(self, message: DiagnosticStatus) -> None:
        self._operator = message.message

    def _take(self) -> None:
        """Read the newest joint angles, pose and wrench; skip invalid ones."""
        joints, pose, wrench = (
            each.newest() for each in (self._joints, self._poses, self._wrenches)
        )
        if joints is not None and len(joints.message.position) == len(self._angles):
            angles = np.array(joints.message.position)
            self._angles = angles if np.isfinite(angles).all() else self._angles
        try:
            if pose is not None:
                self._held, self._pose_known = pose_from_message(pose.message), True
        except ConfigurationError as error:
            self.get_logger().warning(f"kuka/tcp_pose: {error}", throttle_duration_sec=10.0)
        if wrench is not None:
            felt = wrench_from_message(wrench.message)
            if np.isfinite(felt.to_array()).all():
                self._wrench, self._felt = felt, True

    def _draw(self) -> None:
        self._take()
        if self._broadcaster.available:
            self._broadcaster.publish(self._moving_frames(), self.get_clock().now().to_msg())
        if self._markers.get_subscription_count() > 0:
            markers = cell_markers.numbered(self._all_markers(), self._base_frame)
            self._markers.publish(MarkerArray(markers=markers))

    def _moving_frames(self) -> dict[str, Frame]:
        frames = {TCP_FRAME: Frame(self._base_frame, self._held)} if self._pose_known else {}
        if self._draw_arm_frames:
            steps = self._links.from_parents(self._angles.tolist())
            parents = {link.name: link.parent for link in self._links.links}
            frames |= {name: Frame(parents[name], pose) for name, pose in steps.items()}
        return frames

    def _all_markers(self) -> Iterator[Marker]:
        task = self._frames.base_from_task
        yield from cell_markers.arm_markers(self._links, self._angles.tolist())
        yield from cell_markers.piece_markers("ground", self._ground_piece, task @ self._ground)
        if self._pose_known:
            yield from cell_markers.piece_markers("held", self._held_piece, self._held)
            sensor = self._held @ self._frames.tcp_from_sensor
            yield cell_markers.force_marker(self._wrench, sensor, self._force_scale)
        if self._limits is not None:
            yield cell_markers.workspace_marker(self._limits, task)
        if self._phase:
            above = Pose(np.array((0.0, 0.0, _TEXT_ABOVE_M)), np.array((0.0, 0.0, 0.0, 1.0)))
            yield cell_markers.text_marker(self._phase, task @ above)


def _read(path: Path) -> str:
    try:
        return read_text(path)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"urdf: expected a readable URDF file at {path}: {error}"
        ) from error


def main(args: Sequence[str] | None = None) -> int:
    """Run the node; return the exit code."""
    return run_node(CellView, args)


if __name__ == "__main__":
    sys.exit(main())
