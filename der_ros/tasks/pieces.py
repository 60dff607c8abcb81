"""Solid pieces: convex parts with their volume, mass centre and inertia. No engine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array

Pair: TypeAlias = tuple[float, float]
Triple: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True)
class Box:
    """A solid box, axes parallel to its piece's.

    Attributes:
        half_extents: (x, y, z) half edge lengths, m, all positive.
        position: its centre in the piece's frame, m.
    """

    half_extents: Triple
    position: Triple

    def __post_init__(self) -> None:
        """Refuses a box without volume.

        Raises:
            ConfigurationError: a half extent is not positive and finite.
        """
        if not all(0.0 < h < math.inf for h in self.half_extents):
            raise ConfigurationError(
                f"Box.half_extents: expected three lengths above 0 m, got {self.half_extents}"
            )

    @property
    def volume_m3(self) -> float:
        """Volume, m³."""
        x, y, z = self.half_extents
        return 8.0 * x * y * z

    @property
    def center_of_mass(self) -> Triple:
        """Its centre, in the piece's frame, m."""
        return self.position

    @property
    def gyration_m2(self) -> Array:
        """(3,) moments of inertia about its centre for each kilogram; there are no products."""
        square = np.square(2.0 * np.array(self.half_extents))
        moments: Array = (square.sum() - square) / 12.0
        return moments


@dataclass(frozen=True)
class Frustum:
    """A solid whose section is a rectangle that grows or shrinks evenly along z: a chamfered tip.

    Attributes:
        bottom: (x, y) half edge lengths of the lower face, m, all positive.
        top: the same of the upper face.
        height: from the lower to the upper face, m, positive.
        position: the centre of the lower face in the piece's frame, m.
    """

    bottom: Pair
    top: Pair
    height: float
    position: Triple

    def __post_init__(self) -> None:
        """Refuses a frustum without volume.

        Raises:
            ConfigurationError: a length is not positive and finite.
        """
        if not all(0.0 < length < math.inf for length in (*self.bottom, *self.top, self.height)):
            raise ConfigurationError(
                "Frustum: expected bottom, top and height above 0 m, "
                f"got {self.bottom}, {self.top} and {self.height}"
            )

    @property
    def volume_m3(self) -> float:
        """Volume, m³."""
        return float(self._slices[3].sum())

    @property
    def center_of_mass(self) -> Triple:
        """Its centre of mass, in the piece's frame, m."""
        _, _, z, volume = self._slices
        x, y, bottom = self.position
        return (x, y, bottom + float(z @ volume / volume.sum()))

    @property
    def gyration_m2(self) -> Array:
        """(3,) moments of inertia about its centre of mass for each kilogram; no products."""
        a, b, z, volume = self._slices
        share = volume / volume.sum()
        x2, y2 = float(share @ (a * a)) / 3.0, float(share @ (b * b)) / 3.0
        z2 = float(share @ (z * z)) - float(share @ z) ** 2
        return np.array((y2 + z2, x2 + z2, x2 + y2))

    def vertices(self, inset_m: float = 0.0) -> Array:
        """Its corners.

        Args:
            inset_m: how far all six faces are moved inwards first.

        Returns:
            (8, 3) m, in the piece's frame, the lower four first.
        """
        x, y, z = self.position
        corners = []
        for height in (inset_m, self.height - inset_m):
            a, b = (
                low + (high - low) * height / self.height
                - inset_m * math.hypot(1.0, (high - low) / self.height)
                for low, high in zip(self.bottom, self.top, strict=True)
            )  # fmt: skip
            corners += [(x + i * a, y + j * b, z + height) for i in (-1, 1) for j in (-1, 1)]
        return np.array(corners)

    @cached_property
    def _slices(self) -> tuple[Array, Array, Array, Array]:
        """Half lengths in x and y, height and volume of slices whose sums are exact integrals."""
        nodes, weights = np.polynomial.legendre.leggauss(4)
        t = 0.5 * (nodes + 1.0)
        a = self.bottom[0] + (self.top[0] - self.bottom[0]) * t
        b = self.bottom[1] + (self.top[1] - self.bottom[1]) * t
        return a, b, self.height * t, 4.0 * a * b * 0.5 * weights * self.height


Part: TypeAlias = Box | Frustum


@dataclass(frozen=True)
class Piece:
    """A rigid piece of one material: convex parts that touch but do not overlap.

    Attributes:
        parts: boxes and frustums, in the piece's frame.
        mass_kg: mass of all parts together.
        friction: Coulomb coefficient between the two pieces.
        rgba: colour for rendering, each in [0, 1].
    """

    parts: tuple[Part, ...]
    mass_kg: float
    friction: float = 0.5
    rgba: tuple[float, float, float, float] = (0.8, 0.65, 0.45, 1.0)

    def __post_init__(self) -> None:
        """Refuses a piece that no engine could move.

        Raises:
            ConfigurationError: no parts, a mass that is not positive, or a negative friction.
        """
        if not self.parts:
            raise ConfigurationError("Piece.parts: expected at least one Box or Frustum, got none")
        if not 0.0 < self.mass_kg < math.inf:
            raise ConfigurationError(f"Piece.mass_kg: expected more than 0, got {self.mass_kg}")
        if not 0.0 <= self.friction < math.inf:
            raise ConfigurationError(f"Piece.friction: expected 0 or more, got {self.friction}")

    @cached_property
    def center_of_mass(self) -> Triple:
        """Centre of mass in the piece's frame, m."""
        volumes = np.array([part.volume_m3 for part in self.parts])
        centres = np.array([part.center_of_mass for part in self.parts])
        x, y, z = (volumes @ centres / volumes.sum()).tolist()
        return (x, y, z)

    @cached_property
    def inertia(self) -> Array:
        """(3, 3) inertia tensor about the centre of mass, piece axes, kg m²."""
        density = self.mass_kg / sum(part.volume_m3 for part in self.parts)
        total = np.zeros((3, 3))
        for part in self.parts:
            mass = density * part.volume_m3
            offset = np.array(part.center_of_mass) - np.array(self.center_of_mass)
            total += mass * np.diag(part.gyration_m2)
            total += mass * (float(offset @ offset) * np.eye(3) - np.outer(offset, offset))
        return total
