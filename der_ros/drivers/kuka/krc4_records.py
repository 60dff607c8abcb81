"""Configuration, state and statistics of the simulated KRC4."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from der_ros.drivers.kuka.controller_limits import PathLimits
from der_ros.drivers.kuka.rsi_telegrams import SensorTelegram
from der_ros.drivers.latency_window import LatencyFigures
from der_ros.errors import ConfigurationError


class ControllerState(Enum):
    """State of the controller's RSI program."""

    STOPPED = "stopped"
    WAITING = "waiting"  # RSI_ON: telegrams go out, motion is not yet enabled
    RUNNING = "running"  # RSI_MOVECORR: corrections move the robot


@dataclass(frozen=True)
class SimulatedKrc4Config:
    """Configuration of the simulated controller.

    Attributes:
        pc_address: Address of the PC.
        pc_port: UDP port of the PC.
        robot_address: Address of the controller.
        cycle_s: Cycle, s: 0.012, or 0.004 (IPO_FAST).
        absolute: If True, corrections are absolute; if False, relative.
        hold_on: If True (HOLDON 1), the last correction is repeated when an answer is missing.
        timeout_cycles: Largest number of consecutive late answers; one more stops RSI. As in
            ``config/krc4``.
        path_limits: Limits of POSCORR and POSCORRMON.
        enable_after: Number of correct answers after which motion is enabled.
        auto_restart_s: Time after which RSI restarts following a stop for missing answers, s; None
            for never. Other stops always need ``reset``.
        opens_empty: If True, open each session with an empty ``<Rob>``, as old versions do.
        realtime_priority: SCHED_FIFO priority to request; 0 for none.
    """

    pc_address: str = "127.0.0.1"
    pc_port: int = 59152
    robot_address: str = "127.0.0.1"
    cycle_s: float = 0.012
    absolute: bool = False
    hold_on: bool = False
    timeout_cycles: int = 40
    path_limits: PathLimits = field(default_factory=PathLimits)
    enable_after: int = 1
    auto_restart_s: float | None = None
    opens_empty: bool = False
    realtime_priority: int = 40

    def __post_init__(self) -> None:
        """Check the ranges of cycle and counts.

        Raises:
            ConfigurationError: A value is out of its range.
        """
        if not 0.001 <= self.cycle_s <= 0.1:
            raise ConfigurationError(
                f"cycle_s: expected 0.001 to 0.1 s (a KRC4 has 0.004 or 0.012), got {self.cycle_s}"
            )
        if self.timeout_cycles < 1 or self.enable_after < 1:
            raise ConfigurationError(
                "timeout_cycles, enable_after: expected at least 1, got "
                f"{self.timeout_cycles} and {self.enable_after}"
            )


@dataclass(frozen=True)
class Krc4Statistics:
    """Counters of the simulated controller since the start.

    Attributes:
        cycles: Telegrams sent.
        late: Cycles without a correct answer in time.
        longest_late: Largest number of consecutive late cycles.
        mismatched: Answers with a wrong IPOC.
        malformed: Answers that are not telegrams.
        sessions: Starts of RSI.
        clamped: Cycles in which POSCORR clamped a correction.
        answer: Time from sending a telegram to receiving its correct answer.
        wake_up: Lateness of this thread's own wake-ups, which the PC does not cause.
    """

    cycles: int
    late: int
    longest_late: int
    mismatched: int
    malformed: int
    sessions: int
    clamped: int
    answer: LatencyFigures
    wake_up: LatencyFigures


class WireTap(Protocol):
    """Observer of the controller's traffic, called in its thread; it should return at once."""

    def sent(self, ipoc: int, at_s: float, late_s: float) -> None:
        """Handle a telegram that is about to be sent.

        Args:
            ipoc: IPOC of the telegram.
            at_s: Current time, s, ``time.monotonic``.
            late_s: Lateness of the wake-up for this cycle, s.
        """
        ...

    def answered(self, answer: SensorTelegram, at_s: float) -> None:
        """Handle an answer that was received, in time or late.

        Args:
            answer: Content of the answer.
            at_s: Arrival in the kernel, s, ``time.monotonic``.
        """
        ...
