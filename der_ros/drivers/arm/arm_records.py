"""Configuration, state and statistics of the arm's cycle."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from der_ros.drivers.latency_window import NO_FIGURES, LatencyFigures
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, Twist
from der_ros.settings import setting


@dataclass(frozen=True)
class ArmCycleConfig:
    """Cycle and watchdogs of an arm that takes joint positions.

    Attributes:
        cycle_s: time between two commands, s.
    """

    cycle_s: float = 0.01
    state_timeout_s: float = setting(
        0.2, "Age at which joint states are stale, by stamp and by arrival", "s", 0.005, 1.0
    )
    max_following_error_rad: float = setting(
        0.07, "Distance of a joint from its command that is a fault in motion", "rad", 0.001, 0.5
    )
    max_jump_rad: float = setting(
        0.035,
        "Motion between two joint states, beyond what the joint's speed limit allows, that "
        "is a fault in motion",
        unit="rad",
        minimum=0.001,
        maximum=0.5,
    )
    settle_s: float = setting(
        0.25,
        "Time at rest after which commands end; the next motion begins at the measured joints",
        unit="s",
        minimum=0.05,
        maximum=10.0,
    )
    realtime_priority: int = setting(
        50, "SCHED_FIFO priority of the commanding thread; 0 requests none", minimum=0, maximum=99
    )

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ConfigurationError: a time or angle is not above zero, or joint states are stale within
                a cycle.
        """
        times = ("cycle_s", "state_timeout_s", "settle_s")
        for name in (*times, "max_following_error_rad", "max_jump_rad"):
            value = getattr(self, name)
            if not 0.0 < value < math.inf:
                raise ConfigurationError(f"{name}: expected a number above zero, got {value}")
        if not self.cycle_s < self.state_timeout_s:
            raise ConfigurationError(
                f"state_timeout_s: expected more than a cycle of {self.cycle_s} s, got "
                f"{self.state_timeout_s}"
            )


class JointReading(NamedTuple):
    """Measured joints.

    Attributes:
        positions_rad: (joints,) in the chain's order, finite.
        stamp_monotonic_s: when they were measured, ``time.monotonic``.
    """

    positions_rad: Array
    stamp_monotonic_s: float


class ArmState(NamedTuple):
    """The arm at the beginning of a cycle; a ``MeasuredRobot``.

    Attributes:
        tcp_pose: the TCP in the base, from the measured joints.
        joint_positions_rad: (joints,) measured.
        cycle_s: time until the next cycle.
        stamp_monotonic_s: when it was measured.
        session: number of times that the arm was found or lost.
        began_monotonic_s: start of the cycle.
        delay: always 0, since late commands are not counted here.
    """

    tcp_pose: Pose
    joint_positions_rad: Array
    cycle_s: float
    stamp_monotonic_s: float
    session: int
    began_monotonic_s: float
    delay: int = 0


class ArmAnswered(NamedTuple):
    """Command that was sent in one cycle; a ``SentMotion``.

    Attributes:
        state: the arm when it was decided.
        twist: the motion that was sent, base axes.
        command_rad: (joints,) that were sent, or None where nothing was.
        refusal: why a joint's limit refused motion, or None.
        error: reason for which nothing was sent although motion may have been wanted, or None.
    """

    state: ArmState
    twist: Twist
    command_rad: Array | None
    refusal: str | None
    error: str | None


@dataclass(frozen=True)
class ArmStatistics:
    """Counters since the start.

    Attributes:
        cycles: in which the arm was known.
        overruns: cycles that began more than a cycle late.
        sessions: how often the arm was found anew.
        engaged: whether commands are being sent.
        sent: commands.
        jumps: of the measured joints.
        not_followed: how often the arm was too far from its command.
        errors: cycles in which the decision failed.
        refused: cycles in which a joint's limit refused motion.
        hindrances: cycles by what kept the arm from the twist that was asked for.
        lateness: from when a cycle was due to when it began.
        last_error: the latest reason for not being known or not moving, or None.
    """

    cycles: int = 0
    overruns: int = 0
    sessions: int = 0
    engaged: bool = False
    sent: int = 0
    jumps: int = 0
    not_followed: int = 0
    errors: int = 0
    refused: int = 0
    hindrances: dict[str, int] = field(default_factory=dict)
    lateness: LatencyFigures = NO_FIGURES
    last_error: str | None = None
