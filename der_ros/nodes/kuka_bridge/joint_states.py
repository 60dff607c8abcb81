"""JointState messages with position, velocity and effort filled, as all bag readers expect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Time
from sensor_msgs.msg import JointState

from der_ros.geometry import Array

_LONGEST_S = 0.5
"""Longest time between two positions from which a velocity is computed, s."""


class JointStates:
    """Builder of JointState messages whose velocities are differences of the positions.

    Unknown values are NaN, as joint_state_broadcaster publishes them: all efforts, and the
    velocities of the first message and after a gap.
    """

    def __init__(self) -> None:
        self._positions: Array | None = None
        self._measured_s = 0.0

    def to_message(
        self, names: Sequence[str], positions: Array, measured_s: float, stamp: Time
    ) -> JointState:
        """Return a message with the positions and their velocities.

        Args:
            names: Names of the joints.
            positions: Joint positions, shape (joints,), rad.
            measured_s: Time of the measurement, s (``time.monotonic``).
            stamp: Time of the measurement on the node's clock.
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
