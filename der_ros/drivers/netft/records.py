"""What goes into and comes out of the Net F/T client."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.rdt import RDT_PORT
from der_ros.drivers.netft.status import StatusReport
from der_ros.errors import ConfigurationError
from der_ros.geometry import Wrench


class ClientState(Enum):
    """How the client stands with the box."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    STREAMING = "streaming"
    STALE = "stale"  # the stream is silent
    FAULT = "fault"  # the box sends what is no record, or is set up wrongly


@dataclass(frozen=True)
class NetFtConfig:
    """Where the box is and how to read it.

    Attributes:
        sensor_ip: the box's address, the only one that is listened to.
        rdt_port: its UDP port.
        http_port: its port for ``netftapi2.xml``.
        rate_hz: asked for and read back; 0 leaves the box's own.
        user_filter: number of the box's own low-pass filter (0 to 12, see its manual), asked for
            and read back; -1 leaves what is set.
        buffered: several records a packet: fewer packets, older records.
        every_record: the listener is called for each new record in its turn (what a filter needs),
            not only for the newest of each drain.
        rest_s: after each drain, so that one wake-up takes all records of that time. It delays a
            record by this much at most, and only where records come closer than that.
        configuration: scale and units, when the box is not to be asked; None asks.
        stale_after_s: a stream that is silent for this long is stale.
        give_up_after_s: and after this the connection is made anew.
        backoff_s: shortest pause before connecting again; doubles to ``max_backoff_s``.
        max_backoff_s: longest pause.
        http_timeout_s: for one whole request over HTTP, from connecting to the last byte.
        recheck_s: between looks at the box's configuration while it streams, since a record does
            not say its unit; 0 never looks.
        recheck_periods: after so many of these times without a look that succeeds, the scale is not
            trusted; 0: it always is.
    """

    sensor_ip: str = "192.168.1.1"
    rdt_port: int = RDT_PORT
    http_port: int = 80
    rate_hz: int = 0
    user_filter: int = -1
    buffered: bool = False
    every_record: bool = False
    rest_s: float = 0.0005
    configuration: SensorConfiguration | None = None
    stale_after_s: float = 0.1
    give_up_after_s: float = 1.0
    backoff_s: float = 0.25
    max_backoff_s: float = 5.0
    http_timeout_s: float = 2.0
    recheck_s: float = 5.0
    recheck_periods: int = 3

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ConfigurationError: a port, rate or time that cannot be.
        """
        for name in ("rdt_port", "http_port"):
            if not 1 <= getattr(self, name) <= 65535:
                raise ConfigurationError(f"{name}: expected 1 to 65535, got {getattr(self, name)}")
        if not 0 <= self.rate_hz <= 7000:
            raise ConfigurationError(f"rate_hz: expected 0 to 7000, got {self.rate_hz}")
        if not -1 <= self.user_filter <= 12:
            raise ConfigurationError(f"user_filter: expected -1 to 12, got {self.user_filter}")
        for name in ("rest_s", "recheck_s"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ConfigurationError(
                    f"{name}: expected a finite time of at least 0, got {getattr(self, name)}"
                )
        if not 0.0 < self.http_timeout_s < math.inf or self.recheck_periods < 0:
            raise ConfigurationError(
                "http_timeout_s, recheck_periods: expected a time above 0 and a number of at least "
                f"0, got {self.http_timeout_s} and {self.recheck_periods}"
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
    """One reading.

    Attributes:
        wrench: N and Nm, sensor axes, about the sensor's origin, as the box sends it.
        stamp_monotonic_s: when it was received, ``time.monotonic``.
        sequence: ``rdt_sequence``.
        status: decoded status word.
    """

    wrench: Wrench
    stamp_monotonic_s: float
    sequence: int
    status: StatusReport


class NetFtStatistics(NamedTuple):
    """Counters since the start.

    Attributes:
        state: how the client stands with the box.
        reason: why it is not streaming, or an empty text.
        records: taken, of all orders.
        lost: records that never came.
        duplicates: records that came again.
        reordered: records that came after a later one.
        restarts: streams that began anew without being asked to.
        box_restarts: times that the box was off in between, by its own sample counter: what it
            was told (a bias) is lost.
        malformed: packets that are no records.
        status_errors: records whose status word is an error.
        connections: times that a stream was asked for.
        stalls: times that the stream fell silent.
        last_fault: the latest reason for not streaming; empty once it is over for 10 s.
        rate_hz: records a second, over the last second.
        loss: part of the records that was lost, over the last second; 0 to 1.
        age_s: since the newest record; infinite before the first.
        distrust: why readings that come cannot be trusted: the scale was not confirmed for long;
            empty while they can.
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
