"""From pieces to PyBullet bodies: the fixed ground piece and the tool that carries the held one.

The tool is a multibody of two links: the arm's effective inertia, whose frame is the tcp, and the
held piece, on a fixed joint that reports its reaction: the force/torque sensor.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pybullet

from der_ros.sim.servo import ServoConfig
from der_ros.sim.shapes import CONTACT_SHELL_M, collision_shape, create_ground, visual_shape
from der_ros.sim.variation import NOMINAL, Variation
from der_ros.tasks.base import Task
from der_ros.tasks.pieces import Piece

GRAVITY_M_PER_S2 = 9.81
# Regularises the contact equations, of which there are more than six: at 600 N it is worth 1 um.
_CONSTRAINT_SOFTNESS = 1e-7
HELD_LINK = 0
_ARM_LINK = -1
_IDENTITY = (0.0, 0.0, 0.0, 1.0)
_ORIGIN = (0.0, 0.0, 0.0)


class Scene(NamedTuple):
    """PyBullet's body numbers.

    Attributes:
        tool: arm inertia (base) and held piece (link ``HELD_LINK``).
        ground: the ground piece.
    """

    tool: int
    ground: int


def build_scene(client: int, task: Task, servo: ServoConfig, physics_dt_s: float) -> Scene:
    """Fills an empty PyBullet client with the task's two pieces, both at the task's origin.

    Args:
        client: PyBullet's connection.
        task: gives the pieces.
        servo: gives the arm's effective inertia.
        physics_dt_s: the physics step.
    """
    pybullet.setTimeStep(physics_dt_s, physicsClientId=client)
    pybullet.setGravity(0.0, 0.0, -GRAVITY_M_PER_S2, physicsClientId=client)
    with _quiet_stdout():
        # The pieces are light and the arm behind them is heavy and slow to turn: iterating leaves
        # millimetres of error where the direct solver leaves none.
        pybullet.setPhysicsEngineParameter(
            constraintSolverType=pybullet.CONSTRAINT_SOLVER_LCP_DANTZIG,
            globalCFM=_CONSTRAINT_SOFTNESS,
            contactSlop=CONTACT_SHELL_M,
            contactBreakingThreshold=0.002,
            deterministicOverlappingPairs=1,
            physicsClientId=client,
        )
    scene = Scene(_create_tool(client, task.held, servo), create_ground(client, task.ground))
    set_pieces(client, scene, task.held, task.ground, NOMINAL)
    return scene


def set_pieces(client: int, scene: Scene, held: Piece, ground: Piece, variation: Variation) -> None:
    """Gives the two bodies this episode's friction, and the held one its mass and inertia.

    PyBullet multiplies the coefficients of two bodies, hence the roots: two pieces of the same
    coefficient rub with just that.

    Args:
        client: PyBullet's connection.
        scene: the bodies.
        held: the piece of the tool, whose products of inertia count as zero.
        ground: the piece of ``scene.ground``.
        variation: scales of friction and mass.
    """
    pybullet.changeDynamics(
        scene.tool, HELD_LINK,
        mass=held.mass_kg * variation.mass_scale,
        localInertiaDiagonal=(np.diag(held.inertia) * variation.mass_scale).tolist(),
        lateralFriction=math.sqrt(held.friction * variation.friction_scale),
        physicsClientId=client,
    )  # fmt: skip
    pybullet.changeDynamics(
        scene.ground, -1,
        lateralFriction=math.sqrt(ground.friction * variation.friction_scale),
        physicsClientId=client,
    )  # fmt: skip


def _create_tool(client: int, piece: Piece, servo: ServoConfig) -> int:
    tool = int(
        pybullet.createMultiBody(
            baseMass=servo.effective_mass_kg,
            baseCollisionShapeIndex=-1,
            linkMasses=[piece.mass_kg],
            linkCollisionShapeIndices=[collision_shape(client, piece)],
            linkVisualShapeIndices=[visual_shape(client, piece)],
            linkPositions=[_ORIGIN],
            linkOrientations=[_IDENTITY],
            linkInertialFramePositions=[piece.center_of_mass],
            linkInertialFrameOrientations=[_IDENTITY],
            linkParentIndices=[0],
            linkJointTypes=[pybullet.JOINT_FIXED],
            linkJointAxis=[(0.0, 0.0, 1.0)],
            physicsClientId=client,
        )
    )
    for link in (HELD_LINK, _ARM_LINK):
        pybullet.changeDynamics(
            tool, link, linearDamping=0.0, angularDamping=0.0, jointDamping=0.0,
            activationState=pybullet.ACTIVATION_STATE_DISABLE_SLEEPING, physicsClientId=client,
        )  # fmt: skip
    arm = (servo.effective_inertia_kgm2,) * 3
    pybullet.changeDynamics(tool, _ARM_LINK, localInertiaDiagonal=arm, physicsClientId=client)
    pybullet.enableJointForceTorqueSensor(tool, HELD_LINK, True, physicsClientId=client)
    return tool


@contextmanager
def _quiet_stdout() -> Iterator[None]:
    """Keeps what the engine writes to the process's standard output away from it.

    Choosing a solver makes PyBullet print, and standard output belongs to our callers' figures.
    """
    sys.stdout.flush()
    saved, sink = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 1)
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(sink)
