"""Joint states with all three arrays filled, which every reader of bags accepts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Time
from sensor_msgs.msg import JointState

from der_ros.geometry import Array

_LONGEST_S = 0.5
"""Longest time between two positions that give a velocity, s."""


class JointStates:
    """Makes messages from measured positions; velocities are their differences.

    What is not known is NaN, as joint_state_broadcaster publishes it: every effort, and the
    velocities of a first message and after a gap.
    """

    def __init__(self) -> None:
        self._positions: Array | None = None
        self._measured_s = 0.0

    def to_message(
        self, names: Sequence[str], positions: Array, measured_s: float, stamp: Time
    ) -> JointState:
        """Return a message of the positions, with their velocities.

        Args:
            names: of the joints.
            positions: (joints,) rad.
            measured_s: when they were measured, ``time.monotonic``.
            stamp: the same on the node's clock.
        """
        message = JointState(
            name=list(names),
            position=positions.tolist(),
            velocity=self._velocities(positions, measured_s).tolist(),
            effort=[float("nan")] * len(positions),
        )
        message.header.stamp = stamp
        return message

    def _velocities(self, positions: Array, measured_s: float) -> Array:
        before, elapsed_s = self._positions, measured_s - self._measured_s
        self._positions, self._measured_s = positions.copy(), measured_s
        if before is None or before.shape != positions.shape or not 0 < elapsed_s <= _LONGEST_S:
            return np.full(positions.shape, np.nan)
        return (positions - before) / elapsed_s
