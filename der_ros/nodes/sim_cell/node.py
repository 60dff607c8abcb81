"""Simulates a cell: one physics world with the interfaces of a robot and a Net F/T box.

The robot is a KR 60 with a KRC4 (RSI over UDP), or an iiwa under ros2_control (joint states and
position commands). The nodes of a deployment cannot distinguish it from hardware. Its own ROS
interface serves evaluation, never control: it places the pieces for the next attempt and publishes
the true goal pose.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from geometry_msgs.msg import PoseStamped
from std_srvs.srv import Trigger

from der_ros.control.frame_names import TASK_FRAME
from der_ros.control.status import Level, Status
from der_ros.drivers.kuka.krc4 import SimulatedKrc4
from der_ros.drivers.kuka.krc4_records import SimulatedKrc4Config
from der_ros.drivers.kuka.plant import UPRIGHT_RAD
from der_ros.drivers.netft.simulated_box import SimulatedBoxConfig, SimulatedNetFt
from der_ros.geometry import Array, Pose, Wrench
from der_ros.nodes.shared.conversions import CellFrames, declare_flange_from_tcp, pose_to_message
from der_ros.nodes.shared.diagnostics import DiagnosticsPublisher
from der_ros.nodes.shared.node_process import ShellNode, run_node
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.qos import LATCHED
from der_ros.nodes.sim_cell.frame_checks import check_arm_frames, check_frame
from der_ros.nodes.sim_cell.joints import JointCell
from der_ros.nodes.sim_cell.krc4_cell import CellPlant, Krc4Cell, axes_at
from der_ros.parameters.sim_cell import (
    SimCellParameters,
    SimControllerParameters,
    SimSensorParameters,
)
from der_ros.sim.robots import Robot, find_robot
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import InitialState, make_task

logger = logging.getLogger("sim_cell")

# Delay before RSI restarts, which lets the nodes start in any order.
RESTART_AFTER_S = 0.5
POLL_S = 0.05
# Readings whose noise is drawn at once, because numpy takes hardly longer than for one.
_ERRORS_AT_ONCE = 64


class SimulatedRobot(Protocol):
    """Simulated robot with the held piece and the sensor.

    Attributes:
        program_ended: Event that is cleared while the robot runs its own program.
    """

    program_ended: threading.Event

    @property
    def stop_reason(self) -> str:
        """Reason why the robot stopped; empty while it runs."""
        ...

    @property
    def failure(self) -> str:
        """Reason why the robot stays stopped until the node restarts; empty if it does not."""
        ...

    @property
    def doing(self) -> str:
        """State of the robot, as text."""
        ...

    def figures(self) -> dict[str, object]:
        """Return counters of the robot for the diagnostics."""
        ...

    def sensor_wrench(self) -> Wrench:
        """Return the wrench at the sensor (N, Nm), sensor axes, including the weight."""
        ...

    def place_ground(self, ground: Pose) -> None:
        """Place the ground piece at a pose in the task frame."""
        ...

    def run_program(self, held: Pose) -> None:
        """Start the robot's own program, which moves the held piece to a pose in the task frame."""
        ...


class NoisySensor:
    """Sensor that adds Gaussian noise to each reading; call it only in the box's thread.

    Args:
        robot: Robot whose wrench is read.
        rng: Source of the noise.
        force_n: Standard deviation of the force noise, N.
        torque_nm: Standard deviation of the torque noise, Nm.
    """

    def __init__(
        self, robot: SimulatedRobot, rng: np.random.Generator, force_n: float, torque_nm: float
    ) -> None:
        self._robot = robot
        self._rng = rng
        self._scale = np.array([force_n] * 3 + [torque_nm] * 3)
        self._errors: Iterator[Array] = iter(())

    def __call__(self) -> Wrench:
        """Return one noisy reading (N, Nm), sensor axes."""
        error = next(self._errors, None)
        if error is None:
            # The same numbers as drawn one by one.
            self._errors = iter(self._rng.standard_normal((_ERRORS_AT_ONCE, 6)) * self._scale)
            error = next(self._errors)
        wrench = self._robot.sensor_wrench()
        return Wrench(wrench.force + error[:3], wrench.torque + error[3:])


class SimCell(ShellNode):
    """Node that runs the physics, the simulated robot and the simulated sensor box."""

    def __init__(self) -> None:
        super().__init__("sim_cell")
        parameters = declare_settings(self, SimCellParameters)
        self._task, self._compliance = make_task(parameters.task), parameters.compliance
        noise_seed, start_seed = np.random.SeedSequence(parameters.seed).spawn(2)
        self._rng = np.random.default_rng(start_seed)
        self._goal_topic = self.create_publisher(PoseStamped, "sim_cell/goal_pose", LATCHED)
        try:
            self._robot = self._open_robot(parameters.robot, 0.001 * parameters.cycle_ms)
            self._box = self._open_box(np.random.default_rng(noise_seed))
        except BaseException:
            self.resources.close()
            raise
        self._place_ground(self._task.sample_initial_state(self._rng))
        self.create_service(Trigger, "sim_cell/reset", self._on_reset)
        self._diagnostics = DiagnosticsPublisher(self, "simulated cell", self._collect)

    def _open_robot(self, robot: str, cycle_s: float) -> SimulatedRobot:
        frames, flange_from_tcp = CellFrames.declare(self), declare_flange_from_tcp(self)
        sensor = self._task.tcp_from_sensor
        check_frame("tcp_from_sensor", f"task {self._task.name}", sensor, frames.tcp_from_sensor)
        where = frames.base_from_task, flange_from_tcp
        if robot == "kr60":
            start = frames.base_from_task @ self._task.start_pose
            kr60 = find_robot(robot).standing(*where, axes_at(start, flange_from_tcp, UPRIGHT_RAD))
            plant = CellPlant(self._open_world(kr60), *where)
            return Krc4Cell(plant, self._open_controller(plant, cycle_s), cycle_s)
        world = self._open_world(find_robot(robot))
        check_arm_frames(world, *where)
        cell = JointCell(self, world, cycle_s, RESTART_AFTER_S)
        return self.resources.enter_context(cell)

    def _open_world(self, robot: Robot) -> AssemblyWorld:
        world = AssemblyWorld(self._task, robot=robot, compliance=self._compliance)
        return self.resources.enter_context(world)

    def _open_controller(self, plant: CellPlant, cycle_s: float) -> SimulatedKrc4:
        parameters = declare_settings(self, SimControllerParameters)
        config = SimulatedKrc4Config(
            pc_address=parameters.pc_ip,
            pc_port=parameters.rsi_port,
            robot_address=parameters.robot_ip,
            cycle_s=cycle_s,
            auto_restart_s=RESTART_AFTER_S,
        )
        return self.resources.enter_context(SimulatedKrc4(config, plant))

    def _open_box(self, rng: np.random.Generator) -> SimulatedNetFt:
        parameters = declare_settings(self, SimSensorParameters)
        sensor = NoisySensor(self._robot, rng, parameters.force_noise_n, parameters.torque_noise_nm)
        config = SimulatedBoxConfig(
            address=parameters.sensor_ip,
            rdt_port=parameters.rdt_port,
            http_port=parameters.http_port,
        )
        box = replace(config.sensor, user_filter=parameters.box_filter)
        return self.resources.enter_context(SimulatedNetFt(replace(config, sensor=box), sensor))

    def _on_reset(self, _request: Any, response: Any) -> Any:
        """Place both pieces for a new attempt; respond when the robot takes commands again.

        The poses are sampled as in training. As in a real cell, the robot's own program, not
        ``kuka_bridge``, moves the held piece to its start pose.
        """
        initial = self._task.sample_initial_state(self._rng)
        self._place_ground(initial)
        self._robot.run_program(initial.held)
        # A robot whose thread has ended runs no program, so its end would never come.
        while not (self._robot.program_ended.wait(POLL_S) or self._robot.failure):
            if self.finished.is_set():
                break
        reason = self._robot.failure or self._robot.stop_reason
        response.success = not reason
        response.message = reason or "both pieces are where an attempt begins"
        return response

    def _place_ground(self, initial: InitialState) -> None:
        """Place the ground piece and publish the goal pose of the held piece."""
        self._robot.place_ground(initial.ground)
        stamp = self.get_clock().now().to_msg()
        goal = self._task.goal_pose(initial)
        self._goal_topic.publish(pose_to_message(goal, TASK_FRAME, stamp))

    def _collect(self) -> list[Status]:
        reason = self._robot.stop_reason
        level = Level.ERROR if self._robot.failure else Level.WARN if reason else Level.OK
        return [Status("controller", level, reason or self._robot.doing, self._robot.figures())]


def main(args: list[str] | None = None) -> int:
    """Run the node and return its exit code."""
    return run_node(SimCell, args)


if __name__ == "__main__":
    sys.exit(main())
