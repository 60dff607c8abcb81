"""Cache of ground pieces: bodies not in use are parked out of reach.

Creating a body takes a millisecond, and PyBullet does not free all of its memory when the body is
removed, so bodies are reused.
"""

from __future__ import annotations

import pybullet

from der_ros.sim.shapes import create_ground
from der_ros.sim.units import PER_M
from der_ros.tasks.pieces import Piece

# Each parked body costs the engine a little in every step; the cost of eight is negligible.
KEPT_PIECES = 8
_PARKING_SPACING_M = 10.0


class GroundCache:
    """Ground pieces of one world; one of them is in the cell.

    Args:
        client: PyBullet client id.
        piece: First piece in the cell.
    """

    def __init__(self, client: int, piece: Piece) -> None:
        self._client = client
        self._body = create_ground(client, piece)
        self._bodies = {piece: self._body}

    def use(self, piece: Piece) -> int:
        """Return the body of a piece, created if necessary, and park the previous one.

        Returns:
            PyBullet body number. The caller sets the body's pose and friction.
        """
        body = self._bodies.pop(piece, None)
        if body is None:
            self._evict()
            body = create_ground(self._client, piece)
        self._bodies[piece] = body  # most recently used last
        if body != self._body:
            self._park()
            self._body = body
        return body

    def _evict(self) -> None:
        """Remove the least recently used piece if the cache is full."""
        if len(self._bodies) < KEPT_PIECES:
            return
        oldest = next(piece for piece, body in self._bodies.items() if body != self._body)
        pybullet.removeBody(self._bodies.pop(oldest), physicsClientId=self._client)

    def _park(self) -> None:
        """Move the current piece to its own parking position below the cell."""
        place = (0.0, 0.0, -PER_M * _PARKING_SPACING_M * (1 + self._body))
        pybullet.resetBasePositionAndOrientation(
            self._body, place, (0.0, 0.0, 0.0, 1.0), physicsClientId=self._client
        )
