"""The units that the engine counts in: sixteenths of a metre and sixteens of kilograms.

Bullet's search for the closest points of two convex parts takes four points for flat where they
span a box of less than 1e-8 cubic units, and ends with what it has. In metres that is a cube of
2 mm: the round peg and its hole were up to 0.38 mm closer than was found. In sixteenths of a metre
what is found is right within 0.006 mm.

With masses in sixteens of kilograms a force stays in newtons. Powers of two round nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

PER_M = 16.0
PER_KG = 1.0 / PER_M
PER_NM = PER_M
PER_KGM2 = PER_KG * PER_M**2


def scaled(numbers: Iterable[float], factor: float = PER_M) -> list[float]:
    """Return numbers in the engine's units.

    Args:
        numbers: a vector, in m if nothing else is said.
        factor: one of this module's.
    """
    return [factor * number for number in numbers]
