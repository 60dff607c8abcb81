"""Simulated Net F/T box: RDT over UDP, ``netftapi2.xml`` over HTTP, and fault injection."""

from __future__ import annotations

import logging
import math
import select
import socket
import time
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from der_ros.drivers.netft.box_filter import CUTOFFS_HZ, INTERNAL_RATE_HZ, SimulatedFilter
from der_ros.drivers.netft.configuration import PATH, SensorConfiguration
from der_ros.drivers.netft.faulty_link import BoxFaults, FaultyLink
from der_ros.drivers.netft.rdt import (
    RDT_PORT,
    Command,
    RdtRecord,
    Request,
    decode_request,
    encode_records,
)
from der_ros.errors import ConfigurationError, ConnectionFailedError, ProtocolError
from der_ros.geometry import Wrench
from der_ros.page_server import Document, PageServer
from der_ros.threads import Startable, Worker

logger = logging.getLogger(__name__)

_INT32 = 2**31 - 1
_FILTERS = [str(number) for number in range(len(CUTOFFS_HZ))]


@dataclass(frozen=True)
class SimulatedBoxConfig:
    """Configuration of the simulated box.

    Attributes:
        address: Address of the box.
        rdt_port: UDP port; 0 for any free one.
        http_port: TCP port; 0 for any free one.
        sensor: Scale, units, rate, buffer size and filter; rate and filter can be changed over
            HTTP, by ``comm.cgi`` and ``setting.cgi``.
        force_range_n: Force per axis at which the reading saturates, N; sets a status bit.
        torque_range_nm: Torque per axis at which the reading saturates, Nm; sets a status bit.
        uptime_s: Uptime of the box at the start, s.
    """

    address: str = "127.0.0.1"
    rdt_port: int = RDT_PORT
    http_port: int = 8080
    sensor: SensorConfiguration = field(
        default_factory=lambda: SensorConfiguration(product_name="Simulated Net F/T", user_filter=0)
    )

    force_range_n: float = math.inf
    torque_range_nm: float = math.inf
    uptime_s: float = 60.0

    def __post_init__(self) -> None:
        """Check record rate and filter number.

        Raises:
            ConfigurationError: The rate is not 1 to 7000 Hz, or the box has no such filter.
        """
        if not 1 <= self.sensor.rdt_rate_hz <= INTERNAL_RATE_HZ:
            raise ConfigurationError(
                f"rdt_rate_hz: expected 1 to {INTERNAL_RATE_HZ}, got {self.sensor.rdt_rate_hz}"
            )
        if not -1 <= self.sensor.user_filter < len(CUTOFFS_HZ):
            raise ConfigurationError(
                f"user_filter: expected -1 to {len(CUTOFFS_HZ) - 1}, got {self.sensor.user_filter}"
            )


class SimulatedNetFt(Startable):
    """Simulated box on real sockets; a context manager with its own threads.

    ``wrench_source`` is called in the box's thread for each record and returns N and Nm in sensor
    axes; with a low-pass filter it is called for each of the 7000 samples per second. Like a real
    box, it streams to one client only: the one that requested last.
    """

    def __init__(
        self,
        config: SimulatedBoxConfig,
        wrench_source: Callable[[], Wrench],
        rng: np.random.Generator | None = None,
    ) -> None:
        self._config = config
        self._source = wrench_source
        self._filter = SimulatedFilter(lambda: self._source())
        self.link = FaultyLink(rng or np.random.default_rng(0))
        self.sensor = config.sensor
        self._udp: socket.socket | None = None
        self._page = PageServer(
            "page of the simulated Net F/T box",
            config.address,
            config.http_port,
            self._document,
        )
        self._worker = Worker("netft-rdt", self._stream, finite=True)
        self._end = self._worker.stopping
        self._owner: tuple[str, int] | None = None
        self._sequence = self._remaining = 0
        self._samples = 0.0
        self._buffered = False
        self._buffer: list[RdtRecord] = []
        self._bias = np.zeros(6)
        self._latched = False
        self._started_s = 0.0

    def start(self) -> None:
        """Open both ports and start the threads.

        Raises:
            ConnectionFailedError: A port is in use, or the address is not this computer's.
        """
        self._started_s = time.monotonic() - self._config.uptime_s
        try:
            self._udp = self._open_udp()
            self._page.start()
        except OSError as error:
            if self._udp is not None:
                self._udp.close()
                self._udp = None
            raise ConnectionFailedError(
                f"simulated Net F/T box: expected to open UDP port {self._config.rdt_port} and TCP "
                f"port {self._config.http_port} at {self._config.address}, got "
                f"'{error.strerror or error}'; end the program that holds them or choose others"
            ) from error
        self._worker.start()

    def stop(self) -> None:
        """Stop the threads and close both ports."""
        self._page.stop()
        self._worker.stop()
        if self._udp is not None:
            self._udp.close()
        self._udp = self._owner = None

    @property
    def rdt_port(self) -> int:
        """Open UDP port, or the configured one if none is open."""
        return self._config.rdt_port if self._udp is None else int(self._udp.getsockname()[1])

    @property
    def http_port(self) -> int:
        """Open TCP port, or the configured one if none is open."""
        return self._page.port

    @property
    def failure(self) -> str:
        """Reason why a thread has ended unexpectedly; empty otherwise."""
        return self._worker.failure or self._page.failure

    @property
    def faults(self) -> BoxFaults:
        """Injected faults; set it to switch faults on and off."""
        return self.link.faults

    @faults.setter
    def faults(self, faults: BoxFaults) -> None:
        self.link.faults = faults

    @property
    def owner(self) -> tuple[str, int] | None:
        """Address that receives the stream; None if there is none."""
        return self._owner

    def latch(self) -> None:
        """Latch the monitor condition, as if a threshold were exceeded."""
        self._latched = True

    def restart(self) -> None:
        """Restart as after a power cut: no stream, no bias, no latch, sample counter at zero."""
        self._owner = None
        self._bias, self._latched = np.zeros(6), False
        self._started_s = time.monotonic()

    def _open_udp(self) -> socket.socket:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind((self._config.address, self._config.rdt_port))
        except OSError:
            udp.close()
            raise
        udp.setblocking(False)
        return udp

    def _document(self, path: str) -> Document | None:
        body = self._answer(path)
        return None if body is None else Document("text/xml", body)

    def _answer(self, path: str) -> bytes | None:
        """Apply the settings in ``path`` and return the document; None for an unknown path."""
        url = urllib.parse.urlsplit(path)
        if url.path == PATH:
            return self.sensor.to_xml()
        query = {key: values[0] for key, values in urllib.parse.parse_qs(url.query).items()}
        rate, filter_ = query.get("comrdtrate", ""), query.get("setuserfilter", "")
        if url.path == "/comm.cgi" and rate.isdecimal() and 1 <= int(rate) <= INTERNAL_RATE_HZ:
            self.sensor = replace(self.sensor, rdt_rate_hz=int(rate))
        elif url.path == "/setting.cgi" and filter_ in _FILTERS:
            self.sensor = replace(self.sensor, user_filter=int(filter_))
        else:
            return None
        return b"<html></html>"

    def _stream(self) -> None:
        udp = self._udp
        if udp is None:
            return
        due = time.monotonic()
        while not self._end.is_set():
            wait = 0.05 if self._owner is None else max(0.0, due - time.monotonic())
            if select.select([udp], [], [], wait)[0]:
                if self._obey(udp):
                    due = time.monotonic()
                continue
            if self._owner is None:
                continue
            self._sample(udp, self._owner)
            period = 1.0 / self.sensor.rdt_rate_hz
            # If late by more than this, the box skips records instead of sending a burst.
            due = max(due + period, time.monotonic() - 20.0 * period)

    def _obey(self, udp: socket.socket) -> bool:
        """Handle one request and return True if it started a stream."""
        try:
            data, sender = udp.recvfrom(2048)
            request = decode_request(data)
        except (OSError, ProtocolError) as error:
            logger.debug("simulated Net F/T box: %s", error)
            return False
        if request.command is Command.BIAS:
            self._bias = self._filter.reading(self.sensor.user_filter, 1)
        elif request.command is Command.RESET_LATCH:
            self._latched = False
        elif request.command is not Command.STOP:
            self._start(request, sender)
            return True
        elif sender == self._owner:
            self._owner = None
        return False

    def _start(self, request: Request, sender: tuple[str, int]) -> None:
        self._owner, self._sequence, self._remaining = sender, 0, request.sample_count
        self._buffered = request.command is Command.START_BUFFERED
        self._buffer = []
        now = float(math.floor((time.monotonic() - self._started_s) * INTERNAL_RATE_HZ))
        # A counter far ahead of the uptime dates from before a restart.
        ahead = self._samples > now + INTERNAL_RATE_HZ
        self._samples = now if ahead else max(float(math.ceil(self._samples)), now)
        self._filter.restart()
        self.link.clear()

    def _sample(self, udp: socket.socket, owner: tuple[str, int]) -> None:
        self._sequence = (self._sequence + 1) % (1 << 32)
        self._buffer.append(self._record())
        size = self.sensor.rdt_buffer_size if self._buffered else 1
        last = self._remaining and self._sequence >= self._remaining
        if len(self._buffer) >= size or last:
            self._send(udp, owner, encode_records(self._buffer))
            self._buffer = []
        if last:
            self._owner = None

    def _record(self) -> RdtRecord:
        before = math.floor(self._samples + 1e-6)
        # Internal counter, 7000 per second; one sample in 7000 / rate becomes a record.
        self._samples += INTERNAL_RATE_HZ / self.sensor.rdt_rate_hz
        now = math.floor(self._samples + 1e-6)
        reading = self._filter.reading(self.sensor.user_filter, now - before) - self._bias
        axes, saturated = self._counts(reading.tolist())
        return RdtRecord._make((self._sequence, now % (1 << 32), self._status(saturated), *axes))

    def _counts(self, reading: Sequence[float]) -> tuple[list[int], bool]:
        """Return the six counts of a reading, N and Nm, and True if one is saturated."""
        axes, saturated = [], False
        # Plain numbers, because numpy would take most of the box's time for so few.
        for value, (scale, limit) in zip(reading, self._axis_scales(), strict=True):
            count = value / scale
            saturated |= abs(count) > limit
            axes.append(int(_clipped(round(_clipped(count, limit)), limit)))
        return axes, saturated

    def _axis_scales(self) -> Sequence[tuple[float, float]]:
        """Return unit per count (N or Nm) and largest count of each axis."""
        sensor, config = self.sensor, self._config
        ranges = (
            (sensor.newtons_per_count, config.force_range_n),
            (sensor.newton_metres_per_count, config.torque_range_nm),
        )
        force, torque = ((scale, min(most / scale, _INT32)) for scale, most in ranges)
        return (force,) * 3 + (torque,) * 3

    def _status(self, saturated: bool) -> int:
        axia = "axia" in self.sensor.product_name.lower()
        status = self.faults.status
        if self._latched:
            status |= 0x0001_0000 if axia else 0x8001_0000
        if saturated:
            status |= 0xC000_0000 if axia else 0x8002_0000
        return status

    def _send(self, udp: socket.socket, owner: tuple[str, int], data: bytes) -> None:
        try:
            for packet in self.link.carry(data):
                udp.sendto(packet, owner)
        except OSError as error:
            logger.debug("simulated Net F/T box: sending failed: %s", error)


def _clipped(value: float, limit: float) -> float:
    """Return ``value`` within ``limit``; not-a-number stays so."""
    return max(min(value, limit), -limit)
