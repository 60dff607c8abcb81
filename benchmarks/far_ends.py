"""The far ends of the wires, each in a process of its own: a controller that measures, a sensor.

They are devices of their own in a cell. So they have no interpreter in common with what is
measured, ask for real-time scheduling and locked memory like the bridge does (the kernel stops all
real-time threads of a processor for 50 ms once they have used 95 % of a second: so a sensor whose
times nobody reads does not), and the controller notes how late it woke up itself.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import time
from array import array
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from der_ros.drivers.kuka.krc4 import KinematicPlant, SimulatedKrc4, SimulatedKrc4Config
from der_ros.drivers.kuka.rsi import SensorTelegram, build_sensor_telegram
from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.simulated_box import SimulatedBoxConfig, SimulatedNetFt
from der_ros.drivers.realtime import (
    RestingCollector,
    ask_for_memory,
    ask_for_scheduling_of_all,
    hurry_switching,
    tell_refusals,
)
from der_ros.geometry import Pose, Wrench

WATCH_PRIORITY, CONTROLLER_PRIORITY, SENSOR_PRIORITY, ECHO_PRIORITY = 90, 80, 70, 50
WATCH_PERIOD_S, STALL_S = 1e-3, 0.5e-3
Floats = NDArray[np.float64]


class Cycles(NamedTuple):
    """What went over the wire, one entry a telegram.

    Attributes:
        sent_s: (n,) when each telegram left, ``time.monotonic``.
        answer_s: (n,) from then to its answer's arrival in the kernel; infinite without one.
        correction_mm: (n,) RKorr.X of the answer; nan without one.
        woke_late_s: (n,) how late the controller itself woke up for it.
    """

    sent_s: Floats
    answer_s: Floats
    correction_mm: Floats
    woke_late_s: Floats


class Tape:
    """A ``WireTap`` that keeps plain numbers, so that handing them over takes no time."""

    def __init__(self) -> None:
        self._sent, self._answered = array("d"), array("d")

    def sent(self, ipoc: int, at_s: float, late_s: float) -> None:
        """Notes one telegram."""
        self._sent.extend((ipoc, at_s, late_s))

    def answered(self, answer: SensorTelegram, at_s: float) -> None:
        """Notes one answer."""
        self._answered.extend((answer.ipoc, at_s, answer.correction[0]))

    def take(self) -> tuple[array[float], array[float]]:
        """What came since the last call."""
        taken = self._sent, self._answered
        self._sent, self._answered = array("d"), array("d")
        return taken


class Controller(NamedTuple):
    """How the controller is set up; see ``SimulatedKrc4Config``.

    Attributes:
        pc_port: where the bridge listens.
        cycle_s: 0.012 or 0.004.
        base_from_tcp: where the robot stands; None: upright.
        flange_from_tcp: what it holds.
        robot_address: its own address.
    """

    pc_port: int
    cycle_s: float
    base_from_tcp: Pose | None = None
    flange_from_tcp: Pose | None = None
    robot_address: str = "127.0.0.1"


class MeasuringController:
    """The handle of a controller in another process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._sent = self._answered = np.empty((0, 3))

    def take(self) -> Cycles:
        """The cycles since the last call that are over; the last two of them may be missing."""
        self._pipe.send("take")
        sent, answered = (np.frombuffer(self._pipe.recv_bytes()).reshape(-1, 3) for _ in range(2))
        sent = np.concatenate((self._sent, sent))
        answered = np.concatenate((self._answered, answered))
        self._sent, over = sent[-2:], sent[:-2]
        self._answered = answered[-2:]
        return _matched(over, answered)


def _matched(sent: Floats, answered: Floats) -> Cycles:
    """Each telegram with the first answer that has its IPOC."""
    first = {ipoc: row for row, ipoc in reversed(list(enumerate(answered[:, 0].tolist())))}
    rows = [first.get(ipoc, -1) for ipoc in sent[:, 0].tolist()]
    padded = np.vstack((answered, (np.nan, np.inf, np.nan)))[rows]
    return Cycles(sent[:, 1], padded[:, 1] - sent[:, 1], padded[:, 2], sent[:, 2])


def _be_a_device(who: str, priority: int) -> None:
    """Ready to be on time; says what is refused."""
    RestingCollector().settle()
    grants = {
        "scheduling": ask_for_scheduling_of_all(priority),
        "memory": ask_for_memory(),
        "switching": hurry_switching(),
    }
    tell_refusals(who, grants)


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
        _be_a_device("measuring controller", CONTROLLER_PRIORITY)
        pipe.send("ready")
        with contextlib.suppress(EOFError):
            while pipe.recv() == "take":
                for part in tape.take():
                    pipe.send_bytes(part.tobytes())


class Sensor(NamedTuple):
    """How the sensor is set up.

    Attributes:
        address: its own.
        rdt_port: UDP.
        http_port: TCP.
        rate_hz: records a second.
        wrench: called for each record.
        in_time: each record is wanted in its time; costs real-time scheduling that others need.
    """

    address: str
    rdt_port: int
    http_port: int
    rate_hz: int
    wrench: Callable[[], Wrench]
    in_time: bool = False


class NoisyForce:
    """A steady push with the noise of a real sensor."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self._scale = np.array([0.5] * 3 + [0.05] * 3)

    def __call__(self) -> Wrench:
        """One reading."""
        return Wrench.from_array(self._rng.standard_normal(6) * self._scale)


class ClockForce:
    """A force that tells the time at which it was felt: a saw tooth of the monotonic clock.

    Args:
        axis: (3,) along which, sensor axes, unit length.
        period_s: of the saw tooth.
        rise_n: it goes from -rise to +rise.
        offset_n: added in the direction of the force, so that it is never between -offset and
            +offset.
    """

    def __init__(self, axis: Floats, period_s: float, rise_n: float, offset_n: float = 0.0) -> None:
        self._axis = axis
        self._period_s = period_s
        self._rise_n, self._offset_n = rise_n, offset_n

    def __call__(self) -> Wrench:
        """One reading."""
        phase = 2.0 * (time.monotonic() / self._period_s % 1.0) - 1.0
        size = self._rise_n * phase + (self._offset_n if phase > 0.0 else -self._offset_n)
        return Wrench(self._axis * size, np.zeros(3))

    def told_by(self, force: Floats) -> float:
        """What a reading (3,) tells: -1 at the begin of the saw tooth to 1 at its end."""
        size = float(self._axis @ force)
        return (size - (self._offset_n if size > 0.0 else -self._offset_n)) / self._rise_n


def _sense(settings: Sensor, pipe: Connection) -> None:
    sensor = SensorConfiguration(product_name="NETB", rdt_rate_hz=settings.rate_hz)
    config = SimulatedBoxConfig(settings.address, settings.rdt_port, settings.http_port, sensor)
    with SimulatedNetFt(config, settings.wrench):
        if settings.in_time:
            _be_a_device("simulated sensor", SENSOR_PRIORITY)
        pipe.send("ready")
        with contextlib.suppress(EOFError):
            pipe.recv()


@contextlib.contextmanager
def measuring_controller(settings: Controller) -> Iterator[MeasuringController]:
    """A controller that runs while inside."""
    with _process(_control, settings) as pipe:
        yield MeasuringController(pipe)


@contextlib.contextmanager
def sensor(settings: Sensor) -> Iterator[None]:
    """A Net F/T box that runs while inside."""
    with _process(_sense, settings):
        yield


@contextlib.contextmanager
def echo() -> Iterator[int]:
    """The least that answers telegrams: each IPOC in a constant text; yields its port.

    A process of its own with the scheduling of the bridge's answering thread: what computer and
    interpreter take at least, whatever the answer is.
    """
    with _process(_echo, None) as pipe:
        yield pipe.recv()


def _echo(_settings: None, pipe: Connection) -> None:
    constant = build_sensor_telegram(SensorTelegram(0)).partition(b"<IPOC>")[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        _be_a_device("echo", ECHO_PRIORITY)
        pipe.send("ready")
        pipe.send(udp.getsockname()[1])
        while True:
            telegram, address = udp.recvfrom(4096)
            ipoc = telegram[telegram.rfind(b"<IPOC>") : telegram.rfind(b"</Rob>")]
            udp.sendto(constant + ipoc + b"</Sen>", address)


class Stalls:
    """Finds the times in which the computer itself stood still.

    On each processor a thread that nothing of ours may interrupt sleeps for a millisecond, again
    and again. When it wakes up late, the processor was not there: taken by the host of a virtual
    machine, or inside the kernel. An answer that is late then is not late by our doing, and would
    be late by anybody's.
    """

    def __init__(self, pipes: list[Connection]) -> None:
        self._pipes = pipes

    def take(self) -> Floats:
        """(n, 2) begin and end of each stall since the last call, ``time.monotonic``."""
        for pipe in self._pipes:
            pipe.send("take")
        parts = [np.frombuffer(pipe.recv_bytes()).reshape(-1, 2) for pipe in self._pipes]
        return np.concatenate(parts)


def _watch(cpu: int, pipe: Connection) -> None:
    os.sched_setaffinity(0, [cpu])
    _be_a_device("stall watch", WATCH_PRIORITY)
    stalls, turns = array("d"), 0
    pipe.send("ready")
    with contextlib.suppress(EOFError):
        while True:
            due = time.monotonic() + WATCH_PERIOD_S
            time.sleep(WATCH_PERIOD_S)
            now = time.monotonic()
            if now - due > STALL_S:
                stalls.extend((due, now))
            turns += 1
            if turns % 100 == 0 and pipe.poll():
                pipe.recv()
                pipe.send_bytes(stalls.tobytes())
                stalls = array("d")


@contextlib.contextmanager
def stall_watch() -> Iterator[Stalls]:
    """Watches every processor while inside."""
    with contextlib.ExitStack() as stack:
        cpus = sorted(os.sched_getaffinity(0))
        yield Stalls([stack.enter_context(_process(_watch, cpu)) for cpu in cpus])


@contextlib.contextmanager
def busy_core() -> Iterator[int]:
    """The last processor is kept busy by an ordinary program while inside; yields its number."""
    with _process(_burn, None):
        yield _last_processor()


def _burn(_settings: None, pipe: Connection) -> None:
    os.sched_setaffinity(0, [_last_processor()])
    pipe.send("ready")
    while True:
        pass


def _last_processor() -> int:
    return max(os.sched_getaffinity(0))


@contextlib.contextmanager
def _process(target: Callable[..., None], settings: object) -> Iterator[Connection]:
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(
        target=target, args=(settings, there), daemon=True
    )
    child.start()
    there.close()
    try:
        here.recv()
        yield here
    finally:
        here.close()
        child.join(0.5)
        child.kill()
        child.join()
