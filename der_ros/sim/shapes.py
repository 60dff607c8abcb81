"""Shapes of pieces in PyBullet: for collision, for sight, and the fixed ground piece."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pybullet

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array
from der_ros.sim.units import PER_M, scaled
from der_ros.tasks.pieces import Box, Frustum, Part, Piece, rectangle

# PyBullet's box against box finds a contact only once they overlap, which at 50 mm/s and 4 ms can
# be 0.2 mm too late. So the ground piece's boxes carry a shell of this thickness, and the solver
# is told to let just that much overlap be: contacts are known early and act at the true surface.
CONTACT_SHELL_M = 0.00015
# A mesh needs a margin: the engine is quick and exact while what lies inside it does not touch. The
# margin adds to the faces and rounds the edges, so the vertices are moved in by it: faces are where
# they belong, and a right-angled edge lacks 0.08 mm.
_MESH_MARGIN_M = 0.0002
# A box keeps its faces whatever the margin, but against a mesh its edges are rounded by it.
_BOX_MARGIN_M = 1e-6
# How far the box that carries a frustum's lower face is ahead of it.
_BOX_AHEAD_M = 0.00005
# PyBullet drops what is beyond, without a word.
_MOST_PARTS = 16


def create_ground(client: int, piece: Piece) -> int:
    """Create a piece that never moves at the world's origin; return PyBullet's body number."""
    return int(
        pybullet.createMultiBody(
            baseMass=0.0,
            baseCollisionShapeIndex=collision_shape(client, piece, CONTACT_SHELL_M),
            baseVisualShapeIndex=visual_shape(client, piece),
            physicsClientId=client,
        )
    )


def collision_shape(client: int, piece: Piece, shell_m: float = 0.0) -> int:
    """Return the collision shape of a piece, by its PyBullet number.

    Args:
        client: PyBullet's connection.
        piece: of no more than 16 parts.
        shell_m: it is this much larger on each side.

    Raises:
        ConfigurationError: the piece has more parts.
    """
    parts = [solid for part in piece.parts for solid in _with_box_inside(part)]
    if len(parts) > _MOST_PARTS:
        raise ConfigurationError(
            f"Piece.parts: expected at most the {_MOST_PARTS} that the engine keeps, a frustum "
            f"on a rectangle counted twice, got {len(parts)}"
        )
    has_mesh = not all(isinstance(part, Box) for part in parts)
    with TemporaryDirectory(prefix="der_ros_") as folder:
        shape = int(
            pybullet.createCollisionShapeArray(
                **_shapes(parts, Path(folder), shell_m, inset_m=_MESH_MARGIN_M - shell_m),
                collisionFramePositions=_positions(parts),
                physicsClientId=client,
            )
        )
    _set_margin(client, shape, _MESH_MARGIN_M if has_mesh else _BOX_MARGIN_M)
    return shape


def _set_margin(client: int, shape: int, margin_m: float) -> None:
    """Set the margin of all parts of a shape.

    PyBullet does so by way of a body, and only of a body's base; bodies share their shapes.
    """
    body = pybullet.createMultiBody(0.0, shape, physicsClientId=client)
    pybullet.changeDynamics(body, -1, collisionMargin=PER_M * margin_m, physicsClientId=client)
    pybullet.removeBody(body, physicsClientId=client)


def visual_shape(client: int, piece: Piece) -> int:
    """Return the visible shape of a piece, by its PyBullet number."""
    with TemporaryDirectory(prefix="der_ros_") as folder:
        return int(
            pybullet.createVisualShapeArray(
                **_shapes(piece.parts, Path(folder)),
                rgbaColors=[piece.rgba] * len(piece.parts),
                visualFramePositions=_positions(piece.parts),
                physicsClientId=client,
            )
        )


def _with_box_inside(part: Part) -> tuple[Part, ...]:
    """A frustum that widens upwards from a rectangle, with a box inside that has its lower face.

    Of a box on a box the engine finds all contacts in each step, of a mesh one, and it keeps four:
    corners of a peg's tip, pressed on the board, took turns, and the force trembled by 2 N. The
    mesh's own lower face draws back by less than what its edges are rounded by.
    """
    if not isinstance(part, Frustum):
        return (part,)
    (half_x, half_y), (top_x, top_y) = part.bottom[0], part.top[0]
    if part.bottom != rectangle(half_x, half_y) or half_x > top_x or half_y > top_y:
        return (part,)
    (x, y, z), half = part.position, 0.5 * part.height
    return (Box((half_x, half_y, half), (x, y, z + half)), part.above(_BOX_AHEAD_M))


def _shapes(
    parts: Sequence[Part], folder: Path, shell_m: float = 0.0, inset_m: float = 0.0
) -> dict[str, Any]:
    """PyBullet's arguments for the parts, in its units.

    Args:
        parts: boxes and others.
        folder: where the files of the other parts are written: one convex part of several is taken
            from nowhere else.
        shell_m: boxes are this much larger on each side.
        inset_m: other parts are this much smaller on each side.
    """
    shapes: dict[str, Any] = {"shapeTypes": [], "halfExtents": [], "fileNames": []}
    for number, part in enumerate(parts):
        kind, half, mesh = pybullet.GEOM_BOX, [1.0, 1.0, 1.0], ""
        if isinstance(part, Box):
            half = scaled(extent + shell_m for extent in part.half_extents)
        else:
            kind, mesh = pybullet.GEOM_MESH, str(folder / f"{number}.stl")
            _write_mesh(PER_M * (part.sections(inset_m) - np.array(part.position)), Path(mesh))
        shapes["shapeTypes"].append(kind)
        shapes["halfExtents"].append(half)
        shapes["fileNames"].append(mesh)
    return shapes


def _write_mesh(sections: Array, path: Path) -> None:
    """Write the solid of these sections, (rings, corners, 3), as binary STL."""
    facets = b""
    triangles = list(_triangles(sections))
    for a, b, c in triangles:
        normal = np.cross(b - a, c - a)
        facets += struct.pack("<12fH", *normal / np.linalg.norm(normal), *a, *b, *c, 0)
    path.write_bytes(bytes(80) + struct.pack("<I", len(triangles)) + facets)


def _triangles(sections: Array) -> Iterator[tuple[Array, Array, Array]]:
    """The faces of a solid, each counter-clockwise seen from outside."""
    corners = range(sections.shape[1])
    for low, high in pairwise(sections):
        for k in corners:
            yield low[k - 1], low[k], high[k]
            yield low[k - 1], high[k], high[k - 1]
    for k in corners[2:]:
        yield sections[0, 0], sections[0, k], sections[0, k - 1]
        yield sections[-1, 0], sections[-1, k - 1], sections[-1, k]


def _positions(parts: Sequence[Part]) -> list[list[float]]:
    return [scaled(part.position) for part in parts]
