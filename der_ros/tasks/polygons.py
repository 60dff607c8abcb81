"""Convex counter-clockwise polygons, (corners, 2) arrays, and mass properties of solids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from der_ros.geometry import Array


class MassProperties(NamedTuple):
    """Volume, centre and inertia of a solid.

    Attributes:
        volume_m3: Volume, m^3.
        center: Centre of mass, (3,) m.
        gyration_m2: Inertia tensor about the centre of mass per unit mass, (3, 3) m^2.
    """

    volume_m3: float
    center: Array
    gyration_m2: Array


class Slice(NamedTuple):
    """Thin horizontal slice of a solid.

    Attributes:
        height: Height of the slice, m.
        volume_m3: Volume of the slice, m^3.
        center: Centroid, (2,) m.
        second_m2: Second central moments per unit area, (2, 2) m^2.
    """

    height: float
    volume_m3: float
    center: Array
    second_m2: Array


def is_convex(polygon: Array) -> bool:
    """Return True if a polygon is strictly convex and counter-clockwise."""
    if polygon.ndim != 2 or polygon.shape[1] != 2 or len(polygon) < 3:
        return False
    edges = np.roll(polygon, -1, axis=0) - polygon
    following = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
    return bool((turns > 0.0).all())


def normals(polygon: Array) -> Array:
    """Return the outward unit normals of the edges, (corners, 2); edge k starts at corner k."""
    edges = np.roll(polygon, -1, axis=0) - polygon
    outward = np.stack((edges[:, 1], -edges[:, 0]), axis=1)
    unit: Array = outward / np.linalg.norm(outward, axis=1, keepdims=True)
    return unit


def shrunk(polygon: Array, distances: Array) -> Array:
    """Return the polygon with each edge moved inwards by its distance, (corners,) m."""
    outward = normals(polygon)
    reach = np.sum(outward * polygon, axis=1) - distances
    # A corner lies on the edge that starts there and on the previous one.
    both = np.stack((np.roll(outward, 1, axis=0), outward), axis=1)
    corners: Array = np.linalg.solve(both, np.stack((np.roll(reach, 1), reach), axis=1)[..., None])
    return corners[..., 0]


def moments(polygon: Array) -> tuple[float, Array, Array]:
    """Return area, centroid (2,) and second central moments per unit area (2, 2)."""
    following = np.roll(polygon, -1, axis=0)
    # Triangles from the origin, each with its centroid at a third of the sum of its corners.
    areas = 0.5 * (polygon[:, 0] * following[:, 1] - polygon[:, 1] * following[:, 0])
    area = float(areas.sum())
    center = areas @ (polygon + following) / (3.0 * area)
    total = polygon + following
    second = np.zeros((2, 2))
    for share, *corners in zip(areas / area, polygon, following, total, strict=True):
        second += share / 12.0 * sum(np.outer(corner, corner) for corner in corners)
    return area, center, second - np.outer(center, center)


def heights_and_weights(height: float) -> Iterator[tuple[float, float]]:
    """Yield Gauss-Legendre heights and weights from 0 to ``height``, exact for the moments."""
    nodes, weights = np.polynomial.legendre.leggauss(4)
    yield from zip(
        (0.5 * height * (nodes + 1.0)).tolist(), (0.5 * height * weights).tolist(), strict=True
    )


def stacked(slices: Sequence[Slice], position: Sequence[float]) -> MassProperties:
    """Return the mass properties of stacked slices, moved by ``position``, (3,) m."""
    volumes = np.array([one.volume_m3 for one in slices])
    centers = np.array([(*one.center, one.height) for one in slices])
    center = volumes @ centers / volumes.sum()
    spread = np.zeros((3, 3))
    for one, share, offset in zip(slices, volumes / volumes.sum(), centers - center, strict=True):
        spread[:2, :2] += share * one.second_m2
        spread += share * np.outer(offset, offset)
    gyration = np.trace(spread) * np.eye(3) - spread
    return MassProperties(float(volumes.sum()), center + np.array(position), gyration)
