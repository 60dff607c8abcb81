"""Simulated KR 60 with its KRC4: one physics world, driven by the corrections of RSI."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator

import numpy as np

from der_ros.drivers.kuka import kr60_kinematics
from der_ros.drivers.kuka.krc4 import SimulatedKrc4
from der_ros.drivers.kuka.krc4_records import ControllerState
from der_ros.drivers.kuka.plant import Displacement, PlantState
from der_ros.drivers.kuka.point_to_point import point_to_point
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, Twist, Wrench
from der_ros.sim.world import AssemblyWorld


class CellPlant:
    """Physics world shared by the simulated controller and the simulated sensor.

    The controller's thread steps the physics, the box's thread reads the wrench, and the
    executor's thread places ground pieces. PyBullet allows only one of them at a time.

    Args:
        world: Open physics world with a KR 60.
        base_from_task: Pose of the task frame in the robot's base frame.
        flange_from_tcp: Pose of the held piece in the flange frame.
    """

    def __init__(self, world: AssemblyWorld, base_from_task: Pose, flange_from_tcp: Pose) -> None:
        self._world = world
        self._base_from_task = base_from_task
        self._flange_from_tcp = flange_from_tcp
        self._lock = threading.Lock()
        self._wrench = world.sensor_wrench()
        self._home = self._axes = np.array(world.joint_positions())

    def advance(self, displacement_m: Array, rotation_rad: Array, duration_s: float) -> PlantState:
        """Move the servo's setpoint by one correction and step the world.

        Args:
            displacement_m: Translation, shape (3,), m, base axes.
            rotation_rad: Rotation vector, shape (3,), rad, base axes.
            duration_s: Duration of the step, s.
        """
        to_task = self._base_from_task.rotation.T
        twist = Twist(displacement_m / duration_s, rotation_rad / duration_s).rotated(to_task)
        with self._lock:
            self._world.advance(twist, round(duration_s / self._world.physics_dt_s))
            self._wrench = self._world.sensor_wrench()
            self._axes = np.array(self._world.joint_positions())
            return PlantState(self._base_from_task @ self._world.held_pose(), self._axes)

    def place_ground(self, ground: Pose) -> None:
        """Place the ground piece at a pose in the task frame."""
        with self._lock:
            self._world.place_ground(ground)

    def sensor_wrench(self) -> Wrench:
        """Return the wrench at the sensor (N, Nm), sensor axes, including the weight."""
        return self._wrench

    def way_to(self, held: Pose, cycle_s: float) -> Iterator[Displacement]:
        """Yield the motion of a program that moves the held piece to a pose in the task frame.

        A6 ends within half a turn of zero, which leaves the attempt room in both directions.

        Raises:
            ConfigurationError: The pose is out of the arm's reach.
        """
        end = axes_at(self._base_from_task @ held, self._flange_from_tcp, self._home)
        end[5] = math.remainder(end[5], 2.0 * math.pi)
        return point_to_point(self._axes, end, self._flange_from_tcp, cycle_s)


def axes_at(base_from_tcp: Pose, flange_from_tcp: Pose, near_rad: Array) -> Array:
    """Return the KR 60's axis angles, shape (6,), rad, for a pose of the held piece.

    Args:
        base_from_tcp: Pose of the held piece in the base frame.
        flange_from_tcp: Pose of the held piece in the flange frame.
        near_rad: Axis angles, shape (6,), rad, near which the solution is chosen.

    Raises:
        ConfigurationError: The pose is out of the arm's reach.
    """
    axes = kr60_kinematics.inverse(base_from_tcp @ flange_from_tcp.inverse(), near_rad)
    if axes is None:
        raise ConfigurationError(
            "parameters task_frame, flange_from_tcp: expected a start pose within the KR 60's "
            f"reach, got {base_from_tcp}"
        )
    return axes


class Krc4Cell:
    """``SimulatedRobot`` of a KR 60: the plant with the simulated KRC4."""

    def __init__(self, plant: CellPlant, controller: SimulatedKrc4, cycle_s: float) -> None:
        self._plant, self._controller, self._cycle_s = plant, controller, cycle_s
        self.program_ended = controller.program_ended
        self.sensor_wrench, self.place_ground = plant.sensor_wrench, plant.place_ground

    @property
    def stop_reason(self) -> str:
        """Reason why RSI stopped; empty while it runs."""
        stopped = self._controller.state is ControllerState.STOPPED
        return f"RSI stopped: {self._controller.stop_reason}" if stopped else ""

    @property
    def failure(self) -> str:
        """Reason why the controller's thread ended; empty while it runs."""
        return self._controller.failure

    @property
    def doing(self) -> str:
        """State of the controller, as text."""
        return str(self._controller.state.value)

    def figures(self) -> dict[str, object]:
        """Return counters of cycles and late answers for the diagnostics."""
        statistics = self._controller.statistics
        return {"late answers": statistics.late, "cycles": statistics.cycles}

    def run_program(self, held: Pose) -> None:
        """Start moving the held piece to a pose in the task frame, with RSI off."""
        self._controller.run_program(self._plant.way_to(held, self._cycle_s))
