"""Assembly cell in PyBullet: a servo-driven tool with a held piece, a sensor and a ground piece.

PyBullet's world frame is the task frame. Forces are in newtons. The servo acts on the arm's
effective inertia, and the sensor's reading is the reaction in the joint that carries the held
piece: as in a real sensor, it includes contact, weight and inertia of that piece. The servo
compensates the weight of arm and load (a controller knows its load data).
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import pybullet

from der_ros.errors import ConfigurationError, DerRosError
from der_ros.geometry import Pose, Twist, Wrench
from der_ros.rotation import ZERO6, Quadruple, Six, Triple
from der_ros.sim.camera import has_display, look_at_joint
from der_ros.sim.compliance import Compliance, mounted
from der_ros.sim.compliant_ground import CompliantGround
from der_ros.sim.ground_cache import GroundCache
from der_ros.sim.jointed_arm import JointedArm
from der_ros.sim.robots import Robot, find_robot
from der_ros.sim.scene import Scene, set_engine, set_pieces
from der_ros.sim.servo import CartesianServo, ServoConfig
from der_ros.sim.shapes import CONTACT_SHELL_M
from der_ros.sim.tool import GRAVITY_M_PER_S2, FreeTool, JointMotions, Motion, Tool, motion_at
from der_ros.sim.units import PER_M
from der_ros.sim.variation import NOMINAL, Variation
from der_ros.tasks.base import InitialState, Task

_FAR_AWAY = Pose(np.array((0.0, 0.0, -5.0)), np.array((0.0, 0.0, 0.0, 1.0)))
# Distance from a limit, rad, within which an axis counts as being at its end stop.
_AT_STOP_RAD = 0.002
# Steps after a reset until the reading is that of a piece at rest.
_SETTLING_STEPS = 3


class WorldSnapshot(NamedTuple):
    """Saved state as plain data; any ``AssemblyWorld`` of the same task can restore it.

    Attributes:
        motion: State of the held piece and the sensor's reading.
        joints: Angle (rad) and speed (rad/s) of each axis of the arm; empty without an arm.
        stretch: Stretch of the servo; see ``CartesianServo``.
        ground: Rest pose of the ground piece, task frame.
        variation: Variation of this episode.
        displacement: Displacement of the ground piece from its rest pose: three m, three rad, task
            axes.
        displacement_before: Displacement one step earlier, in the same units and axes.
    """

    motion: Motion
    joints: JointMotions
    stretch: Six
    ground: Pose
    variation: Variation
    displacement: Six = ZERO6
    displacement_before: Six = ZERO6


def chosen_compliance(choice: str | float | Compliance, cell: Compliance) -> Compliance | None:
    """Return the selected compliance; None for rigid.

    Args:
        choice: Selection; see ``AssemblyWorld``.
        cell: Compliance of the task's cell.

    Raises:
        ConfigurationError: The selection is not one of those that ``AssemblyWorld`` lists.
    """
    if isinstance(choice, Compliance):
        return choice
    if choice in ("cell", "rigid"):
        return cell if choice == "cell" else None
    if isinstance(choice, str):
        with suppress(ValueError):
            choice = float(choice)
    if isinstance(choice, (int, float)) and not isinstance(choice, bool) and 0 < choice < math.inf:
        return cell.softened_to(float(choice))
    raise ConfigurationError(
        f"compliance: expected cell, rigid, a stiffness above 0 N/m or a Compliance, got {choice!r}"
    )


class AssemblyWorld:
    """PyBullet world of one task, as a context manager.

    Args:
        task: Task, for pieces and tool.
        servo: Stiffness, inertia and force limits of the arm; default: the robot's.
        physics_dt_s: Physics step, s.
        gui: If True, open PyBullet's window; if False, run without a display.
        robot: One of ``sim.robots.ROBOT_NAMES``, or a ``Robot`` placed in another cell.
        compliance: Compliance between the arm's mass and the ground: ``cell`` for the task's
            contact in series with gripper, sensor and arm; ``rigid``; a stiffness, N/m; or a
            ``Compliance``.

    Raises:
        ConfigurationError: The robot is unknown, the servo is too stiff for the physics step, or
            the compliance is invalid.
    """

    def __init__(
        self,
        task: Task,
        servo: ServoConfig | None = None,
        physics_dt_s: float = 0.004,
        gui: bool = False,
        robot: str | Robot = "robotless",
        compliance: str | float | Compliance = "rigid",
    ) -> None:
        self.task = task
        self.robot = find_robot(robot) if isinstance(robot, str) else robot
        cell = mounted(self.robot.structure, task.contact_stiffness_n_per_m)
        self.compliance = chosen_compliance(compliance, cell)
        axes = () if self.robot.arm is None else self.robot.arm.axes
        self._stops_rad = [
            (axis.lower_rad + _AT_STOP_RAD, axis.upper_rad - _AT_STOP_RAD) for axis in axes
        ]
        self.servo_config = servo if servo is not None else self.robot.servo
        self.physics_dt_s = physics_dt_s
        self._gui = gui
        self._servo = CartesianServo(self.servo_config, physics_dt_s)
        self._client = -1
        self._ground = Pose.identity()
        self._variation = NOMINAL
        self._motion = motion_at(task.start_pose)
        self._pose: Pose | None = None  # cached pose of ``_motion``
        self._tool: Tool
        self._grounds: GroundCache
        self._scene: Scene

    # -- opening and closing ---------------------------------------------------------------------

    def open(self) -> AssemblyWorld:
        """Connect to PyBullet, build the scene and reset it to the task's nominal start.

        Raises:
            DerRosError: PyBullet opens no world: no display for the window, or too many worlds.
            ConfigurationError: A piece cannot be built, or the arm does not reach the start; the
                world is closed again.
        """
        if self._client >= 0:
            return self
        if self._gui and not has_display():
            raise DerRosError("PyBullet's window: expected a display, got no DISPLAY; set it")
        try:
            client = pybullet.connect(pybullet.GUI if self._gui else pybullet.DIRECT)
        except pybullet.error as error:
            raise DerRosError(f"PyBullet: expected a physics world, got: {error}") from error
        if client < 0:
            raise DerRosError("PyBullet: expected a physics world, got none; close other worlds")
        self._client = client
        try:
            self._build(client)
        except BaseException:
            self.close()
            raise
        return self

    def _build(self, client: int) -> None:
        """Build the scene in a new client and reset it to the task's nominal start."""
        set_engine(client, self.physics_dt_s, self.task.held)
        self._tool = self._make_tool(client)
        self._grounds = GroundCache(client, self.task.ground)
        gravity = GRAVITY_M_PER_S2 if self.robot.arm is None else 0.0
        self._compliant_ground = CompliantGround(client, self.physics_dt_s, gravity)
        self._apply_variation(NOMINAL)
        if self._gui:
            look_at_joint(client)
        self.reset(InitialState(self.task.start_pose, Pose.identity()))

    def close(self) -> None:
        """Disconnect from PyBullet; no effect if closed."""
        if self._client >= 0:
            if pybullet.isConnected(self._client):
                pybullet.disconnect(physicsClientId=self._client)
            self._client = -1

    def __enter__(self) -> AssemblyWorld:
        return self.open()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def client(self) -> int:
        """PyBullet client id, for rendering and tests.

        Raises:
            DerRosError: The world is closed.
        """
        self._require_open()
        return self._client

    @property
    def scene(self) -> Scene:
        """Body numbers of the pieces in PyBullet."""
        return self._scene

    # -- commands --------------------------------------------------------------------------------

    def reset(self, initial: InitialState, variation: Variation = NOMINAL) -> None:
        """Start an episode at rest, independent of all earlier ones.

        Args:
            initial: Initial poses of the two pieces, task frame.
            variation: Deviation from the nominal task and servo until the next reset.

        Raises:
            ConfigurationError: The arm does not reach the held piece's pose, or the variation makes
                the servo too stiff for the physics step.
        """
        self._require_open()
        joints = self._tool.joints_at(initial.held)
        motion = motion_at(initial.held)
        self._set_state(WorldSnapshot(motion, joints, ZERO6, initial.ground, variation))
        self.drive(ZERO6, _SETTLING_STEPS)

    def place_ground(self, pose: Pose) -> None:
        """Move the ground piece; the held piece must not touch it.

        Args:
            pose: New pose of the ground piece, task frame.
        """
        self._ground = pose
        self._compliant_ground.place(pose)

    def advance(self, twist: Twist, steps: int) -> None:
        """Run the physics while the servo's setpoint moves.

        Args:
            twist: Linear and angular velocity of the tcp, m/s and rad/s, task axes.
            steps: Number of physics steps, at least 1; ``sensor_wrench`` is the mean over them.

        Raises:
            ConfigurationError: The twist is not six finite numbers, or ``steps`` is below 1.
        """
        numbers = twist.to_array()
        if numbers.shape != (6,) or not np.isfinite(numbers).all():
            raise ConfigurationError(f"twist: expected six finite numbers, got {numbers}")
        if steps < 1:
            raise ConfigurationError(f"steps: expected at least 1, got {steps}")
        vx, vy, vz, wx, wy, wz = numbers.tolist()
        self.drive((vx, vy, vz, wx, wy, wz), steps)

    def drive(self, twist: Six, steps: int) -> None:
        """Run ``advance`` with plain numbers and without checks, for the inner loop of training.

        Args:
            twist: Components vx, vy, vz, wx, wy, wz, m/s and rad/s, task axes.
            steps: Number of physics steps, at least 1.

        Raises:
            DerRosError: The world is closed, or the engine has ended because its window was closed.
        """
        self._require_open()
        try:
            self._motion = self._tool.drive(
                self._servo, self._motion, twist, steps, self._compliant_ground.relax
            )
            self._pose = None
        except pybullet.error as error:
            raise DerRosError(f"PyBullet's world or its window was closed: {error}") from error

    # -- measurements ----------------------------------------------------------------------------

    def held_pose(self) -> Pose:
        """Return the pose of the held piece (the tcp), task frame."""
        if self._pose is None:
            self._pose = Pose.from_numbers(self._motion.position, self._motion.quaternion)
        return self._pose

    def held_twist(self) -> Twist:
        """Return the linear and angular velocity of the held piece, task axes."""
        return Twist(np.array(self._motion.velocity), np.array(self._motion.angular))

    def servo_stretch(self) -> Six:
        """Return the lead of the setpoint over the held piece: three m, three rad, task axes.

        It refers to the piece's pose before the last physics step; see ``CartesianServo.stretch``.
        """
        return self._servo.stretch

    def held_position(self) -> Triple:
        """Return ``held_pose().position`` as plain numbers, m."""
        return self._motion.position

    def held_quaternion(self) -> Quadruple:
        """Return ``held_pose().quaternion``, xyzw, as plain numbers of either sign."""
        return self._motion.quaternion

    def sensor_wrench(self) -> Wrench:
        """Return the sensor's mean reading over the last ``advance``, without bias removal.

        Returns:
            Contact, weight and inertial load of the held piece, in sensor axes about the sensor's
            origin.
        """
        about_tcp = Wrench.from_array(np.array(self.wrench_on_tool()))
        return about_tcp.seen_from(self.task.tcp_from_sensor.inverse())

    def wrench_on_tool(self) -> Six:
        """Return the sensor's mean reading as plain numbers, in tcp axes about the tcp."""
        return self._motion.reading

    def joint_positions(self) -> tuple[float, ...]:
        """Return the angles of the arm's axes, rad, from the base on; empty without an arm."""
        return tuple(angle for angle, _ in self._tool.joints())

    def joint_limit_reached(self) -> bool:
        """Return True if an axis of the arm is at one of its end stops."""
        for (low, high), (angle, _) in zip(self._stops_rad, self._tool.joints(), strict=True):
            if angle < low or angle > high:
                return True
        return False

    def contact_wrench(self) -> Wrench:
        """Return the sum of contact loads on the held piece in the last step, task axes, at tcp."""
        force, torque = np.zeros(3), np.zeros(3)
        for contact in self._contacts():
            one = (
                contact[9] * np.array(contact[7])
                + contact[10] * np.array(contact[11])
                + contact[12] * np.array(contact[13])
            )
            force += one
            torque += np.cross(np.array(contact[5]) / PER_M - np.array(self._motion.position), one)
        return Wrench(force, torque)

    def penetration_m(self) -> float:
        """Return the maximum overlap of the two pieces, m; 0 if they do not touch."""
        depths = (-float(contact[8]) / PER_M - CONTACT_SHELL_M for contact in self._contacts())
        return max(0.0, max(depths, default=0.0))

    def ground_displacement(self) -> Six:
        """Return the ground piece's displacement from rest: three m, three rad, task axes.

        It represents the whole compliance of the cell: contact, gripper, sensor and arm.
        """
        return self._compliant_ground.displacement

    # -- save and restore ------------------------------------------------------------------------

    def save(self) -> WorldSnapshot:
        """Return the complete state; ``restore`` continues from it bit by bit.

        Saving clears the engine's contact caches, so the continuation may differ in the last digits
        from a run without saving.
        """
        snapshot = WorldSnapshot(
            self._motion,
            self._tool.joints(),
            self._servo.stretch,
            self._ground,
            self._variation,
            self._compliant_ground.displacement,
            self._compliant_ground.before,
        )
        self._set_state(snapshot)
        return snapshot

    def restore(self, snapshot: WorldSnapshot) -> None:
        """Restore a state saved by a world of the same task."""
        self._set_state(snapshot)

    def _set_state(self, snapshot: WorldSnapshot) -> None:
        """Set a state and clear the engine's contact caches."""
        if snapshot.variation != self._variation:
            self._apply_variation(snapshot.variation)
        # Moving the pieces far apart removes their contact pair and the solver's cached state.
        self.place_ground(_FAR_AWAY)
        pybullet.performCollisionDetection(self.client)
        self._tool.place(snapshot.motion, snapshot.joints)
        self._ground = snapshot.ground
        self._compliant_ground.place(
            snapshot.ground, snapshot.displacement, snapshot.displacement_before
        )
        self._servo.stretch = snapshot.stretch
        self._motion, self._pose = snapshot.motion, None

    # -- internals -------------------------------------------------------------------------------

    def _apply_variation(self, variation: Variation) -> None:
        """Apply a variation to pieces, servo and compliance."""
        config, scale = self.servo_config, variation.stiffness_scale
        stiffened = replace(
            config,
            stiffness_n_per_m=config.stiffness_n_per_m * scale,
            stiffness_nm_per_rad=config.stiffness_nm_per_rad * scale,
        )
        self._servo = CartesianServo(stiffened, self.physics_dt_s)
        ground = variation.ground if variation.ground is not None else self.task.ground
        tool = self._tool
        self._scene = Scene(tool.body, self._grounds.use(ground), tool.held_link)
        set_pieces(self.client, self._scene, self.task.held, ground, variation)
        giving = self.compliance
        if giving is not None:
            giving = giving.scaled(variation.compliance_stiffness_scale)
        self._compliant_ground.hold(self._scene.ground, giving)
        tool.set_load(self.task.held.mass_kg * variation.mass_scale)
        self._variation = variation

    def _require_open(self) -> None:
        if self._client < 0:
            raise DerRosError("AssemblyWorld: expected an open world, got a closed one; open() it")

    def _make_tool(self, client: int) -> Tool:
        piece, arm, dt_s = self.task.held, self.robot.arm, self.physics_dt_s
        if arm is None:
            return FreeTool(client, piece, self.servo_config, dt_s)
        return JointedArm(client, arm, piece, dt_s)

    def _contacts(self) -> Any:
        return pybullet.getContactPoints(
            self._scene.tool, self._scene.ground, physicsClientId=self.client
        )
