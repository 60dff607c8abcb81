"""Interfaces of every robot's driver: measured motion and sent motion."""

from __future__ import annotations

from typing import Protocol

from der_ros.geometry import Array, Pose, Twist


class MeasuredRobot(Protocol):
    """The robot at the beginning of a cycle."""

    @property
    def tcp_pose(self) -> Pose:
        """Measured pose of the TCP in the base frame."""
        ...

    @property
    def joint_positions_rad(self) -> Array | None:
        """(joints,) measured, or None where they are not known."""
        ...

    @property
    def cycle_s(self) -> float:
        """Time until the next cycle, s."""
        ...

    @property
    def stamp_monotonic_s(self) -> float:
        """Time of the measurement, ``time.monotonic``."""
        ...

    @property
    def began_monotonic_s(self) -> float:
        """Start of this cycle; the one before began ``cycle_s`` earlier, or answers were missed."""
        ...

    @property
    def delay(self) -> int:
        """Number of late answers that the robot reports; 0 if it reports none."""
        ...

    @property
    def session(self) -> int:
        """Number of the session; with a new number earlier commands no longer hold."""
        ...


class SentMotion(Protocol):
    """Motion that was sent in one cycle."""

    @property
    def state(self) -> MeasuredRobot:
        """State of the robot that the motion answers."""
        ...

    @property
    def twist(self) -> Twist:
        """The motion that was sent, of the TCP in base axes."""
        ...

    @property
    def refusal(self) -> str | None:
        """Reason for which a limit refused motion, or None."""
        ...

    @property
    def error(self) -> str | None:
        """Reason for which nothing was sent, although motion may have been commanded; or None."""
        ...
