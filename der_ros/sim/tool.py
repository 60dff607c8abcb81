"""Tools that carry the held piece: the seam between the world and an arm, and one without arm.

Robot-less, the tool is a body of two links: the arm's effective inertia, whose frame is the tcp,
and, on a fixed joint, the held piece. That joint is the force/torque sensor. What goes through it
is all that moves the arm besides the servo and its weight, so with ``p`` the momentum of the arm
alone, over any number of steps,

    force of the piece on the arm, mean = change of p / time - servo, mean - weight of the arm

and the same for its angular momentum about the tcp. The engine's own figure of the joint agrees
within a millinewton (a test compares) and takes a tenth of the step to come by.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias

import pybullet

from der_ros.geometry import Pose
from der_ros.rotation import Quadruple, Six, Triple, conjugate, rotate
from der_ros.sim.servo import CartesianServo, ServoConfig
from der_ros.sim.shapes import collision_shape, visual_shape
from der_ros.sim.units import PER_KG, PER_KGM2, PER_M, PER_NM, scaled
from der_ros.tasks.pieces import Piece

GRAVITY_M_PER_S2 = 9.81
JointStates: TypeAlias = tuple[tuple[float, float], ...]
_ZERO3: Triple = (0.0, 0.0, 0.0)
_ZERO6: Six = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
_WORLD = pybullet.WORLD_FRAME
_HELD, _ARM = 0, -1


class Motion(NamedTuple):
    """The tool's state and the sensor's reading, as plain numbers."""

    position: Triple
    quaternion: Quadruple
    velocity: Triple
    angular: Triple
    reading: Six  # of the sensor, mean over the last steps: tcp axes, about the tcp


class Tool(Protocol):
    """A PyBullet body that ends in a sensor and a held piece.

    Attributes:
        body: PyBullet's number of it.
        held_link: the number of its link that is the held piece.
    """

    body: int
    held_link: int

    def joints_at(self, pose: Pose) -> JointStates:
        """Return angles (rad) and speeds (0) that hold the piece at rest at a pose, task frame.

        Raises:
            ConfigurationError: the arm does not reach it.
        """

    def place(self, motion: Motion, joints: JointStates) -> None:
        """Restore a state of the held piece."""

    def joints(self) -> JointStates:
        """Angle, rad, and speed, rad/s, of each axis; empty without axes."""

    def carry(self, load_kg: float) -> None:
        """Set the load that the controller compensates, kg."""

    def drive(
        self,
        servo: CartesianServo,
        motion: Motion,
        twist: Six,
        steps: int,
        before_step: Callable[[], None],
    ) -> Motion:
        """Run the physics while the servo's setpoint moves; see ``AssemblyWorld.drive``."""


def motion_at(pose: Pose) -> Motion:
    """Return the motion of a piece at rest, with no reading yet."""
    x, y, z = pose.position.tolist()
    a, b, c, d = pose.quaternion.tolist()
    return Motion((x, y, z), (a, b, c, d), _ZERO3, _ZERO3, _ZERO6)


class FreeTool:
    """The tool without an arm. Its servo carries the weight of inertia and load.

    Args:
        client: PyBullet's connection.
        piece: what is held.
        servo: gives the effective inertia.
        dt_s: the physics step.
    """

    held_link = _HELD

    def __init__(self, client: int, piece: Piece, servo: ServoConfig, dt_s: float) -> None:
        self._client, self._dt = client, dt_s
        self._mass_kg, self._inertia_kgm2 = servo.effective_mass_kg, servo.effective_inertia_kgm2
        self._load_n = 0.0
        pybullet.setGravity(0.0, 0.0, -PER_M * GRAVITY_M_PER_S2, physicsClientId=client)
        self.body = int(
            pybullet.createMultiBody(
                baseMass=PER_KG * servo.effective_mass_kg,
                baseCollisionShapeIndex=-1,
                linkMasses=[PER_KG * piece.mass_kg],
                linkCollisionShapeIndices=[collision_shape(client, piece)],
                linkVisualShapeIndices=[visual_shape(client, piece)],
                linkPositions=[_ZERO3],
                linkOrientations=[(0.0, 0.0, 0.0, 1.0)],
                linkInertialFramePositions=[scaled(piece.center_of_mass)],
                linkInertialFrameOrientations=[(0.0, 0.0, 0.0, 1.0)],
                linkParentIndices=[0],
                linkJointTypes=[pybullet.JOINT_FIXED],
                linkJointAxis=[(0.0, 0.0, 1.0)],
                physicsClientId=client,
            )
        )
        for link in (_HELD, _ARM):
            undamp(client, self.body, link)
        inertia = (PER_KGM2 * servo.effective_inertia_kgm2,) * 3
        pybullet.changeDynamics(
            self.body, _ARM, localInertiaDiagonal=inertia, physicsClientId=client
        )
        self.carry(piece.mass_kg)

    def joints_at(self, pose: Pose) -> JointStates:
        """Return no joints: there is no arm."""
        return ()

    def joints(self) -> JointStates:
        """Return no joints: there is no arm."""
        return ()

    def place(self, motion: Motion, joints: JointStates) -> None:
        """Restore a state of the held piece."""
        body, client = self.body, self._client
        position, velocity = scaled(motion.position), scaled(motion.velocity)
        pybullet.resetBasePositionAndOrientation(body, position, motion.quaternion, client)
        pybullet.resetBaseVelocity(body, velocity, motion.angular, client)

    def carry(self, load_kg: float) -> None:
        """Set the load that the controller compensates, kg."""
        self._load_n = GRAVITY_M_PER_S2 * load_kg

    def drive(
        self,
        servo: CartesianServo,
        motion: Motion,
        twist: Six,
        steps: int,
        before_step: Callable[[], None],
    ) -> Motion:
        """Run the physics while the servo's setpoint moves; see ``AssemblyWorld.drive``."""
        client, tool, pull = self._client, self.body, servo.pull
        dt, weight = self._dt, GRAVITY_M_PER_S2 * self._mass_kg + self._load_n
        velocity, angular = motion.velocity, motion.angular
        x, y, z = scaled(motion.position)
        a = b = c = d = e = f = 0.0
        for _ in range(steps):
            (px, py, pz), (tx, ty, tz) = pull(twist, velocity, angular)
            torque = (PER_NM * tx, PER_NM * ty, PER_NM * tz)
            pybullet.applyExternalForce(tool, -1, (px, py, pz + weight), (x, y, z), _WORLD, client)
            pybullet.applyExternalTorque(tool, -1, torque, _WORLD, client)
            before_step()
            pybullet.stepSimulation(client)
            a, b, c, d, e, f = a + px, b + py, c + pz, d + tx, e + ty, f + tz
            # Where the next force acts: the engine's own integration, so no need to ask for it.
            (vx, vy, vz), angular = pybullet.getBaseVelocity(tool, client)
            x, y, z = x + vx * dt, y + vy * dt, z + vz * dt
            velocity = vx / PER_M, vy / PER_M, vz / PER_M
        (x, y, z), quaternion = pybullet.getBasePositionAndOrientation(tool, client)
        position = x / PER_M, y / PER_M, z / PER_M
        # What changed the arm's momentum, in newtons, less what the servo and the weights gave.
        (ux, uy, uz), (wx, wy, wz) = motion.velocity, motion.angular
        vx, vy, vz = velocity
        n, m, j = 1.0 / steps, self._mass_kg / dt, self._inertia_kgm2 / dt
        fx, fy, fz = n * (m * (vx - ux) - a), n * (m * (vy - uy) - b), n * (m * (vz - uz) - c)
        vx, vy, vz = angular
        tx, ty, tz = n * (j * (vx - wx) - d), n * (j * (vy - wy) - e), n * (j * (vz - wz) - f)
        back = conjugate(quaternion)
        force, torque = rotate(back, fx, fy, fz - self._load_n), rotate(back, tx, ty, tz)
        return Motion(position, quaternion, velocity, angular, force + torque)


def undamp(client: int, body: int, link: int, joint_damping_nms: float = 0.0) -> None:
    """Remove the air friction and the sleep that PyBullet gives to all bodies."""
    pybullet.changeDynamics(
        body,
        link,
        linearDamping=0.0,
        angularDamping=0.0,
        jointDamping=PER_NM * joint_damping_nms,
        activationState=pybullet.ACTIVATION_STATE_DISABLE_SLEEPING,
        physicsClientId=client,
    )
