"""Engine settings for tight clearances and large forces, and per-episode body properties."""

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

# Regularises the overdetermined contact equations (more than six); 1 um at 600 N.
_CONSTRAINT_SOFTNESS = 1e-7 * PER_M
# A new contact replaces an old one that is closer than this fraction of the smaller piece's radius
# (0.5 mm or less). If much smaller, a stale contact on top of a rim blocks a piece that is already
# inside it: at 30 mm/s and slower, a key within its clearance did not enter (pytest test/sim -k
# enters). If much larger, a small contact area is reduced to one point. Boxes get all contacts anew
# in each step, a mesh only one, and the engine keeps four: with the value for boxes, the contacts
# of a round peg alternated between its corners and the force fluctuated by 1 N.
_SAME_CONTACT, _SAME_MESH_CONTACT = 0.005, 0.003


class Scene(NamedTuple):
    """Body numbers of the pieces in PyBullet.

    Attributes:
        tool: Body of the arm with the held piece.
        ground: Body of the ground piece.
        held_link: Link index of the held piece in ``tool``.
    """

    tool: int
    ground: int
    held_link: int


def set_engine(client: int, physics_dt_s: float, held: Piece) -> None:
    """Set the physics parameters of an empty PyBullet client.

    Args:
        client: PyBullet client id.
        physics_dt_s: Physics step, s.
        held: Held piece; its shape sets the contact threshold.
    """
    has_mesh = not all(isinstance(part, Box) for part in held.parts)
    pybullet.setTimeStep(physics_dt_s, physicsClientId=client)
    with _quiet_stdout():
        # Light pieces on a heavy arm: an iterative solver leaves errors of millimetres, the direct
        # solver none.
        pybullet.setPhysicsEngineParameter(
            constraintSolverType=pybullet.CONSTRAINT_SOLVER_LCP_DANTZIG,
            globalCFM=_CONSTRAINT_SOFTNESS,
            contactSlop=PER_M * CONTACT_SHELL_M,
            contactBreakingThreshold=_SAME_MESH_CONTACT if has_mesh else _SAME_CONTACT,
            deterministicOverlappingPairs=1,
            physicsClientId=client,
        )


def set_pieces(client: int, scene: Scene, held: Piece, ground: Piece, variation: Variation) -> None:
    """Set the friction of both bodies, and the held one's mass and inertia, for an episode.

    PyBullet multiplies the coefficients of two bodies, hence the square roots: two pieces with the
    same coefficient get exactly that coefficient.

    Args:
        client: PyBullet client id.
        scene: Body numbers of the pieces.
        held: Held piece; its products of inertia are ignored.
        ground: Piece of ``scene.ground``.
        variation: Scales of friction and mass.
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
    """Suppress output to the process's standard output.

    PyBullet prints when a solver is selected, and callers use standard output for results.
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
