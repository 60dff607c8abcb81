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
        pc_address: where the PC listens.
        pc_port: its UDP port.
        robot_address: the controller's own address.
        cycle_s: 0.012, or 0.004 (IPO_FAST).
        absolute: corrections are absolute; else relative.
        hold_on: HOLDON 1, the last correction holds when an answer is missing.
        timeout_cycles: more late answers in a row than this stop RSI; as in ``config/krc4``.
        path_limits: POSCORR and POSCORRMON.
        enable_after: right answers before motion is enabled.
        auto_restart_s: after a stop for missing answers, start again like an operator would;
            None never does. Other stops always need ``reset``.
        opens_empty: open each session with an empty ``<Rob>``, as old versions do.
        realtime_priority: SCHED_FIFO priority to ask for, 0 for none.
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
        """Check the numbers.

        Raises:
            ConfigurationError: a value that cannot be.
        """
        if not 0.001 <= self.cycle_s <= 0.1:
            raise ConfigurationError(f"cycle_s: expected 0.004 or 0.012, got {self.cycle_s}")
        if self.timeout_cycles < 1 or self.enable_after < 1:
            raise ConfigurationError(
                "timeout_cycles, enable_after: expected at least 1, got "
                f"{self.timeout_cycles} and {self.enable_after}"
            )


@dataclass(frozen=True)
class Krc4Statistics:
    """Counters since the start.

    Attributes:
        cycles: telegrams sent.
        late: cycles without a right answer in time.
        longest_late: most of them in a row.
        mismatched: answers with another IPOC.
        malformed: answers that were no telegram.
        sessions: starts of RSI.
        clamped: cycles in which POSCORR cut a correction.
        answer: telegram sent to right answer received.
        wake_up: how late this thread itself woke for its cycle; not the PC's fault.
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
        """Called before a telegram is sent; ``late_s`` is the lateness of the wake-up, s.

        Args:
            ipoc: its number.
            at_s: now, ``time.monotonic``.
            late_s: after the cycle's due time.
        """
        ...

    def answered(self, answer: SensorTelegram, at_s: float) -> None:
        """Called for each answer, in time or late.

        Args:
            answer: what it says.
            at_s: when the kernel got it, ``time.monotonic``.
        """
        ...
