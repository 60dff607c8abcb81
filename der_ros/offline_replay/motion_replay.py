"""The bridge's own motion core, cycle by cycle, in bag time."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np

from der_ros.control.bridge_motion import BridgeMotion, MotionConfig
from der_ros.geometry import Array, Pose, Twist, Wrench
from der_ros.offline_replay.recorded_stream import Cycle, Recorded
from der_ros.rotation import conjugate, rotate_both


class RecordedCommand(NamedTuple):
    """A twist on its way to the bridge.

    Attributes:
        sent_ns: stamp of its header.
        arrives_ns: earliest time at which the bridge has it.
        frame_id: of its axes.
        twist: of the TCP.
    """

    sent_ns: int
    arrives_ns: int
    frame_id: str
    twist: Twist


class MeasuredCycle(NamedTuple):
    """``MeasuredRobot`` from a bag; the attributes are described there."""

    tcp_pose: Pose
    cycle_s: float
    stamp_monotonic_s: float
    joint_positions_rad: Array | None = None
    delay: int = 0
    session: int = 1

    @property
    def began_monotonic_s(self) -> float:
        """Beginning of the cycle, bag time in s."""
        return self.stamp_monotonic_s


class _BagClock:
    """Clock of the replayed bridge; a copy of the bridge gets its own."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class MotionReplay:
    """Feeds commands and wrenches to ``BridgeMotion`` and gives the applied twists back.

    Args:
        config: of the bridge.
        start_ns: bag time that counts as 0 s.
    """

    def __init__(self, config: MotionConfig, start_ns: int) -> None:
        self._start_ns, self._clock = start_ns, _BagClock()
        self._motion = BridgeMotion(config, self._clock)
        x, y, z, w = config.base_from_task.quaternion.tolist()
        self._to_task = conjugate((x, y, z, w))
        self._command: RecordedCommand | None = None

    @property
    def fault(self) -> str | None:
        """Latched fault, or None."""
        return self._motion.fault

    @property
    def interventions(self) -> dict[str, int]:
        """Cycles in which the governor stepped in, by its reason."""
        return self._motion.counts.interventions

    @property
    def refused(self) -> dict[str, int]:
        """Refused commands, by reason."""
        return self._motion.counts.refused

    def step(
        self,
        cycle: Cycle,
        pose: Pose,
        cycle_s: float,
        command: RecordedCommand | None,
        wrench: Recorded | None,
    ) -> tuple[float, ...]:
        """Return the six numbers of the twist for one cycle, task axes.

        Args:
            cycle: of the robot.
            pose: the TCP in the base.
            cycle_s: time until the next cycle.
            command: newest that the bridge has.
            wrench: newest that the bridge has.
        """
        now_s = self._clock.now_s = 1e-9 * (cycle.at_ns - self._start_ns)
        if command is not None and command is not self._command:
            self._command = command
            age_s = max(0.0, 1e-9 * (cycle.at_ns - command.sent_ns))
            self._motion.accept_command(command.twist, command.frame_id, age_s)
        if wrench is not None:
            values = wrench.numbers.values
            age_s = max(0.0, 1e-9 * (cycle.at_ns - wrench.numbers.stamp_ns))
            felt = Wrench(np.array(values[:3]), np.array(values[3:]))
            self._motion.accept_wrench(felt, age_s)
        twist = self._motion.on_cycle(MeasuredCycle(pose, cycle_s, now_s))
        six = (*twist.linear.tolist(), *twist.angular.tolist())
        return rotate_both(self._to_task, six)

    def branch(self) -> MotionReplay:
        """Return a copy that goes its own way from here."""
        twin = copy.copy(self)
        twin._motion = self._motion.branch()
        return twin
