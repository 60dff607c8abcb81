"""Collision and visual shapes of pieces in PyBullet, and the fixed ground piece."""

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

# PyBullet's box-box collision finds a contact only once the boxes overlap, which at 50 mm/s and
# 4 ms can be 0.2 mm too late. So the ground piece's boxes are enlarged by this shell, and the
# solver's contact slop allows that overlap: contacts are found early and act at the true surface.
CONTACT_SHELL_M = 0.00015
# Mesh collision is fast and exact only within this margin. The margin offsets the faces and rounds
# the edges, so the vertices are moved inwards by it: the faces are in place, and a right-angled
# edge is rounded by 0.08 mm.
_MESH_MARGIN_M = 0.0002
# A box keeps its faces for any margin, but against a mesh its edges are rounded by it.
_BOX_MARGIN_M = 1e-6
# Offset of the box that carries a frustum's lower face ahead of the mesh.
_BOX_AHEAD_M = 0.00005
# PyBullet silently drops further parts.
_MOST_PARTS = 16


def create_ground(client: int, piece: Piece) -> int:
    """Create a fixed piece at the world origin and return its PyBullet body number."""
    return int(
        pybullet.createMultiBody(
            baseMass=0.0,
            baseCollisionShapeIndex=collision_shape(client, piece, CONTACT_SHELL_M),
            baseVisualShapeIndex=visual_shape(client, piece),
            physicsClientId=client,
        )
    )


def collision_shape(client: int, piece: Piece, shell_m: float = 0.0) -> int:
    """Create the collision shape of a piece and return its PyBullet number.

    Args:
        client: PyBullet client id.
        piece: Piece of at most 16 parts.
        shell_m: Enlargement of the boxes on each side, m.

    Raises:
        ConfigurationError: The piece has more than 16 parts.
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
    """Set the collision margin of all parts of a shape.

    PyBullet sets it through a body's base only; the temporary body shares the shape.
    """
    body = pybullet.createMultiBody(0.0, shape, physicsClientId=client)
    pybullet.changeDynamics(body, -1, collisionMargin=PER_M * margin_m, physicsClientId=client)
    pybullet.removeBody(body, physicsClientId=client)


def visual_shape(client: int, piece: Piece) -> int:
    """Create the visual shape of a piece and return its PyBullet number."""
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
    """Return a part, with a box for the lower face of a frustum that widens from a rectangle.

    The engine finds all contacts between two boxes in each step but only one with a mesh, and keeps
    four: with a mesh alone, the contacts of a peg tip pressed on the board alternated between its
    corners and the force fluctuated by 2 N. The mesh's lower face is moved back by less than the
    rounding of its edges.
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
    """Return PyBullet's arguments for the parts, in engine units.

    Args:
        parts: Boxes and meshes.
        folder: Folder for mesh files; PyBullet reads the meshes of a shape array from files only.
        shell_m: Enlargement of the boxes on each side, m.
        inset_m: Reduction of the meshes on each side, m.
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
    """Write the solid between cross-sections, (rings, corners, 3), as binary STL."""
    facets = b""
    triangles = list(_triangles(sections))
    for a, b, c in triangles:
        normal = np.cross(b - a, c - a)
        facets += struct.pack("<12fH", *normal / np.linalg.norm(normal), *a, *b, *c, 0)
    path.write_bytes(bytes(80) + struct.pack("<I", len(triangles)) + facets)


def _triangles(sections: Array) -> Iterator[tuple[Array, Array, Array]]:
    """Yield the triangles of a solid's surface, counter-clockwise seen from outside."""
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
