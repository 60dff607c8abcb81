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
        """When it was measured, ``time.monotonic``."""
        ...

    @property
    def began_monotonic_s(self) -> float:
        """When this cycle began; the one before it was ``cycle_s`` ago, or answers were missed."""
        ...

    @property
    def delay(self) -> int:
        """Answers that the robot says it got late; 0 where it does not say."""
        ...

    @property
    def session(self) -> int:
        """Another number: what was commanded before does not hold any longer."""
        ...


class SentMotion(Protocol):
    """Motion that was sent in one cycle."""

    @property
    def state(self) -> MeasuredRobot:
        """The robot that it was sent for."""
        ...

    @property
    def twist(self) -> Twist:
        """The motion that was sent, of the TCP in base axes."""
        ...

    @property
    def refusal(self) -> str | None:
        """Why a limit refused motion, or None."""
        ...

    @property
    def error(self) -> str | None:
        """Why nothing was sent although motion may have been wanted, or None."""
        ...
