"""Interfaces of the robot drivers: measured state and sent motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from der_ros.drivers.repeated_errors import RepeatedErrors
from der_ros.errors import described
from der_ros.geometry import Array, Pose, Twist

Measured = TypeVar("Measured")


class Wire(NamedTuple):
    """Telegram of a robot controller and its answer.

    Attributes:
        telegram: Telegram of the controller.
        answer: Answer that was sent.
        absolute: True if corrections are absolute.
    """

    telegram: bytes
    answer: bytes
    absolute: bool


class MeasuredRobot(Protocol):
    """Measured state of the robot at the start of a cycle."""

    @property
    def tcp_pose(self) -> Pose:
        """Measured pose of the TCP in the base frame."""
        ...

    @property
    def joint_positions_rad(self) -> Array | None:
        """Measured joint positions, (joints,) rad; None if unknown."""
        ...

    @property
    def cycle_s(self) -> float:
        """Time until the next cycle, s."""
        ...

    @property
    def stamp_monotonic_s(self) -> float:
        """Time of the measurement, s, ``time.monotonic``."""
        ...

    @property
    def began_monotonic_s(self) -> float:
        """Start of this cycle, s, ``time.monotonic``; a gap above ``cycle_s`` is a missed cycle."""
        ...

    @property
    def delay(self) -> int:
        """Number of late answers that the robot reports; 0 if it reports none."""
        ...

    @property
    def rested(self) -> bool:
        """True if the robot stood still in a cycle since the last one."""
        ...

    @property
    def session(self) -> int:
        """Session number; commands of earlier sessions are void."""
        ...


class SentMotion(Protocol):
    """Motion sent to the robot in one cycle."""

    @property
    def state(self) -> MeasuredRobot:
        """Measured state that the motion was computed from."""
        ...

    @property
    def twist(self) -> Twist:
        """Sent twist of the TCP, base axes, m/s and rad/s."""
        ...

    @property
    def refusal(self) -> str | None:
        """Reason why a limit refused motion, or None."""
        ...

    @property
    def error(self) -> str | None:
        """Reason why commanded motion was not sent, or None."""
        ...

    @property
    def wire(self) -> Wire | None:
        """Telegram and answer; None for a robot without telegrams."""
        ...


def twist_for(
    on_cycle: Callable[[Measured], Twist], state: Measured, failures: RepeatedErrors
) -> tuple[Twist, str | None]:
    """Return the twist of a cycle and None, or zero and the reason why there is none.

    An error must not end the thread that answers a robot.

    Args:
        on_cycle: Function that returns the twist of the TCP, base axes, for a measured state.
        state: Measured state of the robot.
        failures: Log of the errors that ``on_cycle`` raises.
    """
    try:
        twist = on_cycle(state)
        if twist.is_finite():
            return twist, None
        return Twist.zero(), f"the commanded twist is not finite: {twist}"
    except Exception as error:
        failures.note(error)
        return Twist.zero(), f"on_cycle failed: {described(error)}"
