"""Client of a Net F/T box: a thread that keeps the newest record and reconnects."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from der_ros.drivers.netft.backoff import Backoff
from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.netft_records import (
    ClientState,
    NetFtConfig,
    NetFtStatistics,
    WrenchSample,
)
from der_ros.drivers.netft.rdt import Command, RdtRecord, Request, decode_status, encode_request
from der_ros.drivers.netft.setup import ConfigurationWatch, configure
from der_ros.drivers.netft.stream import RdtStream
from der_ros.drivers.repeated_errors import RepeatedErrors
from der_ros.errors import ConnectionFailedError, DerRosError, ProtocolError
from der_ros.threads import Startable, Worker

logger = logging.getLogger(__name__)

_POLL_S = 0.05
_RECEIVE_BYTES = 2048
_BUFFER_BYTES = 4 << 20
_SO_RCVBUFFORCE = 33  # of Linux; Python's socket does not name it
_MAX_PACKETS_PER_DRAIN = 2000
_RATE_WINDOW_S = 1.0
_FAULT_SHOWN_S = 10.0


class _Arrival(NamedTuple):
    """Number of records received in one drain of the socket."""

    stamp_s: float
    records: int
    lost: int


class NetFtClient(Startable):
    """Client of a Net F/T box; a context manager with its own thread.

    Entering does not fail if the box is unreachable: the thread keeps trying, and ``statistics``
    holds the reason. ``listener`` is called in that thread with the newest sample after each drain
    of the socket (or with every new sample, as configured); it should return within a fraction of
    the record period.
    """

    def __init__(
        self, config: NetFtConfig, listener: Callable[[WrenchSample], None] | None = None
    ) -> None:
        self._config = config
        self._listener = listener
        self._worker = Worker("netft", self._run, join_s=config.http_timeout_s + 2.0)
        self._end = self._worker.stopping
        self._socket: socket.socket | None = None
        self._scale = config.configuration or SensorConfiguration()
        self._stream = RdtStream(config.every_record)
        self._latest: WrenchSample | None = None
        self._state, self._reason, self._last_fault = ClientState.CLOSED, "", ""
        self._connections = self._stalls = 0
        self._arrivals: deque[_Arrival] = deque()
        self._watch: ConfigurationWatch | None = None
        self._streams_since_s = 0.0
        self._unheard = RepeatedErrors(logger, "Net F/T client: the listener failed")

    def start(self) -> None:
        """Start the thread that connects to the box."""
        self._state = ClientState.CONNECTING
        self._worker.start()

    def stop(self) -> None:
        """Stop the thread and the stream."""
        self._worker.stop()
        self._state, self._reason = ClientState.CLOSED, ""

    def latest(self) -> WrenchSample | None:
        """Return the newest sample of any age; None before the first."""
        return self._latest

    @property
    def configuration(self) -> SensorConfiguration:
        """Configuration of the box in use: scale, units and RDT settings."""
        return self._scale

    @property
    def user_filter(self) -> int:
        """Number of the box's low-pass filter as it was last read; -1 where it is not known."""
        watch = self._watch
        return self._scale.user_filter if watch is None else watch.user_filter

    @property
    def box_restarts(self) -> int:
        """Number of restarts of the box."""
        return self._stream.box_restarts

    def want_every_record(self, wanted: bool) -> None:
        """Pass every new record to the listener if True, else only the newest of each drain."""
        self._stream.every_record = wanted

    @property
    def failure(self) -> str:
        """Reason why the thread has ended unexpectedly; empty otherwise."""
        return self._worker.failure

    @property
    def distrust(self) -> str:
        """Reason why the readings cannot be trusted; empty if they can."""
        watch = self._watch
        return "" if watch is None else watch.overdue()

    @property
    def statistics(self) -> NetFtStatistics:
        """Current statistics of the client."""
        now = time.monotonic()
        latest, stream = self._latest, self._stream
        recent = [a for a in list(self._arrivals) if now - a.stamp_s <= _RATE_WINDOW_S]
        records = sum([arrival.records for arrival in recent])
        lost = max(0, sum([arrival.lost for arrival in recent]))
        order = stream.sequence
        return NetFtStatistics(
            state=self._state,
            reason=self._reason,
            records=stream.records,
            lost=order.lost,
            duplicates=order.duplicates,
            reordered=order.reordered,
            restarts=order.restarts,
            box_restarts=stream.box_restarts,
            malformed=stream.malformed,
            status_errors=stream.status_errors,
            connections=self._connections,
            stalls=self._stalls,
            last_fault=self._last_fault,
            rate_hz=records / _RATE_WINDOW_S,
            loss=lost / (records + lost) if lost else 0.0,
            age_s=float("inf") if latest is None else now - latest.stamp_monotonic_s,
            distrust=self.distrust,
        )

    def bias(self) -> None:
        """Command the box to take its current reading as zero (it does not acknowledge).

        Raises:
            ConnectionFailedError: There is no stream.
        """
        self._command(Command.BIAS)

    def reset_latch(self) -> None:
        """Command the box to clear its latched monitor condition.

        Raises:
            ConnectionFailedError: There is no stream.
        """
        self._command(Command.RESET_LATCH)

    def _command(self, command: Command) -> None:
        udp = self._socket
        if udp is None:
            raise ConnectionFailedError(
                f"{self._where()}: expected a stream, got none "
                f"({self._reason or self._state.value}); wait for netft_ready"
            )
        try:
            udp.send(encode_request(Request(command)))
        except OSError as error:
            raise ConnectionFailedError(f"Net F/T box: {command.name} not sent: {error}") from error

    def _where(self) -> str:
        return f"Net F/T box {self._config.sensor_ip}:{self._config.rdt_port}"

    def _run(self) -> None:
        backoff = Backoff(self._config.backoff_s, self._config.max_backoff_s)
        while not self._end.is_set():
            before = self._stream.records
            try:
                with (
                    self._connected() as udp,
                    ConfigurationWatch(self._config, self._scale) as watch,
                ):
                    self._watch = watch
                    self._read(udp, watch)
            except (DerRosError, OSError) as error:
                self._fail(error)
            except Exception as error:
                logger.exception("Net F/T client: unexpected error; trying again")
                self._fail(error)
            if self._stream.records > before:
                backoff.reset()
            self._end.wait(backoff.pause_s())

    def _fail(self, error: Exception) -> None:
        if self._end.is_set():
            return
        fault = not isinstance(error, ConnectionFailedError | OSError)
        self._state = ClientState.FAULT if fault else ClientState.CONNECTING
        names_the_box = isinstance(error, DerRosError) and not isinstance(error, ProtocolError)
        self._reason = str(error) if names_the_box else f"{self._where()}: {error}"
        self._last_fault = self._reason
        logger.warning("%s; trying again", self._reason)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        """Read the box's scale, then request a stream.

        A connected UDP socket receives only from that address and port, and reports "connection
        refused" as an error.
        """
        self._scale = configure(self._config)
        config = self._config
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.connect((config.sensor_ip, config.rdt_port))
            _enlarge_buffer(udp)
            udp.setblocking(False)
            self._stream.begin(self._scale.product_name)
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

    def _read(self, udp: socket.socket, watch: ConfigurationWatch) -> None:
        """Read until stopped; raise on long silence, malformed packets or a changed scale."""
        last, heard = time.monotonic(), self._stream.records
        poll = select.poll()
        poll.register(udp, select.POLLIN)
        wait_ms = 1000.0 * min(_POLL_S, self._config.stale_after_s)
        while not self._end.is_set():
            if poll.poll(wait_ms) and self._drain(udp):
                last, heard = time.monotonic(), self._stream.records
                watch.raise_if_changed()
                time.sleep(self._config.rest_s)
                continue
            silent = time.monotonic() - last
            if silent > self._config.give_up_after_s:
                raise ConnectionFailedError(
                    f"{self._where()}: no new record for {silent:.1f} s"
                    f"{self._repeats(heard)}; check power and cable, whether another computer "
                    "reads the stream, and whether the box answers from another address"
                )
            if silent > self._config.stale_after_s and self._state is not ClientState.STALE:
                self._stall(silent)

    def _repeats(self, heard: int) -> str:
        """Return a text with the number of repeated records since ``heard``; empty if none."""
        old = self._stream.records - heard
        return f", only {old} that repeat an earlier rdt_sequence" if old else ""

    def _stall(self, silent: float) -> None:
        if self._state is ClientState.STREAMING:
            self._stalls += 1
        self._state = ClientState.STALE
        self._reason = self._last_fault = f"{self._where()}: no record for {silent:.2f} s"

    def _drain(self, udp: socket.socket) -> bool:
        """Read all waiting packets; return True if there was any."""
        stream = self._stream
        before, lost_before = stream.records, stream.sequence.lost
        # Bounded: a flood must not delay the use of earlier records.
        for _ in range(_MAX_PACKETS_PER_DRAIN):
            try:
                packet = udp.recv(_RECEIVE_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            stream.feed(packet)
        fresh = stream.fresh()
        if not fresh:
            return False
        now = time.monotonic()
        self._arrived(_Arrival(now, stream.records - before, stream.sequence.lost - lost_before))
        for record in fresh:
            self._take(record, now)
        return True

    def _arrived(self, arrival: _Arrival) -> None:
        arrivals = self._arrivals
        arrivals.append(arrival)
        while arrival.stamp_s - arrivals[0].stamp_s > _RATE_WINDOW_S:
            arrivals.popleft()

    def _take(self, record: RdtRecord, now: float) -> None:
        status = decode_status(record.status, self._scale.product_name)
        wrench = self._scale.wrench(record)
        sample = WrenchSample(wrench, now, record.rdt_sequence, status, record)
        self._latest = sample
        if self._state is not ClientState.STREAMING:
            self._streams_since_s = now
        elif now - self._streams_since_s > _FAULT_SHOWN_S:
            self._last_fault = ""
        self._state, self._reason = ClientState.STREAMING, ""
        if self._listener is not None:
            try:
                self._listener(sample)
            except Exception as error:
                self._unheard.note(error)


def _enlarge_buffer(udp: socket.socket) -> None:
    """Enlarge the socket's receive buffer, in case a busy computer delays this thread.

    Only a privileged process may exceed ``net.core.rmem_max``, which often holds only 50 ms of
    records at 7000 Hz.
    """
    try:
        udp.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    except OSError:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
