"""From pieces to PyBullet bodies: the fixed ground piece and the tool that carries the held one.

The tool is a multibody of two links: the arm's effective inertia, whose frame is the tcp, and the
held piece, on a fixed joint that reports its reaction: the force/torque sensor.
"""

from __future__ import annotations

import math
import os
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pybullet

from der_ros.sim.servo import ServoConfig
from der_ros.sim.variation import NOMINAL, Variation
from der_ros.tasks.base import Frustum, Piece, Task

GRAVITY_M_PER_S2 = 9.81
# PyBullet's box against box finds a contact only once they overlap, which at 50 mm/s and 4 ms can
# be 0.2 mm too late. So the ground piece's boxes carry a shell of this thickness, and the solver
# is told to let just that much overlap be: contacts are known early and act at the true surface.
CONTACT_SHELL_M = 0.00015
# Regularises the contact equations, of which there are more than six: at 600 N it is worth 1 um.
_CONSTRAINT_SOFTNESS = 1e-7
# A mesh needs a margin: the engine is quick and exact while what lies inside it does not touch. The
# margin adds to the faces and rounds the edges, so the vertices are moved in by it: faces are where
# they belong, and a right-angled edge lacks 0.08 mm.
_MESH_MARGIN_M = 0.0002
# A box keeps its faces whatever the margin, but against a mesh its edges are rounded by it.
_BOX_MARGIN_M = 1e-6
# Of the corners in the order of ``Frustum.vertices``; outwards.
_FRUSTUM_TRIANGLES = (
    (0, 2, 3), (0, 3, 1), (4, 5, 7), (4, 7, 6), (0, 1, 5), (0, 5, 4),
    (2, 6, 7), (2, 7, 3), (0, 4, 6), (0, 6, 2), (1, 3, 7), (1, 7, 5),
)  # fmt: skip
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
            linkCollisionShapeIndices=[_collision_shape(client, piece)],
            linkVisualShapeIndices=[_visual_shape(client, piece)],
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


def create_ground(client: int, piece: Piece) -> int:
    """Makes a ground piece's body, at the task's origin, and returns its number."""
    return int(
        pybullet.createMultiBody(
            baseMass=0.0,
            baseCollisionShapeIndex=_collision_shape(client, piece, CONTACT_SHELL_M),
            baseVisualShapeIndex=_visual_shape(client, piece),
            physicsClientId=client,
        )
    )


def _collision_shape(client: int, piece: Piece, shell_m: float = 0.0) -> int:
    with TemporaryDirectory(prefix="der_ros_") as folder:
        shape = int(
            pybullet.createCollisionShapeArray(
                **_shapes(piece, Path(folder), shell_m, inset_m=_MESH_MARGIN_M),
                collisionFramePositions=_positions(piece),
                physicsClientId=client,
            )
        )
    has_mesh = any(isinstance(part, Frustum) for part in piece.parts)
    _set_margin(client, shape, _MESH_MARGIN_M if has_mesh else _BOX_MARGIN_M)
    return shape


def _set_margin(client: int, shape: int, margin_m: float) -> None:
    """Sets the margin of all parts of a shape.

    PyBullet does so by way of a body, and only of a body's base; bodies share their shapes.
    """
    body = pybullet.createMultiBody(0.0, shape, physicsClientId=client)
    pybullet.changeDynamics(body, -1, collisionMargin=margin_m, physicsClientId=client)
    pybullet.removeBody(body, physicsClientId=client)


def _visual_shape(client: int, piece: Piece) -> int:
    with TemporaryDirectory(prefix="der_ros_") as folder:
        return int(
            pybullet.createVisualShapeArray(
                **_shapes(piece, Path(folder)),
                rgbaColors=[piece.rgba] * len(piece.parts),
                visualFramePositions=_positions(piece),
                physicsClientId=client,
            )
        )


def _shapes(
    piece: Piece, folder: Path, shell_m: float = 0.0, inset_m: float = 0.0
) -> dict[str, Any]:
    """PyBullet's arguments for the parts.

    Args:
        piece: of boxes and frustums.
        folder: where the files of the frustums are written: one convex part of several is taken
            from nowhere else.
        shell_m: boxes are this much larger on each side.
        inset_m: frustums are this much smaller on each side.
    """
    shapes: dict[str, Any] = {"shapeTypes": [], "halfExtents": [], "fileNames": []}
    for number, part in enumerate(piece.parts):
        kind, half, mesh = pybullet.GEOM_BOX, [1.0, 1.0, 1.0], ""
        if isinstance(part, Frustum):
            kind, mesh = pybullet.GEOM_MESH, str(folder / f"{number}.stl")
            _write_mesh(part, Path(mesh), inset_m)
        else:
            half = [extent + shell_m for extent in part.half_extents]
        shapes["shapeTypes"].append(kind)
        shapes["halfExtents"].append(half)
        shapes["fileNames"].append(mesh)
    return shapes


def _write_mesh(part: Frustum, path: Path, inset_m: float) -> None:
    """Writes the frustum, its ``position`` at the origin, as binary STL."""
    vertices = part.vertices(inset_m) - np.array(part.position)
    facets = b""
    for corners in _FRUSTUM_TRIANGLES:
        a, b, c = vertices[list(corners)]
        normal = np.cross(b - a, c - a)
        facets += struct.pack("<12fH", *normal / np.linalg.norm(normal), *a, *b, *c, 0)
    path.write_bytes(bytes(80) + struct.pack("<I", len(_FRUSTUM_TRIANGLES)) + facets)


def _positions(piece: Piece) -> Sequence[tuple[float, float, float]]:
    return [part.position for part in piece.parts]


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
