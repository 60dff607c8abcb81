"""Convex polygons in the plane, (corners, 2) arrays, counter-clockwise; and solids of slices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from der_ros.geometry import Array


class MassProperties(NamedTuple):
    """Volume, centre and inertia of a solid.

    Attributes:
        volume_m3: its volume.
        center: (3,) centre of mass, m.
        gyration_m2: (3, 3) inertia tensor about that centre for each kilogram.
    """

    volume_m3: float
    center: Array
    gyration_m2: Array


class Slice(NamedTuple):
    """A thin horizontal part of a solid.

    Attributes:
        height: m.
        volume_m3: its share of the volume.
        center: (2,) centroid, m.
        second_m2: (2, 2) mean of the squared distances from the centroid.
    """

    height: float
    volume_m3: float
    center: Array
    second_m2: Array


def is_convex(polygon: Array) -> bool:
    """Return whether the polygon has an inside, is convex and goes counter-clockwise."""
    if polygon.ndim != 2 or polygon.shape[1] != 2 or len(polygon) < 3:
        return False
    edges = np.roll(polygon, -1, axis=0) - polygon
    following = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
    return bool((turns > 0.0).all())


def normals(polygon: Array) -> Array:
    """Return outward unit normals of the edges, (corners, 2); edge k begins at corner k."""
    edges = np.roll(polygon, -1, axis=0) - polygon
    outward = np.stack((edges[:, 1], -edges[:, 0]), axis=1)
    unit: Array = outward / np.linalg.norm(outward, axis=1, keepdims=True)
    return unit


def shrunk(polygon: Array, distances: Array) -> Array:
    """The polygon with each edge moved inwards by its distance, (corners,) m."""
    outward = normals(polygon)
    reach = np.sum(outward * polygon, axis=1) - distances
    # A corner lies on the edge that begins there and on the one before.
    both = np.stack((np.roll(outward, 1, axis=0), outward), axis=1)
    corners: Array = np.linalg.solve(both, np.stack((np.roll(reach, 1), reach), axis=1)[..., None])
    return corners[..., 0]


def moments(polygon: Array) -> tuple[float, Array, Array]:
    """Area, centroid (2,), and mean of squared distances from it (2, 2), of the inside."""
    following = np.roll(polygon, -1, axis=0)
    # Triangles from the origin: each has its centroid at a third of the sum of its corners.
    areas = 0.5 * (polygon[:, 0] * following[:, 1] - polygon[:, 1] * following[:, 0])
    area = float(areas.sum())
    center = areas @ (polygon + following) / (3.0 * area)
    total = polygon + following
    second = np.zeros((2, 2))
    for share, *corners in zip(areas / area, polygon, following, total, strict=True):
        second += share / 12.0 * sum(np.outer(corner, corner) for corner in corners)
    return area, center, second - np.outer(center, center)


def heights_and_weights(height: float) -> Iterator[tuple[float, float]]:
    """Return heights and weights of slices from 0 to ``height`` that sum moments exactly."""
    nodes, weights = np.polynomial.legendre.leggauss(4)
    yield from zip(
        (0.5 * height * (nodes + 1.0)).tolist(), (0.5 * height * weights).tolist(), strict=True
    )


def stacked(slices: Sequence[Slice], position: Sequence[float]) -> MassProperties:
    """The solid of these slices, moved by ``position``, (3,) m."""
    volumes = np.array([one.volume_m3 for one in slices])
    centers = np.array([(*one.center, one.height) for one in slices])
    center = volumes @ centers / volumes.sum()
    spread = np.zeros((3, 3))
    for one, share, offset in zip(slices, volumes / volumes.sum(), centers - center, strict=True):
        spread[:2, :2] += share * one.second_m2
        spread += share * np.outer(offset, offset)
    gyration = np.trace(spread) * np.eye(3) - spread
    return MassProperties(float(volumes.sum()), center + np.array(position), gyration)
