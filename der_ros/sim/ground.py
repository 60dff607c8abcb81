"""The ground piece of each episode: the pieces that were used wait out of reach for their turn.

Making a body takes a millisecond, and PyBullet does not give back all of its memory when the body
is removed. So the bodies are kept.
"""

from __future__ import annotations

import pybullet

from der_ros.sim.shapes import create_ground
from der_ros.sim.units import PER_M
from der_ros.tasks.pieces import Piece

# Each body that waits costs the engine a little in every step: eight are not to be felt.
KEPT_PIECES = 8
_SHELF_SPACING_M = 10.0


class GroundShelf:
    """The ground pieces of one world, of which one lies in the cell.

    Args:
        client: PyBullet's connection.
        piece: the one that lies there first.
    """

    def __init__(self, client: int, piece: Piece) -> None:
        self._client = client
        self._body = create_ground(client, piece)
        self._bodies = {piece: self._body}

    def take(self, piece: Piece) -> int:
        """Take a piece off the shelf, or make it, and put the last one there.

        Returns:
            Its body, wherever it is; friction as PyBullet has it for a new body.
        """
        body = self._bodies.pop(piece, None)
        if body is None:
            self._make_room()
            body = create_ground(self._client, piece)
        self._bodies[piece] = body  # the last used is the last to go
        if body != self._body:
            self._park()
            self._body = body
        return body

    def _make_room(self) -> None:
        """Remove the piece that was not used for the longest time, if there are too many."""
        if len(self._bodies) < KEPT_PIECES:
            return
        oldest = next(piece for piece, body in self._bodies.items() if body != self._body)
        pybullet.removeBody(self._bodies.pop(oldest), physicsClientId=self._client)

    def _park(self) -> None:
        """Move the piece out of the cell, to a place of its own below it."""
        place = (0.0, 0.0, -PER_M * _SHELF_SPACING_M * (1 + self._body))
        pybullet.resetBasePositionAndOrientation(
            self._body, place, (0.0, 0.0, 0.0, 1.0), physicsClientId=self._client
        )
