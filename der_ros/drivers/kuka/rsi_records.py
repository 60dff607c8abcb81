"""Configuration, state and statistics of the RSI server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from der_ros.drivers.kuka.corrections import CorrectionLimits
from der_ros.drivers.kuka.rsi_telegrams import Six
from der_ros.drivers.latency_window import NO_FIGURES, LatencyFigures
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, Twist
from der_ros.settings import setting


@dataclass(frozen=True)
class RsiServerConfig:
    """Addresses, set-up of the controller, and the answering thread.

    Attributes:
        bind_address: this computer's address in the robot's network.
        robot_ip: the only address that is listened to.
        cycle_s: the controller's cycle, 0.004 or 0.012 s.
        limits: limits on the summed corrections.
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
        "Silence after which a controller may start anew, from another port too",
        unit="s",
        minimum=0.05,
        maximum=60.0,
    )
    realtime_priority: int = setting(
        50, "SCHED_FIFO priority of the answering thread; 0 requests none", minimum=0, maximum=99
    )
    realtime_cpu: int = setting(
        -1,
        "The only processor that the answering thread runs on; -1: any",
        minimum=-1,
        maximum=1023,
    )
    check_cycle: bool = setting(
        True,
        "Refuse motion until telegrams are seen to come at cycle_ms; false only for a "
        "simulator that keeps no clock",
    )

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ConfigurationError: a port or a time that cannot be.
        """
        if not 0 <= self.port <= 65535:
            raise ConfigurationError(f"port: expected 0 to 65535, got {self.port}")
        if not 0.001 <= self.cycle_s <= 0.1:
            raise ConfigurationError(f"cycle_s: expected 0.004 or 0.012, got {self.cycle_s}")
        if not self.peer_silence_s > self.cycle_s:
            raise ConfigurationError(
                f"peer_silence_s: expected more than a cycle, got {self.peer_silence_s}"
            )


class RobotState(NamedTuple):
    """State of the robot from one telegram.

    Attributes:
        tcp_pose: measured TCP in the base (RIst).
        axes_deg: measured A1 to A6, or None where the context does not send them.
        ipoc: the telegram's number.
        delay: how many answers in a row the controller got late.
        cycle_s: time until the next telegram.
        stamp_monotonic_s: when it came, ``time.monotonic``.
        session: counts the starts of RSI.
    """

    tcp_pose: Pose
    axes_deg: Six | None
    ipoc: int
    delay: int
    cycle_s: float
    stamp_monotonic_s: float
    session: int

    @property
    def joint_positions_rad(self) -> Array | None:
        """(6,) measured A1 to A6; computed only on request, because the answer is urgent."""
        return None if self.axes_deg is None else np.radians(self.axes_deg)

    @property
    def began_monotonic_s(self) -> float:
        """Time at which the telegram came, the beginning of the cycle."""
        return self.stamp_monotonic_s


class Answered(NamedTuple):
    """Motion that was sent in answer to one telegram.

    Attributes:
        state: the robot when it asked.
        twist: the motion that was sent, base axes.
        correction: the six numbers of RKorr.
        refusal: why the travel limits refused a part, or None.
        error: why nothing was sent although motion may have been wanted, or None.
    """

    state: RobotState
    twist: Twist
    correction: Six
    refusal: str | None
    error: str | None


@dataclass(frozen=True)
class RsiStatistics:
    """Counters since the start.

    Attributes:
        answered: telegrams answered.
        malformed: dropped, no telegram.
        foreign: dropped, from another sender.
        foreign_from: the latest other sender, ``address:port``, or empty.
        duplicates: the same IPOC again; answered as before.
        out_of_order: an older IPOC; answered without motion.
        backlog: answered without motion because a newer telegram was already there.
        errors: cycles in which ``on_cycle`` failed or gave no finite twist.
        refused: cycles in which the travel limits refused motion.
        send_errors: answers that the network refused.
        lost: telegrams that never came.
        late_answers: as the controller reports them in Delay.
        sessions: starts of RSI.
        travel_mm: how far the corrections have led in this session.
        travel_deg: the same for the rotation.
        answer: arrival in the kernel to answer sent.
        last_error: the latest reason for a cycle without motion, or None.
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
