"""What goes into and comes out of the arm's cycle: its set-up, the arm's state, its counters."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from der_ros.drivers.latency_window import NO_FIGURES, LatencyFigures
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, Twist


@dataclass(frozen=True)
class ArmCycleConfig:
    """How the arm is followed and led.

    Attributes:
        cycle_s: time between two commands.
        state_timeout_s: joint states are stale after this, by stamp and by arrival.
        max_following_error_rad: a joint further from its command than this does not follow.
        max_jump_rad: a joint that moves by more between two readings than its speed limit allows
            and this, has jumped.
        settle_s: at rest for so long, the command is held no longer by us but by the controller.
        realtime_priority: SCHED_FIFO priority to ask for, 0 for none.
    """

    cycle_s: float = 0.01
    state_timeout_s: float = 0.2
    max_following_error_rad: float = 0.07
    max_jump_rad: float = 0.035
    settle_s: float = 0.25
    realtime_priority: int = 50

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ConfigurationError: one that cannot be.
        """
        for name in (
            "cycle_s", "state_timeout_s", "max_following_error_rad", "max_jump_rad", "settle_s"
        ):  # fmt: skip
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
        session: counts how often the arm was found anew.
        began_monotonic_s: when the cycle began.
        delay: nobody counts late commands.
    """

    tcp_pose: Pose
    joint_positions_rad: Array
    cycle_s: float
    stamp_monotonic_s: float
    session: int
    began_monotonic_s: float
    delay: int = 0


class ArmAnswered(NamedTuple):
    """What was really sent in one cycle; a ``SentMotion``.

    Attributes:
        state: the arm when it was decided.
        twist: the motion that was sent, base axes.
        command_rad: (joints,) that were sent, or None where nothing was.
        refusal: why a joint's limit refused motion, or None.
        error: why nothing was sent although motion may have been wanted, or None.
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
