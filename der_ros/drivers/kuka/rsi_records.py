"""Configuration, state and statistics of the RSI server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from der_ros.drivers.addresses import require_ipv4
from der_ros.drivers.kuka.corrections import CorrectionLimits
from der_ros.drivers.kuka.rsi_telegrams import Six
from der_ros.drivers.latency_window import NO_FIGURES, LatencyFigures
from der_ros.drivers.motion import Wire
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, Twist
from der_ros.settings import check_ranges, setting


@dataclass(frozen=True)
class RsiServerConfig:
    """Configuration of the RSI server: addresses, controller settings and answering thread.

    Attributes:
        bind_address: Address of this computer in the robot's network.
        robot_ip: Address of the controller; datagrams from other addresses are dropped.
        cycle_s: Cycle of the controller, s: 0.004 or 0.012.
        limits: Limits on the summed corrections.
    """

    bind_address: str = "127.0.0.1"
    port: int = setting(
        59152,
        "UDP port that the controller sends to; 0 takes any free one",
        minimum=0,
        maximum=65535,
        name="rsi_port",
    )
    robot_ip: str = "127.0.0.1"
    cycle_s: float = 0.012
    absolute: bool = setting(
        False,
        "The controller's context takes absolute corrections (HOLDON 1), else relative ones",
        name="absolute_corrections",
    )
    limits: CorrectionLimits = field(default_factory=CorrectionLimits)
    sensor_type: str = setting(
        "ImFree", "Type that the controller's Ethernet file expects (SENTYPE)"
    )
    peer_silence_s: float = setting(
        0.5,
        "Time without telegrams after which a new session may begin, also from another port",
        unit="s",
        minimum=0.05,
        maximum=60.0,
    )
    realtime_priority: int = setting(
        50, "SCHED_FIFO priority of the answering thread; 0 requests none", minimum=0, maximum=99
    )
    realtime_cpu: int = setting(
        -1,
        "Processor that the answering thread is bound to; -1: any",
        minimum=-1,
        maximum=1023,
    )
    check_cycle: bool = setting(
        True,
        "Refuse motion until telegrams have come every cycle_ms; false only for a simulator "
        "that does not run in real time",
    )

    def __post_init__(self) -> None:
        """Check addresses, and the ranges of port and times.

        Raises:
            ConfigurationError: An address is no IPv4 address, or a value is out of its range.
        """
        check_ranges(self)
        require_ipv4("bind_address", self.bind_address)
        require_ipv4("robot_ip", self.robot_ip)
        if not 0.001 <= self.cycle_s <= 0.1:
            raise ConfigurationError(
                f"cycle_s: expected 0.001 to 0.1 s (a KRC4 has 0.004 or 0.012), got {self.cycle_s}"
            )
        if not self.peer_silence_s > self.cycle_s:
            raise ConfigurationError(
                f"peer_silence_s: expected more than a cycle, got {self.peer_silence_s}"
            )


class RobotState(NamedTuple):
    """State of the robot from one telegram.

    Attributes:
        tcp_pose: Measured pose of the TCP in the base frame (RIst).
        axes_deg: Measured axis angles A1 to A6, degrees; None if the context does not send them.
        ipoc: IPOC of the telegram.
        delay: Number of late answers that the controller reports (Delay).
        cycle_s: Time until the next telegram, s.
        stamp_monotonic_s: Arrival of the telegram, s, ``time.monotonic``.
        session: Number of the session (start of RSI).
        rested: True if a telegram since the last cycle was answered without motion, or malformed.
    """

    tcp_pose: Pose
    axes_deg: Six | None
    ipoc: int
    delay: int
    cycle_s: float
    stamp_monotonic_s: float
    session: int
    rested: bool = False

    @property
    def joint_positions_rad(self) -> Array | None:
        """Measured A1 to A6, (6,) rad; computed only on access, because the answer is urgent."""
        return None if self.axes_deg is None else np.radians(self.axes_deg)

    @property
    def began_monotonic_s(self) -> float:
        """Start of the cycle: arrival of the telegram, s, ``time.monotonic``."""
        return self.stamp_monotonic_s


class Answered(NamedTuple):
    """Motion that was sent in answer to one telegram.

    Attributes:
        state: State of the robot in the telegram.
        twist: Sent twist of the TCP, base axes, m/s and rad/s.
        correction: Sent RKorr: X, Y, Z in mm and A, B, C in degrees.
        refusal: Reason why the travel limits refused motion, or None.
        error: Reason why commanded motion was not sent, or None.
        wire: Telegram and answer.
    """

    state: RobotState
    twist: Twist
    correction: Six
    refusal: str | None
    error: str | None
    wire: Wire | None = None


@dataclass(frozen=True)
class RsiStatistics:
    """Counters of the RSI server since the start.

    Attributes:
        answered: Telegrams answered.
        malformed: Datagrams dropped because they are not telegrams.
        foreign: Datagrams dropped because of their sender.
        foreign_from: Latest other sender as ``address:port``; empty if there is none.
        duplicates: Telegrams with a repeated IPOC; within a cycle, the same answer is sent again.
        out_of_order: Telegrams with an older IPOC; answered without motion.
        backlog: Telegrams answered without motion because a newer one was waiting.
        errors: Cycles without motion because of an error, such as a failed ``on_cycle``.
        refused: Cycles in which the travel limits refused motion.
        send_errors: Answers that the network refused.
        lost: Telegrams that never arrived.
        late_answers: Late answers that the controller reports in Delay.
        sessions: Starts of RSI.
        travel_mm: Length of the summed translation of this session, mm.
        travel_deg: Length of the summed rotation of this session, degrees.
        answer: Time from arrival in the kernel to the sent answer.
        last_error: Latest reason for a cycle without motion, or None.
    """

    answered: int = 0
    malformed: int = 0
    foreign: int = 0
    foreign_from: str = ""
    duplicates: int = 0
    out_of_order: int = 0
    backlog: int = 0
    errors: int = 0
    refused: int = 0
    send_errors: int = 0
    lost: int = 0
    late_answers: int = 0
    sessions: int = 0
    travel_mm: float = 0.0
    travel_deg: float = 0.0
    answer: LatencyFigures = NO_FIGURES
    last_error: str | None = None
