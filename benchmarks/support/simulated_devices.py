"""Simulated devices, each in a process of its own: a measuring controller, a sensor, an echo.

A device shares no interpreter with the measured nodes and asks for real-time scheduling and locked
memory, as the bridge does. A sensor does so only if its times matter: the kernel stops all
real-time threads of a processor for 50 ms once they have used 95 % of a second. The controller
also records its own late wake-ups.
"""

from __future__ import annotations

import contextlib
import socket
import time
from array import array
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from der_ros.drivers.kuka.krc4 import SimulatedKrc4
from der_ros.drivers.kuka.krc4_records import SimulatedKrc4Config
from der_ros.drivers.kuka.plant import KinematicPlant
from der_ros.drivers.kuka.rsi_telegrams import SensorTelegram, build_sensor_telegram
from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.simulated_box import SimulatedBoxConfig, SimulatedNetFt
from der_ros.geometry import Pose, Wrench
from support.device_process import become_realtime, device_process

CONTROLLER_PRIORITY, SENSOR_PRIORITY, ECHO_PRIORITY = 80, 70, 50
Floats = NDArray[np.float64]


class Cycles(NamedTuple):
    """Telegrams and answers on the wire, one entry a telegram.

    Attributes:
        sent_s: (n,) time at which each telegram was sent, ``time.monotonic``.
        answer_s: (n,) time until its answer arrived in the kernel, s; infinite without an answer.
        correction_mm: (n,) RKorr.X of the answer; nan without an answer.
        woke_late_s: (n,) lateness of the controller's own wake-up before the telegram.
    """

    sent_s: Floats
    answer_s: Floats
    correction_mm: Floats
    woke_late_s: Floats


class Tape:
    """``WireTap`` that records plain numbers, which take little time to pass on."""

    def __init__(self) -> None:
        self._sent, self._answered = array("d"), array("d")

    def sent(self, ipoc: int, at_s: float, late_s: float) -> None:
        """Record one telegram that was sent."""
        self._sent.extend((ipoc, at_s, late_s))

    def answered(self, answer: SensorTelegram, at_s: float) -> None:
        """Record one answer that arrived."""
        self._answered.extend((answer.ipoc, at_s, answer.correction[0]))

    def take(self) -> tuple[array[float], array[float]]:
        """Return the telegrams and the answers since the last call."""
        taken = self._sent, self._answered
        self._sent, self._answered = array("d"), array("d")
        return taken


class Controller(NamedTuple):
    """Settings of the controller; see ``SimulatedKrc4Config``.

    Attributes:
        pc_port: UDP port on which the bridge listens.
        cycle_s: 0.012 or 0.004.
        base_from_tcp: Start pose; None for the upright arm.
        flange_from_tcp: Pose of the tool.
        robot_address: Address of the controller.
    """

    pc_port: int
    cycle_s: float
    base_from_tcp: Pose | None = None
    flange_from_tcp: Pose | None = None
    robot_address: str = "127.0.0.1"


class MeasuringController:
    """Handle of the controller in its child process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._sent = self._answered = np.empty((0, 3))

    def take(self) -> Cycles:
        """Return the completed cycles since the last call; the newest two may be missing."""
        self._pipe.send("take")
        sent, answered = (np.frombuffer(self._pipe.recv_bytes()).reshape(-1, 3) for _ in range(2))
        sent = np.concatenate((self._sent, sent))
        answered = np.concatenate((self._answered, answered))
        self._sent, over = sent[-2:], sent[:-2]
        self._answered = answered[-2:]
        return _matched(over, answered)


def _matched(sent: Floats, answered: Floats) -> Cycles:
    """Return each telegram with the first answer that has its IPOC."""
    first = {ipoc: row for row, ipoc in reversed(list(enumerate(answered[:, 0].tolist())))}
    rows = [first.get(ipoc, -1) for ipoc in sent[:, 0].tolist()]
    padded = np.vstack((answered, (np.nan, np.inf, np.nan)))[rows]
    return Cycles(sent[:, 1], padded[:, 1] - sent[:, 1], padded[:, 2], sent[:, 2])


def _control(settings: Controller, pipe: Connection) -> None:
    tape = Tape()
    plant = KinematicPlant(
        flange_from_tcp=settings.flange_from_tcp, base_from_tcp=settings.base_from_tcp
    )
    config = SimulatedKrc4Config(
        pc_port=settings.pc_port,
        cycle_s=settings.cycle_s,
        robot_address=settings.robot_address,
        auto_restart_s=0.5,
        realtime_priority=CONTROLLER_PRIORITY,
    )
    with SimulatedKrc4(config, plant, tape):
        become_realtime("measuring controller", CONTROLLER_PRIORITY)
        pipe.send("ready")
        with contextlib.suppress(EOFError):
            while pipe.recv() == "take":
                for part in tape.take():
                    pipe.send_bytes(part.tobytes())


class Sensor(NamedTuple):
    """Settings of the sensor.

    Attributes:
        address: Address of the sensor.
        rdt_port: UDP port of RDT.
        http_port: TCP port of its web page.
        rate_hz: Rate of the records, Hz.
        wrench: Function that returns the wrench of each record.
        in_time: True to run the sensor with real-time scheduling, so that it sends each record in
            time; other real-time processes then have less time.
    """

    address: str
    rdt_port: int
    http_port: int
    rate_hz: int
    wrench: Callable[[], Wrench]
    in_time: bool = False


class NoisyForce:
    """Noise of a real sensor, without a force."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self._scale = np.array([0.5] * 3 + [0.05] * 3)

    def __call__(self) -> Wrench:
        """Return one reading of the sensor."""
        return Wrench.from_array(self._rng.standard_normal(6) * self._scale)


class ClockForce:
    """Force that encodes the time of its reading: a saw tooth of the monotonic clock.

    Args:
        axis: Direction (3,), sensor axes, unit length.
        period_s: Period of the saw tooth, s.
        rise_n: Amplitude, N; the force rises from -rise to +rise.
        offset_n: Offset, N, in the direction of the force, which is then never between -offset
            and +offset.
    """

    def __init__(self, axis: Floats, period_s: float, rise_n: float, offset_n: float = 0.0) -> None:
        self._axis = axis
        self._period_s = period_s
        self._rise_n, self._offset_n = rise_n, offset_n

    def __call__(self) -> Wrench:
        """Return one reading of the sensor."""
        phase = 2.0 * (time.monotonic() / self._period_s % 1.0) - 1.0
        size = self._rise_n * phase + (self._offset_n if phase > 0.0 else -self._offset_n)
        return Wrench(self._axis * size, np.zeros(3))

    def told_by(self, force: Floats) -> float:
        """Return the phase encoded in a reading (3,): -1 at the saw tooth's start, 1 at its end."""
        size = float(self._axis @ force)
        return (size - (self._offset_n if size > 0.0 else -self._offset_n)) / self._rise_n


def _sense(settings: Sensor, pipe: Connection) -> None:
    sensor = SensorConfiguration(product_name="NETB", rdt_rate_hz=settings.rate_hz)
    config = SimulatedBoxConfig(settings.address, settings.rdt_port, settings.http_port, sensor)
    with SimulatedNetFt(config, settings.wrench):
        if settings.in_time:
            become_realtime("simulated sensor", SENSOR_PRIORITY)
        pipe.send("ready")
        with contextlib.suppress(EOFError):
            pipe.recv()


@contextlib.contextmanager
def measuring_controller(settings: Controller) -> Iterator[MeasuringController]:
    """Run a controller in a child process for the block."""
    with device_process(_control, settings) as pipe:
        yield MeasuringController(pipe)


@contextlib.contextmanager
def sensor(settings: Sensor) -> Iterator[None]:
    """Run a simulated Net F/T box in a child process for the block."""
    with device_process(_sense, settings):
        yield


@contextlib.contextmanager
def echo() -> Iterator[int]:
    """Run a minimal responder that puts each IPOC into a constant text; yield its port.

    The process has the scheduling of the bridge's answering thread. Its latency is the least that
    this computer and the interpreter need for any answer.
    """
    with device_process(_echo, None) as pipe:
        yield pipe.recv()


def _echo(_settings: None, pipe: Connection) -> None:
    constant = build_sensor_telegram(SensorTelegram(0)).partition(b"<IPOC>")[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        become_realtime("echo", ECHO_PRIORITY)
        pipe.send("ready")
        pipe.send(udp.getsockname()[1])
        while True:
            telegram, address = udp.recvfrom(4096)
            ipoc = telegram[telegram.rfind(b"<IPOC>") : telegram.rfind(b"</Rob>")]
            udp.sendto(constant + ipoc + b"</Sen>", address)
