"""One assembly cell in PyBullet: a servoed tool with a held piece, a sensor, and a ground piece.

PyBullet's world is the task frame. Forces are newtons as the engine gives them: the servo pushes
on the arm's effective inertia, and the sensor's reading is the reaction in the joint that carries
the held piece, so it holds contact, weight and inertia of that piece, as a real sensor's does.
The weight of arm and load is taken up by the servo (a controller knows its load data).
"""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import pybullet

from der_ros.errors import ConfigurationError, DerRosError
from der_ros.geometry import Pose, Twist, Wrench
from der_ros.sim.camera import has_display, look_at_joint
from der_ros.sim.ground import GroundShelf
from der_ros.sim.scene import GRAVITY_M_PER_S2, HELD_LINK, Scene, build_scene, set_pieces
from der_ros.sim.servo import CartesianServo, Quadruple, ServoConfig, Six, Triple
from der_ros.sim.shapes import CONTACT_SHELL_M
from der_ros.sim.variation import NOMINAL, Variation
from der_ros.tasks.base import InitialState, Task

_ZERO3: Triple = (0.0, 0.0, 0.0)
_ZERO6: Six = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
_WORLD = pybullet.WORLD_FRAME
_FAR_AWAY: Triple = (0.0, 0.0, 10.0)
# Long enough for the first reading after a reset to be that of a piece at rest.
_SETTLING_STEPS = 3


class _Motion(NamedTuple):
    """The tool's state and the sensor's reading, as plain numbers."""

    position: Triple
    quaternion: Quadruple
    velocity: Triple
    angular: Triple
    reading: Six  # reaction at the joint, averaged: tcp axes, about the held piece's mass centre


class WorldSnapshot(NamedTuple):
    """A saved state; plain data that any ``AssemblyWorld`` of the same task can be put into."""

    motion: _Motion
    stretch: Six
    ground: Pose
    variation: Variation


class AssemblyWorld:
    """A context manager around one PyBullet world of one task.

    Args:
        task: pieces and tool.
        servo: stiffness, inertia and force of the arm; default ``ServoConfig.kr60()``.
        physics_dt_s: the physics step.
        gui: opens PyBullet's window instead of running without a display.

    Raises:
        ConfigurationError: the servo is too stiff for the step.
    """

    def __init__(
        self,
        task: Task,
        servo: ServoConfig | None = None,
        physics_dt_s: float = 0.004,
        gui: bool = False,
    ) -> None:
        self.task = task
        self.servo_config = servo if servo is not None else ServoConfig.kr60()
        self.physics_dt_s = physics_dt_s
        self._gui = gui
        self._servo = CartesianServo(self.servo_config, physics_dt_s)
        self._client = -1
        self._scene = Scene(-1, -1)
        self._ground = Pose.identity()
        self._shelf: GroundShelf | None = None
        self._variation = NOMINAL
        self._tool_weight_n = self._weight_n(NOMINAL)
        start = task.start_pose
        self._motion = _Motion(
            _triple(start.position), _quadruple(start.quaternion), _ZERO3, _ZERO3, _ZERO6
        )

    # -- life ------------------------------------------------------------------------------------

    def open(self) -> AssemblyWorld:
        """Connects and builds the scene, reset to the task's nominal start.

        Raises:
            DerRosError: PyBullet does not give a world (no display for a window, too many worlds).
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
        self._scene = build_scene(client, self.task, self.servo_config, self.physics_dt_s)
        self._shelf = GroundShelf(client, self.task.ground, self._scene.ground)
        self._vary(NOMINAL)
        if self._gui:
            look_at_joint(client)
        self.reset(InitialState(self.task.start_pose, Pose.identity()))
        return self

    def close(self) -> None:
        """Disconnects; harmless when closed."""
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
        """PyBullet's connection, for rendering and tests.

        Raises:
            DerRosError: the world is closed.
        """
        if self._client < 0:
            raise DerRosError("AssemblyWorld: expected an open world, got a closed one; open() it")
        return self._client

    @property
    def scene(self) -> Scene:
        """PyBullet's body numbers."""
        return self._scene

    # -- commands --------------------------------------------------------------------------------

    def reset(self, initial: InitialState, variation: Variation = NOMINAL) -> None:
        """Starts anew, at rest, with no memory of what was before.

        Args:
            initial: where the two pieces are.
            variation: what is different from the task and the servo until the next reset.

        Raises:
            ConfigurationError: the variation makes the servo too stiff for the physics step.
        """
        motion = _Motion(
            _triple(initial.held.position), _quadruple(initial.held.quaternion),
            _ZERO3, _ZERO3, _ZERO6,
        )  # fmt: skip
        self._become(WorldSnapshot(motion, _ZERO6, initial.ground, variation))
        self.drive(_ZERO6, _SETTLING_STEPS)

    def place_ground(self, pose: Pose) -> None:
        """Puts the ground piece elsewhere, while the held one is away from it.

        Args:
            pose: in the task frame.
        """
        self._ground = pose
        pybullet.resetBasePositionAndOrientation(
            self._scene.ground, pose.position, pose.quaternion, physicsClientId=self.client
        )

    def advance(self, twist: Twist, steps: int) -> None:
        """Runs the physics while the servo's setpoint moves.

        Args:
            twist: linear velocity of the tcp and angular velocity, task axes, m/s and rad/s.
            steps: physics steps, at least 1; ``sensor_wrench`` is the mean over them.

        Raises:
            ConfigurationError: the twist is not six finite numbers, or steps is below 1.
        """
        numbers = twist.to_array()
        if numbers.shape != (6,) or not np.isfinite(numbers).all():
            raise ConfigurationError(f"twist: expected six finite numbers, got {numbers}")
        if steps < 1:
            raise ConfigurationError(f"steps: expected at least 1, got {steps}")
        vx, vy, vz, wx, wy, wz = numbers.tolist()
        self.drive((vx, vy, vz, wx, wy, wz), steps)

    def drive(self, twist: Six, steps: int) -> None:
        """``advance`` in plain numbers, unchecked: the inner loop of training.

        Args:
            twist: vx, vy, vz, wx, wy, wz in task axes.
            steps: physics steps, at least 1.

        Raises:
            DerRosError: the engine has gone, as it does when a person closes its window.
        """
        try:
            self._drive(twist, steps)
        except pybullet.error as error:
            raise DerRosError(f"PyBullet's world or its window was closed: {error}") from error

    def _drive(self, twist: Six, steps: int) -> None:
        client, tool, pull = self.client, self._scene.tool, self._servo.pull
        dt, weight = self.physics_dt_s, self._tool_weight_n
        (x, y, z), _, velocity, angular, _ = self._motion
        a = b = c = d = e = f = 0.0
        for _ in range(steps):
            (px, py, pz), torque = pull(twist, velocity, angular)
            pybullet.applyExternalForce(tool, -1, (px, py, pz + weight), (x, y, z), _WORLD, client)
            pybullet.applyExternalTorque(tool, -1, torque, _WORLD, client)
            pybullet.stepSimulation(client)
            velocity, angular = pybullet.getBaseVelocity(tool, client)
            fx, fy, fz, tx, ty, tz = pybullet.getJointState(tool, HELD_LINK, client)[2]
            a, b, c, d, e, f = a + fx, b + fy, c + fz, d + tx, e + ty, f + tz
            # Where the next force acts: the engine's own integration, so no need to ask for it.
            vx, vy, vz = velocity
            x, y, z = x + vx * dt, y + vy * dt, z + vz * dt
        position, quaternion = pybullet.getBasePositionAndOrientation(tool, client)
        # The joint reports what it does to the piece; a sensor, what the piece does to it.
        n = -1.0 / steps
        reading = (n * a, n * b, n * c, n * d, n * e, n * f)
        self._motion = _Motion(position, quaternion, velocity, angular, reading)

    # -- what can be known -----------------------------------------------------------------------

    def held_pose(self) -> Pose:
        """Pose of the held piece (the tcp) in the task frame."""
        return Pose.from_numbers(self._motion.position, self._motion.quaternion)

    def held_twist(self) -> Twist:
        """Velocity of the held piece, task axes."""
        return Twist(np.array(self._motion.velocity), np.array(self._motion.angular))

    def held_position(self) -> Triple:
        """``held_pose().position`` in plain numbers."""
        return self._motion.position

    def held_quaternion(self) -> Quadruple:
        """``held_pose().quaternion`` in plain numbers, of either sign."""
        return self._motion.quaternion

    def sensor_wrench(self) -> Wrench:
        """The sensor's reading, mean over the last ``advance``; nothing is taken off.

        Returns:
            Sensor axes, about the sensor's origin: contact, weight and inertia of the held piece.
        """
        about_tcp = Wrench.from_array(np.array(self.wrench_on_tool()))
        return about_tcp.seen_from(self.task.tcp_from_sensor.inverse())

    def wrench_on_tool(self) -> Six:
        """The same reading in plain numbers, in the tcp's axes about the tcp."""
        fx, fy, fz, tx, ty, tz = self._motion.reading
        x, y, z = self.task.held.center_of_mass
        return (fx, fy, fz, tx + y * fz - z * fy, ty + z * fx - x * fz, tz + x * fy - y * fx)

    def contact_wrench(self) -> Wrench:
        """Sum of all contacts on the held piece in the last step, task axes about the tcp."""
        force, torque = np.zeros(3), np.zeros(3)
        for contact in self._contacts():
            one = (
                contact[9] * np.array(contact[7])
                + contact[10] * np.array(contact[11])
                + contact[12] * np.array(contact[13])
            )
            force += one
            torque += np.cross(np.array(contact[5]) - np.array(self._motion.position), one)
        return Wrench(force, torque)

    def penetration_m(self) -> float:
        """The deepest overlap of the two pieces, m, 0 when they do not touch."""
        depths = (-float(contact[8]) - CONTACT_SHELL_M for contact in self._contacts())
        return max(0.0, max(depths, default=0.0))

    # -- save and restore ------------------------------------------------------------------------

    def save(self) -> WorldSnapshot:
        """Keeps the whole state; from here on and after ``restore`` all goes the same, bit by bit.

        For that it empties the engine's contact caches, so the way on may differ in the last
        digits from what it had been without saving.
        """
        snapshot = WorldSnapshot(self._motion, self._servo.stretch, self._ground, self._variation)
        self._become(snapshot)
        return snapshot

    def restore(self, snapshot: WorldSnapshot) -> None:
        """Returns to a state that a world of the same task saved."""
        self._become(snapshot)

    def _become(self, snapshot: WorldSnapshot) -> None:
        """Takes on a state, with no memory of contacts."""
        client, tool, motion = self.client, self._scene.tool, snapshot.motion
        if snapshot.variation != self._variation:
            self._vary(snapshot.variation)
        # Far apart the pair of pieces ceases to be, and with it all that the solver remembers.
        pybullet.resetBasePositionAndOrientation(tool, _FAR_AWAY, motion.quaternion, client)
        pybullet.performCollisionDetection(client)
        pybullet.resetBasePositionAndOrientation(tool, motion.position, motion.quaternion, client)
        pybullet.resetBaseVelocity(tool, motion.velocity, motion.angular, client)
        self.place_ground(snapshot.ground)
        self._servo.stretch = snapshot.stretch
        self._motion = motion

    # -- inside ----------------------------------------------------------------------------------

    def _vary(self, variation: Variation) -> None:
        """Changes pieces and servo to those of another episode."""
        config, scale = self.servo_config, variation.stiffness_scale
        stiffened = replace(
            config,
            stiffness_n_per_m=config.stiffness_n_per_m * scale,
            stiffness_nm_per_rad=config.stiffness_nm_per_rad * scale,
        )
        self._servo = CartesianServo(stiffened, self.physics_dt_s)
        ground = variation.ground if variation.ground is not None else self.task.ground
        if self._shelf is not None:
            self._scene = self._scene._replace(ground=self._shelf.take(ground))
        set_pieces(self.client, self._scene, self.task.held, ground, variation)
        self._tool_weight_n = self._weight_n(variation)
        self._variation = variation

    def _weight_n(self, variation: Variation) -> float:
        """Of arm and held piece."""
        held_kg = self.task.held.mass_kg * variation.mass_scale
        return GRAVITY_M_PER_S2 * (self.servo_config.effective_mass_kg + held_kg)

    def _contacts(self) -> Any:
        return pybullet.getContactPoints(
            self._scene.tool, self._scene.ground, physicsClientId=self.client
        )


def _triple(values: Any) -> Triple:
    x, y, z = values.tolist()
    return (x, y, z)


def _quadruple(values: Any) -> Quadruple:
    x, y, z, w = values.tolist()
    return (x, y, z, w)
