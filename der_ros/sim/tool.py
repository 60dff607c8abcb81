"""Interface between the world and the body that carries the held piece, and a tool without an arm.

Without a robot, the tool is a body of two links: the arm's effective inertia, whose frame is the
tcp, and the held piece on a fixed joint. That joint is the force/torque sensor. Only the load
through it, the servo and the weight change the momentum ``p`` of the effective inertia, so over any
number of steps,

    mean force of the piece on the arm = change of p / time - mean servo force - weight of the arm

and likewise for the angular momentum about the tcp. The engine's joint reaction agrees within a
millinewton (a test compares them), but reading it takes a tenth of the step's computing time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias

import pybullet

from der_ros.geometry import Pose
from der_ros.rotation import ZERO3, ZERO6, Quadruple, Six, Triple, conjugate, rotate
from der_ros.sim.servo import CartesianServo, ServoConfig
from der_ros.sim.shapes import collision_shape, visual_shape
from der_ros.sim.units import PER_KG, PER_KGM2, PER_M, PER_NM, scaled
from der_ros.tasks.pieces import Piece

GRAVITY_M_PER_S2 = 9.81
JointMotions: TypeAlias = tuple[tuple[float, float], ...]
_WORLD = pybullet.WORLD_FRAME
_HELD, _ARM = 0, -1


class Motion(NamedTuple):
    """State of the held piece in the world and the sensor's reading, as plain numbers."""

    position: Triple
    quaternion: Quadruple
    velocity: Triple
    angular: Triple
    reading: Six  # mean sensor wrench over the last steps: tcp axes, about the tcp


class Tool(Protocol):
    """PyBullet body with a sensor and a held piece at its end.

    Attributes:
        body: PyBullet body number.
        held_link: Link index of the held piece.
    """

    body: int
    held_link: int

    def joints_at(self, pose: Pose) -> JointMotions:
        """Return joint angles (rad) and speeds (0) that hold the piece at rest at a pose.

        Args:
            pose: Pose of the held piece, task frame.

        Raises:
            ConfigurationError: The arm does not reach the pose.
        """

    def place(self, motion: Motion, joints: JointMotions) -> None:
        """Restore the state of the held piece and of the joints."""

    def joints(self) -> JointMotions:
        """Return the angle, rad, and the speed, rad/s, of each axis; empty without axes."""

    def set_load(self, load_kg: float) -> None:
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
    """Return the state of a piece at rest at a pose, with a zero sensor reading."""
    return Motion(*pose.to_numbers(), ZERO3, ZERO3, ZERO6)


class FreeTool:
    """Tool without an arm. The servo compensates the weight of effective mass and load.

    Args:
        client: PyBullet client id.
        piece: Held piece.
        servo: Servo settings, for the effective mass and inertia.
        dt_s: Physics step, s.
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
                linkPositions=[ZERO3],
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
        self.set_load(piece.mass_kg)

    def joints_at(self, pose: Pose) -> JointMotions:
        """Return no joints: there is no arm."""
        return ()

    def joints(self) -> JointMotions:
        """Return no joints: there is no arm."""
        return ()

    def place(self, motion: Motion, joints: JointMotions) -> None:
        """Restore the state of the held piece."""
        body, client = self.body, self._client
        position, velocity = scaled(motion.position), scaled(motion.velocity)
        pybullet.resetBasePositionAndOrientation(body, position, motion.quaternion, client)
        pybullet.resetBaseVelocity(body, velocity, motion.angular, client)

    def set_load(self, load_kg: float) -> None:
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
            # Point of application of the next force, integrated as the engine does.
            (vx, vy, vz), angular = pybullet.getBaseVelocity(tool, client)
            x, y, z = x + vx * dt, y + vy * dt, z + vz * dt
            velocity = vx / PER_M, vy / PER_M, vz / PER_M
        (x, y, z), quaternion = pybullet.getBasePositionAndOrientation(tool, client)
        position = x / PER_M, y / PER_M, z / PER_M
        # Rate of change of the arm's momentum less the servo's force and the weights.
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
    """Disable PyBullet's default velocity damping and sleeping; set the joint damping."""
    pybullet.changeDynamics(
        body,
        link,
        linearDamping=0.0,
        angularDamping=0.0,
        jointDamping=PER_NM * joint_damping_nms,
        activationState=pybullet.ACTIVATION_STATE_DISABLE_SLEEPING,
        physicsClientId=client,
    )
