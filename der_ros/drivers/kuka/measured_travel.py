"""Travel since the start of RSI by the measured pose."""

from __future__ import annotations

import math

from der_ros.drivers.kuka.rsi_telegrams import Six
from der_ros.geometry import (
    Pose,
    euler_zyx_from_quaternion,
    quaternion_conjugate,
    quaternion_multiply,
)

_SETTLED_S = 0.5
"""Time without motion after which the arm has followed its last correction."""


class MeasuredTravel:
    """Travel since the start of RSI, by the measured pose, for when the sums of corrections differ.

    A controller drops an answer that comes too late, or repeats the one before it (HOLDON). After
    that, the sum of the sent corrections is no longer the controller's.
    """

    def __init__(self, cycle_s: float) -> None:
        self._settled_cycles = math.ceil(_SETTLED_S / cycle_s)
        self.reset()

    def reset(self) -> None:
        """Take the next pose as the start, as after RSI_ON."""
        self._start: Pose | None = None
        self._in_doubt = False
        self._resting_cycles = 0

    def step(self, pose: Pose, moves: bool, missed: bool) -> Six | None:
        """Return the travel once the robot rests after a missed answer; None in all other cycles.

        Args:
            pose: Measured pose of the TCP, base.
            moves: True if this cycle's answer commands motion.
            missed: True if the controller may have missed an answer since the last cycle.

        Returns:
            X, Y, Z in mm and A, B, C in degrees since the start, base axes, or None.
        """
        start = self._start = self._start or pose
        self._in_doubt |= missed
        self._resting_cycles = 0 if moves else self._resting_cycles + 1
        if not self._in_doubt or self._resting_cycles < self._settled_cycles:
            return None
        self._in_doubt = False
        x, y, z = (1000.0 * (pose.position - start.position)).tolist()
        turned = quaternion_multiply(pose.quaternion, quaternion_conjugate(start.quaternion))
        a, b, c = map(math.degrees, euler_zyx_from_quaternion(turned))
        return (x, y, z, a, b, c)
