"""Solid pieces made of convex parts, with volume, centre of mass and inertia; without an engine.

A part other than a box is the convex hull of its sections, from the bottom up: horizontal convex
polygons with the same number of corners.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array
from der_ros.tasks import polygons
from der_ros.tasks.polygons import MassProperties, Slice

Pair: TypeAlias = tuple[float, float]
Triple: TypeAlias = tuple[float, float, float]
Polygon: TypeAlias = tuple[Pair, ...]
Rgba: TypeAlias = tuple[float, float, float, float]

HELD_COLOUR: Rgba = (0.86, 0.62, 0.36, 1.0)
GROUND_COLOUR: Rgba = (0.55, 0.63, 0.70, 1.0)


def rectangle(half_x: float, half_y: float) -> Polygon:
    """Return the corners of a rectangle about the origin, from half edge lengths, m."""
    return ((half_x, half_y), (-half_x, half_y), (-half_x, -half_y), (half_x, -half_y))


@dataclass(frozen=True)
class Box:
    """Solid box with edges parallel to its piece's axes.

    Attributes:
        half_extents: Half edge lengths (x, y, z), m, all positive.
        position: Centre in the piece's frame, m.
    """

    half_extents: Triple
    position: Triple

    def __post_init__(self) -> None:
        """Check that the box has a volume.

        Raises:
            ConfigurationError: A half extent is not positive and finite.
        """
        if not all(0.0 < h < math.inf for h in self.half_extents):
            raise ConfigurationError(
                f"Box.half_extents: expected three lengths above 0 m, got {self.half_extents}"
            )

    @cached_property
    def mass_properties(self) -> MassProperties:
        """Volume, centre in the piece's frame, and inertia."""
        edges = 2.0 * np.array(self.half_extents)
        moments = (np.square(edges).sum() - np.square(edges)) / 12.0
        return MassProperties(float(np.prod(edges)), np.array(self.position), np.diag(moments))


@dataclass(frozen=True)
class Frustum:
    """Solid between two horizontal convex polygons with parallel edges.

    Examples are a chamfered tip and, with two equal polygons, a prism.

    Attributes:
        bottom: Corners of the lower face, m, counter-clockwise seen from above, convex.
        top: Corners of the upper face, m, as many; each edge is parallel to the lower face's.
        height: Height from the lower to the upper face, m, positive.
        position: Origin of the polygons in the lower face, piece's frame, m.
    """

    bottom: Polygon
    top: Polygon
    height: float
    position: Triple

    def __post_init__(self) -> None:
        """Check that the frustum has a volume and planar faces.

        Raises:
            ConfigurationError: The height is not positive and finite, or the polygons are not
                convex, counter-clockwise and parallel.
        """
        if not 0.0 < self.height < math.inf:
            raise ConfigurationError(f"Frustum.height: expected above 0 m, got {self.height}")
        faces = [np.array(polygon, dtype=float) for polygon in (self.bottom, self.top)]
        if faces[0].shape != faces[1].shape or not all(polygons.is_convex(face) for face in faces):
            raise ConfigurationError(
                "Frustum: expected a convex counter-clockwise bottom and top with as many corners, "
                f"got {self.bottom} and {self.top}"
            )
        if not np.allclose(polygons.normals(faces[0]), polygons.normals(faces[1]), atol=1e-9):
            raise ConfigurationError(
                f"Frustum: expected parallel edges, got {self.bottom} and {self.top}"
            )

    @cached_property
    def mass_properties(self) -> MassProperties:
        """Volume, centre in the piece's frame, and inertia."""
        slices = []
        for height, weight in polygons.heights_and_weights(self.height):
            area, center, second = polygons.moments(self._polygon(height / self.height))
            slices.append(Slice(height, weight * area, center, second))
        return polygons.stacked(slices, self.position)

    def sections(self, inset_m: float = 0.0) -> Array:
        """Return the corners, ring by ring.

        Args:
            inset_m: Distance by which all faces are first moved inwards, m.

        Returns:
            Corners, (2, corners, 3) m, piece's frame, lower face first.
        """
        bottom, top = self._polygon(0.0), self._polygon(1.0)
        slope = np.sum(polygons.normals(bottom) * (top - bottom), axis=1) / self.height
        lost, faces = inset_m * np.hypot(1.0, slope), []
        for height in (inset_m, self.height - inset_m):
            polygon = polygons.shrunk(self._polygon(height / self.height), lost)
            faces.append(_lifted(polygon, height, self.position))
        return np.array(faces)

    def above(self, height: float) -> Frustum:
        """Return the part above ``height``, m."""
        bottom = tuple((x, y) for x, y in self._polygon(height / self.height).tolist())
        x, y, z = self.position
        return Frustum(bottom, self.top, self.height - height, (x, y, z + height))

    def _polygon(self, share: float) -> Array:
        """Return the polygon at a fraction of the height, (corners, 2) m."""
        bottom, top = np.array(self.bottom, dtype=float), np.array(self.top, dtype=float)
        polygon: Array = bottom + share * (top - bottom)
        return polygon


@dataclass(frozen=True)
class Turned:
    """Convex solid of revolution about a vertical axis.

    Its sections are polygons that approximate circles: the corners lie outside the circle by as
    much as the middles of the sides lie inside.

    Attributes:
        profile: Height and radius of each ring, m, from the bottom up; conical between rings.
        position: Point of the axis at height 0, piece's frame, m.
        sides: Number of sides of the polygons; 64 are within 0.06 % of the circle's radius.
    """

    profile: tuple[Pair, ...]
    position: Triple
    sides: int = 64

    def __post_init__(self) -> None:
        """Check that the solid has a volume and is convex.

        Raises:
            ConfigurationError: Heights do not increase, a radius is not positive, or the profile
                is concave.
        """
        heights, radii = np.array(self.profile, dtype=float).T
        rises = np.diff(heights)
        convex = (rises > 0.0).all() and (np.diff(np.diff(radii) / rises) <= 1e-12).all()
        if not (convex and len(rises) and (radii > 0.0).all() and np.isfinite(radii).all()):
            raise ConfigurationError(
                "Turned.profile: expected two or more (height, radius) from the bottom up, convex "
                f"and with radii above 0 m, got {self.profile}"
            )
        if self.sides < 3:
            raise ConfigurationError(f"Turned.sides: expected 3 or more, got {self.sides}")

    @cached_property
    def mass_properties(self) -> MassProperties:
        """Volume, centre in the piece's frame, and inertia of the exact (round) solid."""
        slices = []
        for (low, r), (high, s) in zip(self.profile[:-1], self.profile[1:], strict=True):
            for height, weight in polygons.heights_and_weights(high - low):
                radius = r + (s - r) * height / (high - low)
                volume, second = weight * math.pi * radius**2, 0.25 * radius**2 * np.eye(2)
                slices.append(Slice(low + height, volume, np.zeros(2), second))
        return polygons.stacked(slices, self.position)

    def sections(self, inset_m: float = 0.0) -> Array:
        """Return the corners, ring by ring.

        Args:
            inset_m: Distance by which all faces are first moved inwards, m.

        Returns:
            Corners, (rings, sides, 3) m, piece's frame, from the bottom up.
        """
        turns = 2.0 * math.pi * np.arange(self.sides) / self.sides
        circle = np.stack((np.cos(turns), np.sin(turns)), axis=1)
        middle = math.cos(math.pi / self.sides)
        rings = []
        for height, radius, lost in self._inset_profile(inset_m):
            # The middles of the sides move inwards by as much as the circle.
            corner = 2.0 * radius / (1.0 + middle) - lost / middle
            rings.append(_lifted(corner * circle, height, self.position))
        return np.array(rings)

    def _inset_profile(self, inset_m: float) -> Iterator[Triple]:
        """Yield each ring's new height, its radius there before the inset, and the reduction."""
        heights, radii = np.array(self.profile, dtype=float).T
        slopes = np.diff(radii) / np.diff(heights)
        lost = inset_m * np.hypot(1.0, slopes)
        new = heights + inset_m * np.array((1.0, *([0.0] * (len(heights) - 2)), -1.0))
        # Two bands meet at the height where their reduced radii agree; collinear bands anywhere.
        bends = np.diff(slopes)
        new[1:-1] += np.divide(np.diff(lost), bends, out=np.zeros_like(bends), where=bends != 0.0)
        for ring, height in enumerate(new.tolist()):
            band = min(ring, len(slopes) - 1)
            radius = radii[band] + slopes[band] * (height - heights[band])
            yield height, float(radius), float(lost[band])


Part: TypeAlias = Box | Frustum | Turned


@dataclass(frozen=True)
class Piece:
    """Rigid piece of one material: convex parts that touch but do not overlap.

    Attributes:
        parts: Parts in the piece's frame.
        mass_kg: Total mass, kg.
        friction: Coulomb coefficient between the two pieces.
        rgba: Colour for rendering, each component in [0, 1].
    """

    parts: tuple[Part, ...]
    mass_kg: float
    friction: float = 0.5
    rgba: Rgba = (0.8, 0.65, 0.45, 1.0)

    def __post_init__(self) -> None:
        """Check parts, mass and friction.

        Raises:
            ConfigurationError: There are no parts, the mass is not positive, or the friction is
                negative.
        """
        if not self.parts:
            raise ConfigurationError("Piece.parts: expected at least one part, got none")
        if not 0.0 < self.mass_kg < math.inf:
            raise ConfigurationError(f"Piece.mass_kg: expected more than 0, got {self.mass_kg}")
        if not 0.0 <= self.friction < math.inf:
            raise ConfigurationError(f"Piece.friction: expected 0 or more, got {self.friction}")

    @classmethod
    def of_density(
        cls, parts: Sequence[Part], density_kg_per_m3: float, friction: float, rgba: Rgba
    ) -> Piece:
        """Return a piece whose mass follows from its volume and density."""
        volume = sum(part.mass_properties.volume_m3 for part in parts)
        return cls(tuple(parts), density_kg_per_m3 * volume, friction, rgba)

    @cached_property
    def center_of_mass(self) -> Triple:
        """Centre of mass in the piece's frame, m."""
        volumes = np.array([part.mass_properties.volume_m3 for part in self.parts])
        centers = np.array([part.mass_properties.center for part in self.parts])
        x, y, z = (volumes @ centers / volumes.sum()).tolist()
        return (x, y, z)

    @cached_property
    def inertia(self) -> Array:
        """Inertia tensor about the centre of mass, piece axes, (3, 3) kg m²."""
        solids = [part.mass_properties for part in self.parts]
        density = self.mass_kg / sum(solid.volume_m3 for solid in solids)
        total = np.zeros((3, 3))
        for solid in solids:
            offset = solid.center - np.array(self.center_of_mass)
            steiner = float(offset @ offset) * np.eye(3) - np.outer(offset, offset)
            total += density * solid.volume_m3 * (solid.gyration_m2 + steiner)
        return total


def _lifted(polygon: Array, height: float, position: Triple) -> Array:
    """Return the corners of a polygon at a height above a position, (corners, 3) m."""
    lifted: Array = np.insert(polygon, 2, height, axis=1) + np.array(position)
    return lifted
