"""Configuration, samples and statistics of the Net F/T client."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.rdt import RDT_PORT, RdtRecord, StatusReport
from der_ros.errors import ConfigurationError
from der_ros.geometry import Wrench
from der_ros.settings import check_ranges, setting


class ClientState(Enum):
    """State of the connection to the box."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    STREAMING = "streaming"
    STALE = "stale"  # the stream is silent
    FAULT = "fault"  # the box sends no valid records, or has wrong settings


@dataclass(frozen=True)
class NetFtConfig:
    """Configuration of the client: addresses, settings of the box and timeouts.

    Attributes:
        every_record: If True, call the listener for every new record (as a filter needs), not only
            for the newest of each drain.
        rest_s: Pause after each drain of the socket, s, so that one wake-up handles several
            records. It delays a record by at most this, and only if records are closer together.
        configuration: Scale and units to use without asking the box; None reads them from it.
        stale_after_s: Silence after which the stream is stale, s.
        give_up_after_s: Silence after which the client reconnects, s.
        backoff_s: Shortest pause before reconnecting, s; doubles up to ``max_backoff_s``.
        max_backoff_s: Longest pause before reconnecting, s.
    """

    sensor_ip: str = setting("192.168.1.1", "Address of the box; packets from others are dropped")
    rdt_port: int = setting(RDT_PORT, "UDP port of the box (RDT)", minimum=1, maximum=65535)
    http_port: int = setting(
        80, "TCP port of the box's page, for netftapi2.xml", minimum=1, maximum=65535
    )
    rate_hz: int = setting(
        0, "RDT rate to request; 0 keeps the box's own", "Hz", 0, 7000, name="rdt_rate_hz"
    )
    user_filter: int = setting(
        -1,
        "Number of the low-pass filter to set in the box, see its manual; -1 keeps the box's "
        "setting",
        minimum=-1,
        maximum=12,
        name="box_filter",
    )
    buffered: bool = setting(
        False, "Request several records in each packet: fewer packets, but older records"
    )
    every_record: bool = False
    rest_s: float = 0.0005
    configuration: SensorConfiguration | None = None
    stale_after_s: float = 0.1
    give_up_after_s: float = 1.0
    backoff_s: float = 0.25
    max_backoff_s: float = 5.0
    http_timeout_s: float = setting(
        2.0, "Timeout of one whole answer of the box's page", "s", 0.05, 60.0
    )
    recheck_s: float = setting(
        5.0, "Period of checks of the box's units while it streams; 0: none", "s", 0.0, 3600.0
    )
    recheck_periods: int = setting(
        3,
        "Number of periods recheck_s without a successful check after which the sensor is not "
        "ready; 0: it stays ready",
        minimum=0,
        maximum=10_000,
    )

    def __post_init__(self) -> None:
        """Check ports, rates and times.

        Raises:
            ConfigurationError: A value is out of its range.
        """
        check_ranges(self)
        if not 0.0 <= self.rest_s < math.inf:
            raise ConfigurationError(
                f"rest_s: expected a finite time of at least 0, got {self.rest_s}"
            )
        if not 0.0 < self.stale_after_s <= self.give_up_after_s:
            raise ConfigurationError(
                "stale_after_s, give_up_after_s: expected 0 < stale <= give up, got "
                f"{self.stale_after_s} and {self.give_up_after_s}"
            )
        if not 0.0 < self.backoff_s <= self.max_backoff_s:
            raise ConfigurationError(
                "backoff_s, max_backoff_s: expected 0 < shortest <= longest, got "
                f"{self.backoff_s} and {self.max_backoff_s}"
            )


class WrenchSample(NamedTuple):
    """Reading of the sensor with time and status.

    Attributes:
        wrench: Wrench as sent by the box, N and Nm, sensor axes, about the sensor's origin.
        stamp_monotonic_s: Time of reception, s, ``time.monotonic``.
        sequence: Sequence number ``rdt_sequence``.
        status: Decoded status word.
        record: Record in counts.
    """

    wrench: Wrench
    stamp_monotonic_s: float
    sequence: int
    status: StatusReport
    record: RdtRecord


class NetFtStatistics(NamedTuple):
    """State and counters of the client since the start.

    Attributes:
        state: State of the connection to the box.
        reason: Reason for not streaming; empty while streaming.
        records: Received records, including repeated and reordered ones.
        lost: Records that never arrived.
        duplicates: Records that arrived again.
        reordered: Records that arrived after a later one.
        restarts: Streams that restarted without a request.
        box_restarts: Restarts of the box, detected by its sample counter; they clear a bias in the
            box.
        malformed: Packets that are not records.
        status_errors: Records whose status word is an error.
        connections: Requests for a stream.
        stalls: Number of times that the stream became silent.
        last_fault: Latest reason for not streaming; empty after 10 s of streaming.
        rate_hz: Record rate over the last second, Hz.
        loss: Fraction of records lost over the last second, 0 to 1.
        age_s: Age of the newest record, s; infinite before the first.
        distrust: Reason why readings cannot be trusted, such as a scale that was not confirmed for
            too long; empty if they can.
    """

    state: ClientState
    reason: str
    records: int
    lost: int
    duplicates: int
    reordered: int
    restarts: int
    box_restarts: int
    malformed: int
    status_errors: int
    connections: int
    stalls: int
    last_fault: str
    rate_hz: float
    loss: float
    age_s: float
    distrust: str = ""
