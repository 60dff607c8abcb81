"""Configuration, state and statistics of the arm's cycle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from der_ros.drivers.latency_window import NO_FIGURES, LatencyFigures
from der_ros.drivers.motion import Wire
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, Twist
from der_ros.settings import check_ranges, setting


@dataclass(frozen=True)
class ArmCycleConfig:
    """Cycle and watchdogs of an arm under joint position control.

    Attributes:
        cycle_s: Time between two commands, s.
    """

    cycle_s: float = 0.01
    state_timeout_s: float = setting(
        0.2, "Age at which joint states are stale, by stamp and by arrival", "s", 0.005, 1.0
    )
    max_following_error_rad: float = setting(
        0.07,
        "Distance of a joint from its command above which motion is a fault",
        "rad",
        0.001,
        0.5,
    )
    max_jump_rad: float = setting(
        0.035,
        "Jump between two joint states, on top of the motion at the joint's speed limit, above "
        "which motion is a fault",
        unit="rad",
        minimum=0.001,
        maximum=0.5,
    )
    settle_s: float = setting(
        0.25,
        "Time at rest after which no commands are sent; the next motion begins at the measured "
        "joint positions",
        unit="s",
        minimum=0.05,
        maximum=10.0,
    )
    realtime_priority: int = setting(
        50, "SCHED_FIFO priority of the commanding thread; 0 requests none", minimum=0, maximum=99
    )

    def __post_init__(self) -> None:
        """Check the ranges of times and angles.

        Raises:
            ConfigurationError: A value is out of its range, or ``state_timeout_s`` is not longer
                than a cycle.
        """
        check_ranges(self)
        if not 0.0 < self.cycle_s < self.state_timeout_s:
            raise ConfigurationError(
                f"cycle_s, state_timeout_s: expected 0 < cycle < timeout, got {self.cycle_s} and "
                f"{self.state_timeout_s}"
            )


class JointReading(NamedTuple):
    """Measured joint positions with their time.

    Attributes:
        positions_rad: Joint positions in the chain's order, (joints,) rad, finite.
        stamp_monotonic_s: Time of the measurement, s, ``time.monotonic``.
    """

    positions_rad: Array
    stamp_monotonic_s: float


class ArmState(NamedTuple):
    """State of the arm at the start of a cycle; a ``MeasuredRobot``.

    Attributes:
        tcp_pose: Pose of the TCP in the base frame, from the measured joints.
        joint_positions_rad: Measured joint positions, (joints,) rad.
        cycle_s: Time until the next cycle, s.
        stamp_monotonic_s: Time of the measurement, s, ``time.monotonic``.
        session: Session number; commands of earlier sessions are void.
        began_monotonic_s: Start of the cycle, s, ``time.monotonic``.
        delay: Always 0, because late commands are not reported.
        rested: Always False, for the same reason.
    """

    tcp_pose: Pose
    joint_positions_rad: Array
    cycle_s: float
    stamp_monotonic_s: float
    session: int
    began_monotonic_s: float
    delay: int = 0
    rested: bool = False


class ArmAnswered(NamedTuple):
    """Command sent in one cycle; a ``SentMotion``.

    Attributes:
        state: State of the arm that the command was computed from.
        twist: Sent twist of the TCP, base axes, m/s and rad/s.
        command_rad: Sent joint positions, (joints,) rad; None if nothing was sent.
        refusal: Reason why a joint limit refused motion, or None.
        error: Reason why commanded motion was not sent, or None.
        wire: None, since joint positions are messages, not telegrams.
    """

    state: ArmState
    twist: Twist
    command_rad: Array | None
    refusal: str | None
    error: str | None
    wire: Wire | None = None


@dataclass(frozen=True)
class ArmStatistics:
    """Counters of the arm's cycle since the start.

    Attributes:
        cycles: Cycles with a valid state of the arm.
        overruns: Cycles that started more than a cycle late.
        sessions: Number of sessions.
        engaged: True while commands are being sent.
        sent: Commands sent.
        jumps: Jumps of the measured joints.
        not_followed: Number of times that the arm was too far from its command.
        errors: Cycles without motion because ``on_cycle`` failed.
        refused: Cycles in which a joint limit refused motion.
        hindrances: Number of cycles by the reason that limited the commanded twist.
        lateness: Time from a cycle's due time to its start.
        last_error: Latest reason for a lost arm or a cycle without motion, or None.
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
