"""The engine's settings for small play and large forces, and what differs between two episodes."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pybullet

from der_ros.sim.shapes import CONTACT_SHELL_M
from der_ros.sim.units import PER_KG, PER_KGM2, PER_M
from der_ros.sim.variation import Variation
from der_ros.tasks.pieces import Box, Piece

# Regularises the contact equations, of which there are more than six: at 600 N it is worth 1 um.
_CONSTRAINT_SOFTNESS = 1e-7 * PER_M
# The engine keeps a contact until a new one takes its place that is nearer than this share of the
# smaller piece's radius: half a millimetre or less. With much less, an old one on top of a rim
# holds a piece that is inside the rim by now: at 30 mm/s and slower, a key within its clearance did
# not enter (pytest test/sim -k enters). With much more, what leans on a small area leans on one
# point. Boxes get all their contacts anew in each step, a mesh one of them, and the engine keeps
# four: with as much as boxes have, the corners of a round peg took turns, and it trembled by 1 N.
_SAME_CONTACT, _SAME_MESH_CONTACT = 0.005, 0.003


class Scene(NamedTuple):
    """Body numbers of the pieces in PyBullet.

    Attributes:
        tool: the arm with the held piece.
        ground: the ground piece.
        held_link: which link of ``tool`` is the held piece.
    """

    tool: int
    ground: int
    held_link: int


def set_engine(client: int, physics_dt_s: float, held: Piece) -> None:
    """Prepare an empty PyBullet client.

    Args:
        client: PyBullet's connection.
        physics_dt_s: the physics step.
        held: the piece that will meet the ground piece.
    """
    has_mesh = not all(isinstance(part, Box) for part in held.parts)
    pybullet.setTimeStep(physics_dt_s, physicsClientId=client)
    with _quiet_stdout():
        # The pieces are light and the arm behind them is heavy and slow to turn: iterating leaves
        # millimetres of error where the direct solver leaves none.
        pybullet.setPhysicsEngineParameter(
            constraintSolverType=pybullet.CONSTRAINT_SOLVER_LCP_DANTZIG,
            globalCFM=_CONSTRAINT_SOFTNESS,
            contactSlop=PER_M * CONTACT_SHELL_M,
            contactBreakingThreshold=_SAME_MESH_CONTACT if has_mesh else _SAME_CONTACT,
            deterministicOverlappingPairs=1,
            physicsClientId=client,
        )


def set_pieces(client: int, scene: Scene, held: Piece, ground: Piece, variation: Variation) -> None:
    """Set this episode's friction of both bodies, and the held one's mass and inertia.

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
        scene.tool,
        scene.held_link,
        mass=PER_KG * held.mass_kg * variation.mass_scale,
        localInertiaDiagonal=(PER_KGM2 * variation.mass_scale * np.diag(held.inertia)).tolist(),
        lateralFriction=math.sqrt(held.friction * variation.friction_scale),
        physicsClientId=client,
    )
    pybullet.changeDynamics(
        scene.ground,
        -1,
        lateralFriction=math.sqrt(ground.friction * variation.friction_scale),
        physicsClientId=client,
    )


@contextmanager
def _quiet_stdout() -> Iterator[None]:
    """Keep the engine's output away from the process's standard output.

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
