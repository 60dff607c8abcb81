"""From an ``Arm`` and a held piece to one PyBullet body, and how it is moved.

The servo pulls on the flange as a spring between setpoint and tool would: a force and a torque at
the tcp, which to the axes is ``tau = J^T F``. The force/torque sensor is the fixed joint between
the flange and the held piece. Only that piece has weight: the controller carries the arm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pybullet

from der_ros.geometry import Pose, quaternion_from_rotation_vector
from der_ros.sim.arm import Arm, Rod, Triple
from der_ros.sim.shapes import collision_shape, visual_shape
from der_ros.tasks.pieces import Piece

_BASE = -1
_IDENTITY = (0.0, 0.0, 0.0, 1.0)
# createMultiBody's base is a link like the others, with number 0 among the parents.
_UPRIGHT = np.array((0.0, 0.0, 1.0))


def create_arm(client: int, arm: Arm, piece: Piece) -> int:
    """Builds the arm with the piece in its hand, all axes at zero; returns PyBullet's body number.

    The links are numbered as the axes; the held piece is the link after the last axis. Nothing but
    the held piece collides.

    Args:
        client: PyBullet's connection.
        arm: what stands in the cell.
        piece: what it holds.
    """
    base = arm.base_from_task.inverse()
    count = len(arm.axes)
    held = arm.last_from_tcp
    body = int(
        pybullet.createMultiBody(
            baseMass=0.0,
            baseVisualShapeIndex=_looks(client, arm.base_looks),
            basePosition=base.position,
            baseOrientation=base.quaternion,
            linkMasses=[*(axis.mass_kg for axis in arm.axes), piece.mass_kg],
            linkCollisionShapeIndices=[-1] * count + [collision_shape(client, piece)],
            linkVisualShapeIndices=[
                *(_looks(client, axis.looks) for axis in arm.axes), visual_shape(client, piece)
            ],
            linkPositions=[*(axis.origin for axis in arm.axes), held.position],
            linkOrientations=[_IDENTITY] * count + [held.quaternion],
            linkInertialFramePositions=[
                *(axis.center_of_mass for axis in arm.axes), piece.center_of_mass
            ],
            linkInertialFrameOrientations=[_IDENTITY] * (count + 1),
            linkParentIndices=list(range(count + 1)),
            linkJointTypes=[pybullet.JOINT_REVOLUTE] * count + [pybullet.JOINT_FIXED],
            linkJointAxis=[*(axis.direction for axis in arm.axes), (0.0, 0.0, 1.0)],
            physicsClientId=client,
        )
    )  # fmt: skip
    return body


def _looks(client: int, rods: Sequence[Rod]) -> int:
    """What one sees of a link, as PyBullet's number of a shape."""
    if not rods:
        return -1
    ends = np.array([(rod.start, rod.end) for rod in rods], dtype=float)
    return int(
        pybullet.createVisualShapeArray(
            shapeTypes=[pybullet.GEOM_CYLINDER] * len(rods),
            radii=[rod.radius_m for rod in rods],
            lengths=np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).tolist(),
            rgbaColors=[rod.rgba for rod in rods],
            visualFramePositions=ends.mean(axis=1).tolist(),
            visualFrameOrientations=[_upright_to(end - start) for start, end in ends],
            physicsClientId=client,
        )
    )


def _upright_to(direction: Any) -> list[float]:
    """The turn that brings the z axis to a direction, xyzw."""
    unit = direction / np.linalg.norm(direction)
    cross = np.cross(_UPRIGHT, unit)
    sine, cosine = float(np.linalg.norm(cross)), float(unit[2])
    if sine < 1e-9:
        return [0.0, 0.0, 0.0, 1.0] if cosine > 0 else [1.0, 0.0, 0.0, 0.0]
    return quaternion_from_rotation_vector(cross / sine * math.atan2(sine, cosine)).tolist()
