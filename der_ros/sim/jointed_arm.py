"""PyBullet body of an ``Arm`` with a held piece, and its motion.

The servo acts on the flange like a spring between setpoint and tool: a force and a torque at the
tcp, equivalent to the joint torques ``tau = J^T F``. The force/torque sensor is the fixed joint
between the flange and the held piece. Gravity acts on that piece only: the controller compensates
the arm's weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pybullet

from der_ros.geometry import Array, Pose, quaternion_from_rotation_vector
from der_ros.rotation import Six, moved
from der_ros.sim.arm import Arm, Rod
from der_ros.sim.arm_kinematics import ArmKinematics
from der_ros.sim.servo import CartesianServo
from der_ros.sim.shapes import collision_shape, visual_shape
from der_ros.sim.tool import GRAVITY_M_PER_S2, JointMotions, Motion, undamp
from der_ros.sim.units import PER_KG, PER_KGM2, PER_M, PER_NM, scaled
from der_ros.tasks.pieces import Piece

_BASE = -1
_WORLD = pybullet.WORLD_FRAME
_IDENTITY = (0.0, 0.0, 0.0, 1.0)
_UPRIGHT = np.array((0.0, 0.0, 1.0))


class JointedArm:
    """Jointed arm with a held piece, as a ``Tool``.

    Args:
        client: PyBullet client id of a world without gravity.
        arm: Arm in the cell.
        piece: Piece that the arm holds.
        dt_s: Physics step, s.
    """

    def __init__(self, client: int, arm: Arm, piece: Piece, dt_s: float) -> None:
        self._client, self._dt = client, dt_s
        self._kinematics = ArmKinematics(arm)
        self._axes = list(range(len(arm.axes)))
        self.held_link = len(arm.axes)
        self.body = _create_body(client, arm, piece)
        self._weight_n = 0.0
        self._center_of_mass = piece.center_of_mass
        self.set_load(piece.mass_kg)

    def joints_at(self, pose: Pose) -> JointMotions:
        """Return joint angles (rad) and speeds (0) that hold the piece at rest at a pose.

        Args:
            pose: Pose of the held piece, task frame.

        Raises:
            ConfigurationError: The arm does not reach the pose.
        """
        return tuple((angle, 0.0) for angle in self._kinematics.inverse(pose).tolist())

    def joints(self) -> JointMotions:
        """Return the angle, rad, and the speed, rad/s, of each axis."""
        states = pybullet.getJointStates(self.body, self._axes, self._client)
        return tuple((state[0], state[1]) for state in states)

    def place(self, motion: Motion, joints: JointMotions) -> None:
        """Restore the state of the joints."""
        pybullet.resetJointStatesMultiDof(
            self.body,
            self._axes,
            [[angle] for angle, _ in joints],
            [[speed] for _, speed in joints],
            physicsClientId=self._client,
        )

    def set_load(self, load_kg: float) -> None:
        """Set the load that the controller compensates, kg."""
        self._weight_n = GRAVITY_M_PER_S2 * load_kg

    def drive(
        self,
        servo: CartesianServo,
        motion: Motion,
        twist: Six,
        steps: int,
        before_step: Callable[[], None],
    ) -> Motion:
        """Run the physics while the servo's setpoint moves; see ``AssemblyWorld.drive``."""
        client, body, held, pull = self._client, self.body, self.held_link, servo.pull
        flange, weight = held - 1, self._weight_n
        _, quaternion, velocity, angular, _ = motion
        position = scaled(motion.position)
        center = scaled(moved(motion.position, quaternion, self._center_of_mass))
        rx, ry, rz = center[0] - position[0], center[1] - position[1], center[2] - position[2]
        a = b = c = d = e = f = 0.0
        for _ in range(steps):
            (px, py, pz), (qx, qy, qz) = pull(twist, velocity, angular)
            # The controller supports the piece at its centre of mass: r x W up.
            torque = (PER_NM * qx + ry * weight, PER_NM * qy - rx * weight, PER_NM * qz)
            pybullet.applyExternalForce(
                body, flange, (px, py, pz + weight), position, _WORLD, client
            )
            pybullet.applyExternalTorque(body, flange, torque, _WORLD, client)
            pybullet.applyExternalForce(body, held, (0.0, 0.0, -weight), center, _WORLD, client)
            before_step()
            pybullet.stepSimulation(client)
            # Recompute forward kinematics: the cached pose is that before the step.
            center, _, _, _, position, quaternion, (vx, vy, vz), angular = pybullet.getLinkState(
                body, held, 1, 1, client
            )
            # PyBullet returns the velocity of the centre of mass: v = v_c + r x w.
            wx, wy, wz = angular
            rx, ry, rz = center[0] - position[0], center[1] - position[1], center[2] - position[2]
            velocity = (
                (vx + ry * wz - rz * wy) / PER_M,
                (vy + rz * wx - rx * wz) / PER_M,
                (vz + rx * wy - ry * wx) / PER_M,
            )
            fx, fy, fz, tx, ty, tz = pybullet.getJointState(body, held, client)[2]
            a, b, c, d, e, f = a + fx, b + fy, c + fz, d + tx, e + ty, f + tz
        reading = self._reading((a, b, c, d, e, f), steps)
        x, y, z = position
        place = x / PER_M, y / PER_M, z / PER_M
        return Motion(place, quaternion, velocity, angular, reading)

    def _reading(self, reactions: Six, steps: int) -> Six:
        """Return the mean sensor reading from the sum of joint reactions over the steps.

        PyBullet gives the reactions about the piece's centre of mass.
        """
        # The joint reports the load on the piece; a sensor measures the opposite.
        n = -1.0 / steps
        m = n / PER_NM
        a, b, c, d, e, f = reactions
        fx, fy, fz = n * a, n * b, n * c
        x, y, z = self._center_of_mass
        tx, ty, tz = m * d + y * fz - z * fy, m * e + z * fx - x * fz, m * f + x * fy - y * fx
        return (fx, fy, fz, tx, ty, tz)


def _create_body(client: int, arm: Arm, piece: Piece) -> int:
    """Create the arm with the held piece, all axes at zero, and return its PyBullet body number.

    Link i belongs to axis i; the held piece is the link after the last axis. Only the held piece
    has a collision shape.

    Args:
        client: PyBullet client id.
        arm: Arm in the cell.
        piece: Piece that the arm holds.
    """
    base = arm.base_from_task.inverse()
    count = len(arm.axes)
    held = arm.last_from_tcp
    body = int(
        pybullet.createMultiBody(
            baseMass=0.0,
            baseVisualShapeIndex=_visual_shape(client, arm.base_visuals),
            basePosition=scaled(base.position),
            baseOrientation=base.quaternion,
            linkMasses=scaled([*(axis.mass_kg for axis in arm.axes), piece.mass_kg], PER_KG),
            linkCollisionShapeIndices=[-1] * count + [collision_shape(client, piece)],
            linkVisualShapeIndices=[
                *(_visual_shape(client, axis.visuals) for axis in arm.axes),
                visual_shape(client, piece),
            ],
            linkPositions=[*(scaled(axis.origin) for axis in arm.axes), scaled(held.position)],
            linkOrientations=[_IDENTITY] * count + [held.quaternion],
            linkInertialFramePositions=[
                *(scaled(axis.center_of_mass) for axis in arm.axes),
                scaled(piece.center_of_mass),
            ],
            linkInertialFrameOrientations=[_IDENTITY] * (count + 1),
            linkParentIndices=list(range(count + 1)),
            linkJointTypes=[pybullet.JOINT_REVOLUTE] * count + [pybullet.JOINT_FIXED],
            linkJointAxis=[*(axis.direction for axis in arm.axes), (0.0, 0.0, 1.0)],
            physicsClientId=client,
        )
    )
    _set_dynamics(client, body, arm)
    pybullet.enableJointForceTorqueSensor(body, count, True, physicsClientId=client)
    return body


def _set_dynamics(client: int, body: int, arm: Arm) -> None:
    """Set inertia, damping and limits of the axes; disable PyBullet's own damping and motors."""
    count = len(arm.axes)
    for link, axis in enumerate(arm.axes):
        undamp(client, body, link, axis.damping_nms)
        pybullet.changeDynamics(
            body,
            link,
            localInertiaDiagonal=scaled(axis.whole_inertia_kgm2, PER_KGM2),
            jointLowerLimit=axis.lower_rad,
            jointUpperLimit=axis.upper_rad,
            physicsClientId=client,
        )
    for link in (count, _BASE):
        undamp(client, body, link)
    # PyBullet gives every joint a velocity motor by default; zero force disables it.
    pybullet.setJointMotorControlArray(
        body,
        list(range(count)),
        pybullet.VELOCITY_CONTROL,
        forces=[0.0] * count,
        physicsClientId=client,
    )


def _visual_shape(client: int, rods: Sequence[Rod]) -> int:
    """Create the visible shape of a link and return its PyBullet number; -1 without rods."""
    if not rods:
        return -1
    ends = PER_M * np.array([(rod.start, rod.end) for rod in rods], dtype=float)
    return int(
        pybullet.createVisualShapeArray(
            shapeTypes=[pybullet.GEOM_CYLINDER] * len(rods),
            radii=scaled(rod.radius_m for rod in rods),
            lengths=np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).tolist(),
            rgbaColors=[rod.rgba for rod in rods],
            visualFramePositions=ends.mean(axis=1).tolist(),
            visualFrameOrientations=[_upright_to(end - start) for start, end in ends],
            physicsClientId=client,
        )
    )


def _upright_to(direction: Array) -> Array:
    """Return the rotation that turns the z axis to a direction, quaternion xyzw."""
    unit = direction / np.linalg.norm(direction)
    cross = np.cross(_UPRIGHT, unit)
    sine, cosine = float(np.linalg.norm(cross)), float(unit[2])
    if sine < 1e-9:
        return np.array(_IDENTITY if cosine > 0.0 else (1.0, 0.0, 0.0, 0.0))
    return quaternion_from_rotation_vector(cross / sine * math.atan2(sine, cosine))
