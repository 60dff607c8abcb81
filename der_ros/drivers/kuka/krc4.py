"""Simulated KRC4 controller: the robot's side of RSI, with the limits and stops of a real one.

It keeps the cycle clock, checks that its IPOC is echoed, counts late answers and stops after too
many, clamps corrections silently (POSCORR), stops when they are too large (POSCORRMON), repeats or
drops the last correction when an answer is missing (HOLDON), and monitors axis positions and
speeds. ``corrections`` defines the composition of corrections.

Assumptions that no manual states: an answer is late if it has not arrived by the controller's next
tick; ``Delay`` counts consecutive late answers, and an answer in time resets it.
"""

from __future__ import annotations

import logging
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable

import numpy as np

from der_ros.drivers.kuka import kr60_kinematics
from der_ros.drivers.kuka.controller_limits import ControllerCorrections
from der_ros.drivers.kuka.krc4_records import (
    ControllerState,
    Krc4Statistics,
    SimulatedKrc4Config,
    WireTap,
)
from der_ros.drivers.kuka.plant import Displacement, PlantState, RobotPlant
from der_ros.drivers.kuka.rsi_telegrams import (
    NO_CORRECTION,
    RobotTelegram,
    SensorTelegram,
    Six,
    build_robot_telegram,
    parse_sensor_telegram,
)
from der_ros.drivers.kuka.transport import Packet, receive, stamp_arrivals
from der_ros.drivers.latency_window import LatencyWindow
from der_ros.drivers.realtime import log_refusals, request_scheduling, shorten_switch_interval
from der_ros.errors import ConnectionFailedError, ProtocolError
from der_ros.geometry import Array, Pose, euler_zyx_from_quaternion
from der_ros.threads import Startable, Worker

logger = logging.getLogger(__name__)

# A larger step in one cycle is a change of the inverse kinematics' branch, not a motion.
_ONE_BRANCH_RAD = 0.5
_REST: Displacement = (np.zeros(3), np.zeros(3))


class SimulatedKrc4(Startable):
    """RSI client over UDP that drives a plant; a context manager with its own thread.

    The plant advances in every cycle and state, also while RSI is stopped.
    """

    def __init__(
        self, config: SimulatedKrc4Config, plant: RobotPlant, tap: WireTap | None = None
    ) -> None:
        self._config = config
        self._plant = plant
        self._tap = tap
        self._socket: socket.socket | None = None
        self._worker = Worker("krc4", self._run, self._on_failure, join_s=5.0)
        self._reset_wanted = threading.Event()
        self._wanted_program: list[Displacement] | None = None
        self._program: deque[Displacement] | None = None
        self.state = ControllerState.STOPPED
        self.stop_reason: str | None = None
        self.tcp_pose: Pose | None = None
        self.program_ended = threading.Event()
        self.program_ended.set()
        self._answer_latency, self._wake_up = LatencyWindow(), LatencyWindow()
        self._cycles = self._late = self._longest_late = 0
        self._mismatched = self._malformed = self._sessions = self._clamped = 0
        self._ipoc = 0
        self._expected_ipoc = 0
        self._sent_s = self._woke_late_s = 0.0
        self._stopped_at_s = 0.0
        self._stopped_by_timeout = False
        self._axes: Array | None = None
        self._start_rsi()

    def start(self) -> None:
        """Open the socket and start the cycle.

        Raises:
            ConnectionFailedError: The controller's address is not one of this computer's.
        """
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            stamp_arrivals(udp)
            udp.bind((self._config.robot_address, 0))
            udp.setblocking(False)
        except OSError as error:
            udp.close()
            raise ConnectionFailedError(
                f"simulated KRC4: expected to send from {self._config.robot_address}, got "
                f"'{error.strerror}'; give robot_address one of this computer's addresses"
            ) from error
        self._socket = udp
        self._worker.start()

    def stop(self) -> None:
        """Stop the cycle and close the socket."""
        self._worker.stop()
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    @property
    def failure(self) -> str:
        """Reason why the cycle has ended unexpectedly; empty otherwise."""
        return self._worker.failure

    def reset(self) -> None:
        """Acknowledge a stop and restart RSI with a new IPOC series and zero corrections."""
        self._reset_wanted.set()

    def run_program(self, path: Iterable[Displacement]) -> None:
        """Stop RSI, move the arm along a path as a controller program would, and restart RSI.

        ``state`` is ``STOPPED`` from the next cycle until the end of the path; wait for
        ``program_ended``.

        Args:
            path: Motion of each cycle; correction limits do not apply.
        """
        program = list(path)
        self.program_ended.clear()
        self._wanted_program = program

    @property
    def statistics(self) -> Krc4Statistics:
        """Current statistics of the simulated controller."""
        return Krc4Statistics(
            cycles=self._cycles,
            late=self._late,
            longest_late=self._longest_late,
            mismatched=self._mismatched,
            malformed=self._malformed,
            sessions=self._sessions,
            clamped=self._clamped,
            answer=self._answer_latency.figures(),
            wake_up=self._wake_up.figures(),
        )

    def _start_rsi(self) -> None:
        # Monotonic clock in ms, so that every start has its own series.
        self._ipoc = max(self._ipoc + 100_000, time.monotonic_ns() // 1_000_000)
        self._corrections = ControllerCorrections(self._config.path_limits, self._config.absolute)
        self._delay = self._right_answers = 0
        self._held: Six | None = None
        self._empty_due = self._config.opens_empty
        self._sessions += 1
        self.stop_reason = None
        self.state = ControllerState.WAITING

    def _stop_rsi(self, reason: str, by_timeout: bool = False) -> None:
        self.stop_reason = reason
        self.state = ControllerState.STOPPED
        self._stopped_at_s = time.monotonic()
        self._stopped_by_timeout = by_timeout
        log = logger.info if by_timeout else logger.warning
        log("simulated KRC4 stopped RSI: %s", reason)

    def _run(self) -> None:
        scheduled = request_scheduling(self._config.realtime_priority)
        log_refusals(
            "simulated KRC4", {"scheduling": scheduled, "switching": shorten_switch_interval()}
        )
        cycle_s = self._config.cycle_s
        motion = _REST
        tick = time.monotonic()
        try:
            while not self._worker.stopping.is_set():
                state = self._plant.advance(*motion, cycle_s)
                tick = max(tick + cycle_s, time.monotonic() + 0.5 * cycle_s)
                motion = self._cycle(state, tick)
                self._wait_until(tick)
        finally:
            self.program_ended.set()

    def _on_failure(self, reason: str) -> None:
        self._stop_rsi(f"the plant failed: {reason}")

    def _cycle(self, plant: PlantState, tick: float) -> Displacement:
        """Send a telegram, take its answer, and return the motion of the next cycle."""
        self.tcp_pose = plant.tcp_pose
        problem = self._axis_problem(plant.joint_positions_rad)
        self._begin_program()
        if self._program is not None:
            return self._next_of_program(self._program)
        self._restart_if_due()
        if self.state is ControllerState.STOPPED:
            return _REST
        if problem is not None:
            self._stop_rsi(problem)
            return _REST
        self._send(plant)
        answer = self._listen(tick)
        return self._judge(answer)

    def _begin_program(self) -> None:
        wanted = self._wanted_program
        if wanted is not None:
            # Cleared only here: a program set by another thread meanwhile must not be lost.
            self._wanted_program = None
            self._program = deque(wanted)
            self.stop_reason = "the controller's program moves the arm"
            self.state = ControllerState.STOPPED
            self._stopped_by_timeout = False
            self._reset_wanted.clear()

    def _next_of_program(self, program: deque[Displacement]) -> Displacement:
        if program:
            return program.popleft()
        self._program = None
        self._start_rsi()
        self.program_ended.set()
        return _REST

    def _restart_if_due(self) -> None:
        due = self._config.auto_restart_s
        again = (
            self.state is ControllerState.STOPPED
            and self._stopped_by_timeout
            and due is not None
            and time.monotonic() - self._stopped_at_s >= due
        )
        if self._reset_wanted.is_set() or again:
            self._reset_wanted.clear()
            self._start_rsi()

    def _axis_problem(self, axes: Array | None) -> str | None:
        """Return a message if an axis exceeds a position or speed limit, or None."""
        last, self._axes = self._axes, axes
        if self.state is not ControllerState.RUNNING or last is None:
            return None
        if axes is None:
            return "the pose is out of the arm's reach"
        flipped = np.abs(axes - last) > _ONE_BRANCH_RAD
        if flipped.any():
            return f"axis A{int(np.argmax(flipped)) + 1} would have to turn over at an axis limit"
        return kr60_kinematics.limit_violation(axes, (axes - last) / self._config.cycle_s)

    def _send(self, plant: PlantState) -> None:
        self._ipoc += round(self._config.cycle_s * 1000.0)
        self._expected_ipoc = self._ipoc
        if self._empty_due:
            # An empty telegram has no IPOC.
            self._empty_due, self._expected_ipoc = False, 0
            telegram = RobotTelegram(None)
        else:
            telegram = self._telegram(plant)
        if self._socket is None:
            return
        self._cycles += 1
        data = build_robot_telegram(telegram)
        self._sent_s = time.monotonic()
        if self._tap is not None:
            self._tap.sent(self._expected_ipoc, self._sent_s, self._woke_late_s)
        try:
            self._socket.sendto(data, (self._config.pc_address, self._config.pc_port))
        except OSError as error:
            logger.debug("simulated KRC4: sending failed: %s", error)

    def _telegram(self, plant: PlantState) -> RobotTelegram:
        x, y, z = (plant.tcp_pose.position * 1000.0).tolist()
        a, b, c = np.degrees(euler_zyx_from_quaternion(plant.tcp_pose.quaternion)).tolist()
        axes = None
        if plant.joint_positions_rad is not None:
            a1, a2, a3, a4, a5, a6 = np.degrees(plant.joint_positions_rad).tolist()
            axes = (a1, a2, a3, a4, a5, a6)
        return RobotTelegram(self._ipoc, (x, y, z, a, b, c), None, axes, self._delay)

    def _listen(self, tick: float) -> SensorTelegram | None:
        """Return the correct answer if it arrives before the next tick, or None."""
        while not self._worker.stopping.is_set():
            remaining = tick - time.monotonic()
            packet = self._receive(max(0.0, remaining))
            if packet is None and remaining <= 0.0:
                return None
            answer = None if packet is None else self._parse(packet)
            if packet is not None and answer is not None:
                self._answer_latency.add(max(0.0, packet.stamp_monotonic_s - self._sent_s))
                return answer
        return None

    def _receive(self, timeout_s: float) -> Packet | None:
        if self._socket is None or not select.select([self._socket], [], [], timeout_s)[0]:
            return None
        try:
            packet = receive(self._socket)
        except OSError:
            return None
        return packet if packet.address[0] == self._config.pc_address else None

    def _parse(self, packet: Packet) -> SensorTelegram | None:
        try:
            answer = parse_sensor_telegram(packet.data)
        except ProtocolError as error:
            self._malformed += 1
            logger.debug("simulated KRC4: malformed answer: %s", error)
            return None
        if self._tap is not None:
            self._tap.answered(answer, packet.stamp_monotonic_s)
        if answer.ipoc != self._expected_ipoc:
            self._mismatched += 1
            return None
        return answer

    def _judge(self, answer: SensorTelegram | None) -> Displacement:
        """Handle the answer of a cycle and return the resulting motion."""
        if answer is None:
            return self._judge_late()
        self._delay = 0
        if answer.stop:
            self._stop_rsi("the PC asked for it (Stop)")
            return _REST
        self._held = answer.correction
        if self.state is ControllerState.WAITING:
            self._right_answers += 1
            if self._right_answers >= self._config.enable_after:
                self.state = ControllerState.RUNNING
            return _REST
        return self._correct(answer.correction)

    def _judge_late(self) -> Displacement:
        self._delay += 1
        self._late += 1
        self._longest_late = max(self._longest_late, self._delay)
        if self._delay > self._config.timeout_cycles:
            self._stop_rsi(
                f"no right answer from {self._config.pc_address}:{self._config.pc_port} in "
                f"{self._delay} cycles (RSITimeout)",
                by_timeout=True,
            )
        elif self.state is ControllerState.RUNNING:
            held = self._held if self._config.hold_on else None
            return self._correct(NO_CORRECTION if held is None else held)
        return _REST

    def _correct(self, correction: Six) -> Displacement:
        step = self._corrections.step(correction)
        self._clamped += step.clamped
        if step.stop is not None:
            self._stop_rsi(step.stop)
            return _REST
        return step.displacement_m, step.rotation_rad

    def _wait_until(self, tick: float) -> None:
        remaining = tick - time.monotonic()
        if remaining > 0.0:
            time.sleep(remaining)
        self._woke_late_s = max(0.0, time.monotonic() - tick)
        self._wake_up.add(self._woke_late_s)
