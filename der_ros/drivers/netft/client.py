"""A client of a Net F/T box: a thread that keeps the newest record and tries to come back."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType

from der_ros.drivers.netft.configuration import (
    SensorConfiguration,
    fetch_configuration,
    request_rate,
)
from der_ros.drivers.netft.rdt import (
    Command,
    RdtRecord,
    Request,
    decode_records,
    encode_request,
)
from der_ros.drivers.netft.records import ClientState, NetFtConfig, NetFtStatistics, WrenchSample
from der_ros.drivers.netft.sequence import Order, SequenceTracker
from der_ros.drivers.netft.status import decode_status
from der_ros.errors import ConfigurationError, ConnectionFailedError, DerRosError, ProtocolError

logger = logging.getLogger(__name__)

_POLL_S = 0.05
_MAX_MALFORMED = 10
_RECEIVE_BYTES = 2048
_RATE_WINDOW_S = 1.0


class NetFtClient:
    """Reads a Net F/T box; a context manager with a thread of its own.

    Entering never fails for a box that is not there: the thread keeps trying, and ``statistics``
    says why. ``listener`` is called in that thread with the newest sample after each drain of the
    socket; it should return within a fraction of the record period.
    """

    def __init__(
        self, config: NetFtConfig, listener: Callable[[WrenchSample], None] | None = None
    ) -> None:
        self._config = config
        self._listener = listener
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None
        self._scale = config.configuration or SensorConfiguration()
        self._sequence = SequenceTracker()
        self._latest: WrenchSample | None = None
        self._state, self._reason = ClientState.CLOSED, ""
        self._records = self._malformed = self._malformed_row = 0
        self._connections = self._stalls = 0
        self._arrivals: deque[tuple[float, int]] = deque()

    def __enter__(self) -> NetFtClient:
        """Starts trying."""
        self._end.clear()
        self._state = ClientState.CONNECTING
        self._thread = threading.Thread(target=self._run, name="netft", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stops the stream."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(timeout=self._config.http_timeout_s + 2.0)
        self._thread = None
        self._state, self._reason = ClientState.CLOSED, ""

    def latest(self) -> WrenchSample | None:
        """The newest sample, however old; None before the first."""
        return self._latest

    @property
    def configuration(self) -> SensorConfiguration:
        """Scale and units in use."""
        return self._scale

    @property
    def statistics(self) -> NetFtStatistics:
        """The counters now."""
        now = time.monotonic()
        latest, arrivals = self._latest, list(self._arrivals)
        recent = sum([count for stamp, count in arrivals if now - stamp <= _RATE_WINDOW_S])
        return NetFtStatistics(
            self._state, self._reason, self._records, self._sequence.lost,
            self._sequence.duplicates, self._sequence.reordered, self._sequence.restarts,
            self._malformed, self._connections, self._stalls, recent / _RATE_WINDOW_S,
            float("inf") if latest is None else now - latest.stamp_monotonic_s,
        )  # fmt: skip

    def bias(self) -> None:
        """Tells the box to take its present reading as zero (it does not answer).

        Raises:
            ConnectionFailedError: there is no stream to bias.
        """
        self._command(Command.BIAS)

    def reset_latch(self) -> None:
        """Tells the box to clear its latched monitor condition.

        Raises:
            ConnectionFailedError: there is no stream.
        """
        self._command(Command.RESET_LATCH)

    def _command(self, command: Command) -> None:
        udp = self._socket
        if udp is None:
            raise ConnectionFailedError(
                f"Net F/T box {self._config.sensor_ip}: expected a stream, got none "
                f"({self._reason or self._state.value}); wait for netft_ready"
            )
        try:
            udp.send(encode_request(Request(command)))
        except OSError as error:
            raise ConnectionFailedError(f"Net F/T box: {command.name} not sent: {error}") from error

    def _run(self) -> None:
        pause = self._config.backoff_s
        while not self._end.is_set():
            before = self._records
            try:
                with self._stream() as udp:
                    self._read(udp)
            except (DerRosError, OSError) as error:
                self._fail(error, pause)
            except Exception:
                logger.exception("Net F/T client: unexpected; trying again")
            if self._records > before:
                pause = self._config.backoff_s
            self._end.wait(pause)
            pause = min(2.0 * pause, self._config.max_backoff_s)

    def _fail(self, error: Exception, pause: float) -> None:
        if self._end.is_set():
            return
        fault = isinstance(error, ProtocolError | ConfigurationError)
        self._state = ClientState.FAULT if fault else ClientState.CONNECTING
        where = f"Net F/T box {self._config.sensor_ip}:{self._config.rdt_port}"
        self._reason = str(error) if isinstance(error, DerRosError) else f"{where}: {error}"
        logger.warning("%s; trying again in %.2g s", self._reason, pause)

    @contextlib.contextmanager
    def _stream(self) -> Iterator[socket.socket]:
        """Asks the box for its scale and then for a stream.

        A connected UDP socket takes packets from that address and port only, and reports a
        "connection refused" as an error of its own.
        """
        self._scale = self._configure()
        config = self._config
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.connect((config.sensor_ip, config.rdt_port))
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            udp.setblocking(False)
            self._sequence.expect_restart()
            self._malformed_row = 0
            start = Command.START_BUFFERED if config.buffered else Command.START_REALTIME
            udp.send(encode_request(Request(start)))
            self._connections += 1
            self._socket = udp
            try:
                yield udp
            finally:
                self._socket = None
                with contextlib.suppress(OSError):
                    udp.send(encode_request(Request(Command.STOP)))

    def _configure(self) -> SensorConfiguration:
        config = self._config
        if config.configuration is not None:
            return config.configuration
        there = (config.sensor_ip, config.http_port)
        found = fetch_configuration(*there, config.http_timeout_s)
        if config.rate_hz and found.rdt_rate_hz != config.rate_hz:
            request_rate(*there, config.rate_hz, config.http_timeout_s)
            found = fetch_configuration(*there, config.http_timeout_s)
            if found.rdt_rate_hz != config.rate_hz:
                logger.warning(
                    "Net F/T box: asked for %d Hz, it sends %d Hz (it rounds to a divisor of 7000)",
                    config.rate_hz, found.rdt_rate_hz,
                )  # fmt: skip
        if not found.rdt_enabled:
            raise ConfigurationError(
                "Net F/T box: expected RDT to be enabled, got disabled (comrdte); enable it on the "
                "box's Communications page"
            )
        return found

    def _read(self, udp: socket.socket) -> None:
        """Reads until the end, silence for too long, or too much that is malformed."""
        last = time.monotonic()
        while not self._end.is_set():
            readable = select.select([udp], [], [], min(_POLL_S, self._config.stale_after_s))[0]
            if readable and self._drain(udp):
                last = time.monotonic()
                continue
            silent = time.monotonic() - last
            if silent > self._config.give_up_after_s:
                raise ConnectionFailedError(
                    f"Net F/T box {self._config.sensor_ip}:{self._config.rdt_port}: no record for "
                    f"{silent:.1f} s; check power and cable, and whether another took the stream"
                )
            if silent > self._config.stale_after_s and self._state is not ClientState.STALE:
                self._stall(silent)

    def _stall(self, silent: float) -> None:
        if self._state is ClientState.STREAMING:
            self._stalls += 1
        self._state = ClientState.STALE
        self._reason = f"no record for {silent:.2f} s"

    def _drain(self, udp: socket.socket) -> bool:
        """Takes everything that is there and keeps the newest; whether there was a record."""
        newest: RdtRecord | None = None
        count = 0
        while True:
            try:
                data = udp.recv(_RECEIVE_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            for record in self._decode(data):
                count += 1
                order = self._sequence.arrived(record.rdt_sequence)
                if order in (Order.NEXT, Order.RESTART):
                    newest = record
        if newest is not None:
            self._take(newest, count)
        return newest is not None

    def _decode(self, data: bytes) -> list[RdtRecord]:
        try:
            records = decode_records(data)
        except ProtocolError as error:
            self._malformed += 1
            self._malformed_row += 1
            if self._malformed_row >= _MAX_MALFORMED:
                raise ProtocolError(
                    f"Net F/T box {self._config.sensor_ip}: {_MAX_MALFORMED} malformed packets in "
                    f"a row, the last: {error}; is this port a Net F/T box's?"
                ) from error
            return []
        self._malformed_row = 0
        return records

    def _take(self, record: RdtRecord, count: int) -> None:
        now = time.monotonic()
        status = decode_status(record.status, self._scale.product_name)
        sample = WrenchSample(self._scale.wrench(record), now, record.rdt_sequence, status)
        self._latest = sample
        self._records += count
        self._state, self._reason = ClientState.STREAMING, ""
        self._arrivals.append((now, count))
        while now - self._arrivals[0][0] > _RATE_WINDOW_S:
            self._arrivals.popleft()
        if self._listener is not None:
            try:
                self._listener(sample)
            except Exception:
                logger.exception("Net F/T client: the listener failed")
