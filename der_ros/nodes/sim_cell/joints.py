"""Simulated arm with the topics of ros2_control: publishes joint states, takes joint positions.

It replaces a controller manager with joint_state_broadcaster and forward_position_controller, and
robot_state_publisher. Stopped drives publish no joint states, like failed hardware.
"""

from __future__ import annotations

import logging
import threading
import time

import numpy as np
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, String

from der_ros.drivers.arm.links import renamed
from der_ros.geometry import Pose, Wrench
from der_ros.nodes.kuka_bridge.joint_states import JointStates
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.qos import LATCHED
from der_ros.parameters.shared import JointNames
from der_ros.sim.arm_urdf import arm_urdf
from der_ros.sim.joint_drives import DriveState, JointDrives
from der_ros.sim.world import AssemblyWorld
from der_ros.threads import Startable, Worker

logger = logging.getLogger("sim_cell")

_RELIABLE = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
_MAX_LAG_S = 0.1


class JointCell(Startable):
    """``SimulatedRobot`` of an arm under ros2_control, with the thread that steps the physics.

    Args:
        node: Node that declares the parameters and topics.
        world: Open physics world with an arm placed by the cell's frames.
        cycle_s: Cycle of the drives and of the joint states, s.
        restart_after_s: Time after which stopped drives restart, s.

    Raises:
        ConfigurationError: Joint names or cycle do not fit the arm.
    """

    def __init__(
        self, node: ShellNode, world: AssemblyWorld, cycle_s: float, restart_after_s: float
    ) -> None:
        self._node, self._world, self._cycle_s = node, world, cycle_s
        self._restart_after_s = restart_after_s
        self._drives = JointDrives(world, cycle_s)
        self._wrench = world.sensor_wrench()
        self._lock = threading.Lock()
        self.program_ended = threading.Event()
        self.program_ended.set()
        self._worker = Worker("drives", self._serve, lambda _reason: self.program_ended.set())
        self._cycles = self._stops = self._late = 0
        self._make_topics(declare_settings(node, JointNames))

    def _make_topics(self, names: JointNames) -> None:
        node, self._names = self._node, names
        self._messages = JointStates()
        self._states = node.create_publisher(JointState, names.states_topic, _RELIABLE)
        self._commands = PolledSubscription(node, Float64MultiArray, names.command_topic, _RELIABLE)
        urdf = renamed(
            arm_urdf(self._drives.arm), names.base_link, names.joint_names, names.tip_link
        )
        description = node.create_publisher(String, names.description_topic, LATCHED)
        description.publish(String(data=urdf))

    def start(self) -> None:
        """Start the cycle of the drives."""
        self._worker.start()

    def stop(self) -> None:
        """Stop the cycle of the drives; the caller closes the world."""
        self._worker.stop()

    @property
    def stop_reason(self) -> str:
        """Reason why the drives stopped; empty while they run."""
        return self._worker.failure or self._drives.stop_reason

    @property
    def failure(self) -> str:
        """Reason why the thread ended and the arm stays stopped; empty while it runs."""
        return self._worker.failure

    @property
    def doing(self) -> str:
        """State of the drives, as text."""
        return self._drives.state.value

    def figures(self) -> dict[str, object]:
        """Return counters of cycles and stops for the diagnostics."""
        return {"cycles": self._cycles, "late cycles": self._late, "stops": self._stops}

    def sensor_wrench(self) -> Wrench:
        """Return the wrench at the sensor (N, Nm), sensor axes, including the weight."""
        return self._wrench

    def place_ground(self, ground: Pose) -> None:
        """Place the ground piece at a pose in the task frame."""
        with self._lock:
            self._world.place_ground(ground)

    def run_program(self, held: Pose) -> None:
        """Start moving the held piece to a pose in the task frame; sets ``program_ended`` at it."""
        with self._lock:
            self.program_ended.clear()
            self._drives.run_program(held)

    def _serve(self) -> None:
        due_s = time.monotonic()
        stopped_s = None
        while not self._worker.stopping.wait(max(0.0, due_s - time.monotonic())):
            stopped_s = self._cycle(time.monotonic(), stopped_s)
            due_s += self._cycle_s
            if time.monotonic() - due_s > _MAX_LAG_S:
                self._late += 1
                due_s = time.monotonic()

    def _cycle(self, now_s: float, stopped_s: float | None) -> float | None:
        """Run one cycle of the drives; return the time at which they stopped, or None."""
        with self._lock:
            for received in self._commands.take():
                self._drives.command(np.array(received.message.data, dtype=float))
            self._drives.tick()
            self._wrench = self._drives.sensor_wrench()
            positions, state = self._drives.positions_rad, self._drives.state
        self._cycles += 1
        if state is not DriveState.PROGRAM:
            self.program_ended.set()
        if state is DriveState.STOPPED:
            return self._stand(now_s, stopped_s)
        stamp = self._node.get_clock().now().to_msg()
        names = self._names.joint_names
        self._states.publish(self._messages.to_message(names, positions, now_s, stamp))
        return None

    def _stand(self, now_s: float, since_s: float | None) -> float | None:
        if since_s is None:
            self._stops += 1
            logger.warning("the drives stopped: %s", self._drives.stop_reason)
            return now_s
        if now_s - since_s < self._restart_after_s:
            return since_s
        with self._lock:
            self._drives.restart()
        return None
