"""RSI server: the PC's side of RSI, with a thread that answers every telegram."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from der_ros.drivers.kuka.corrections import Correction, CorrectionTracker
from der_ros.drivers.kuka.measured_travel import MeasuredTravel
from der_ros.drivers.kuka.rsi_records import Answered, RobotState, RsiServerConfig, RsiStatistics
from der_ros.drivers.kuka.rsi_telegrams import (
    RobotTelegram,
    SensorTelegram,
    build_sensor_telegram,
)
from der_ros.drivers.kuka.series import Arrival
from der_ros.drivers.kuka.telegram_pose import pose_of
from der_ros.drivers.kuka.telegram_receiver import ReceivedTelegram, TelegramReceiver
from der_ros.drivers.kuka.transport import Packet, RsiPort
from der_ros.drivers.latency_window import LatencyWindow
from der_ros.drivers.motion import Wire, twist_for
from der_ros.drivers.realtime import (
    NOT_ASKED,
    Grant,
    lengthen_switch_interval,
    log_refusals,
    request_cpu,
    request_scheduling,
    shorten_switch_interval,
)
from der_ros.drivers.repeated_errors import RepeatedErrors
from der_ros.errors import described
from der_ros.geometry import Twist
from der_ros.threads import Startable, Worker

logger = logging.getLogger(__name__)

_REPEAT_CYCLES = 0.8
"""Time in which the network may repeat a telegram; later, the controller itself has sent it."""


class _Counts:
    """Counters that the answering thread increments."""

    def __init__(self) -> None:
        self.answered = self.duplicates = self.out_of_order = self.backlog = 0
        self.errors = self.refused = self.send_errors = self.late_answers = 0


class RsiServer(Startable):
    """Server that answers a robot controller's telegrams; a context manager with its own thread.

    ``on_cycle`` runs in the server's thread for the newest telegram of each cycle and returns the
    twist of the TCP, base axes. If it raises or returns a non-finite twist, the answer commands no
    motion and the error is counted. ``on_answered`` runs in the same thread after the answer is
    sent; it must return at once. It may check the motion, so if it raises, the next answer commands
    no motion, and its record has the error. If several telegrams are waiting, all but the newest
    are answered without motion, because the controller no longer waits for them.
    """

    def __init__(
        self,
        config: RsiServerConfig,
        on_cycle: Callable[[RobotState], Twist],
        on_answered: Callable[[Answered], None] | None = None,
    ) -> None:
        self._config = config
        self._on_cycle = on_cycle
        self._on_answered = on_answered
        self._port: RsiPort | None = None
        self._worker = Worker("rsi", self._serve)
        self._receiver = TelegramReceiver(config)
        self._series = self._receiver.series
        self._tracker = CorrectionTracker(config.limits, config.absolute)
        self._measured = MeasuredTravel(config.cycle_s)
        self._last_answer = b""
        self._fresh_s = float("-inf")
        self._rested = False
        self._malformed = 0
        self._counts = _Counts()
        self._latency = LatencyWindow()
        self._unhandled = RepeatedErrors(logger, "RSI server: a telegram could not be handled")
        self._undecided = RepeatedErrors(
            logger, "RSI server: on_cycle failed; the robot is held at rest"
        )
        self._unreported = RepeatedErrors(logger, "RSI server: on_answered failed")
        self._failed_report: str | None = None
        self._unsent = RepeatedErrors(logger, "RSI server: an answer was not sent", traceback=False)
        self._last_error: str | None = None
        self._last_delay = 0
        self._lacking: str | None = None
        self._grants = dict.fromkeys(("scheduling", "processor", "switching"), NOT_ASKED)

    def start(self) -> None:
        """Open the port and start to answer.

        Raises:
            ConnectionFailedError: The port is in use, or the address is not this computer's.
        """
        self._port = RsiPort(self._config.bind_address, self._config.port)
        self._worker.start()

    def stop(self) -> None:
        """Stop answering and close the port; the controller stops by its own timeout."""
        self._worker.stop()
        if self._port is not None:
            self._port.close()
        self._port = None

    @property
    def failure(self) -> str:
        """Reason why the answering thread has ended unexpectedly; empty otherwise."""
        return self._worker.failure

    @property
    def port(self) -> int:
        """Open UDP port, or the configured one if none is open."""
        return self._config.port if self._port is None else self._port.number

    @property
    def connected(self) -> bool:
        """True while a controller's telegrams arrive and contain all required elements."""
        return self._lacking is None and self._receiver.runs and not self._worker.failure

    @property
    def lacking(self) -> str | None:
        """Required element that the running session's telegrams lack, or None."""
        return self._lacking if self._receiver.runs else None

    @property
    def warning(self) -> str | None:
        """Message about datagrams dropped within the last seconds, or None."""
        return self._receiver.dropped.warning

    @property
    def grants(self) -> dict[str, Grant]:
        """Results of the answering thread's real-time requests, by name."""
        return dict(self._grants)

    @property
    def statistics(self) -> RsiStatistics:
        """Current counters; cheap enough for 10 Hz, too slow for every cycle."""
        travel_mm, travel_deg = self._tracker.travel
        return replace(
            RsiStatistics(**vars(self._counts)),
            malformed=self._receiver.dropped.malformed,
            foreign=self._receiver.dropped.foreign,
            foreign_from=self._receiver.dropped.foreign_from,
            lost=self._series.lost,
            sessions=self._series.session,
            travel_mm=travel_mm,
            travel_deg=travel_deg,
            answer=self._latency.figures(),
            last_error=self._last_error,
        )

    def _serve(self) -> None:
        self._grants = {
            "scheduling": request_scheduling(self._config.realtime_priority),
            "processor": request_cpu(self._config.realtime_cpu),
            "switching": shorten_switch_interval(),
        }
        log_refusals("RSI server", self._grants)
        port = self._port
        while port is not None and not self._worker.stopping.is_set():
            packets = port.receive()
            lengthen_switch_interval()
            self._handle(packets)
            self._handle(port.strays())
            shorten_switch_interval()
            port.follow(self._receiver.peer if self._receiver.runs else None)

    def _handle(self, packets: Sequence[Packet]) -> None:
        """Answer all telegrams; an error must not end the thread, or the controller would stop."""
        for taken in self._receiver.take(packets):
            self._reply_safely(taken)

    def _reply_safely(self, taken: ReceivedTelegram) -> None:
        try:
            self._reply(taken)
        except Exception as error:
            self._unhandled.note(error)

    def _reply(self, taken: ReceivedTelegram) -> None:
        telegram, packet, arrival, newest = taken
        if arrival is Arrival.START:
            self._start(telegram, packet)
        if arrival is Arrival.DUPLICATE:
            self._counts.duplicates += 1
            self._answer_again(telegram, packet)
        elif arrival is Arrival.LATE:
            self._counts.out_of_order += 1
            self._answer(telegram, packet, self._resting())
        else:
            self._fresh_s = packet.stamp_monotonic_s
            self._last_answer = (self._cycle if newest else self._skip)(telegram, packet)

    def _answer_again(self, telegram: RobotTelegram, packet: Packet) -> None:
        """Repeat the last answer, without motion for a controller whose IPOC stands still."""
        if packet.stamp_monotonic_s - self._fresh_s < _REPEAT_CYCLES * self._config.cycle_s:
            self._send(self._last_answer, packet)
        else:
            self._rest(telegram, packet)

    def _skip(self, telegram: RobotTelegram, packet: Packet) -> bytes:
        """Answer a telegram that a newer one has overtaken."""
        self._counts.backlog += 1
        return self._rest(telegram, packet)

    def _rest(self, telegram: RobotTelegram, packet: Packet) -> bytes:
        """Answer without motion, so that the next motion starts from rest."""
        self._rested = True
        return self._answer(telegram, packet, self._resting())

    def _start(self, telegram: RobotTelegram, packet: Packet) -> None:
        self._tracker.reset()
        self._measured.reset()
        logger.info(
            "robot controller %s:%d started RSI (session %d, IPOC %s)",
            *packet.address,
            self._series.session,
            telegram.ipoc,
        )

    def _cycle(self, telegram: RobotTelegram, packet: Packet) -> bytes:
        """Handle the newest telegram: get the twist, answer, then report."""
        state = self._state(telegram, packet)
        if state is None:
            return self._rest(telegram, packet)
        self._rested, self._malformed = False, self._receiver.dropped.malformed
        twist, error = self._wanted(state)
        correction = self._tracker.step(twist, self._config.cycle_s)
        answer = self._answer(telegram, packet, correction)
        self._correct_travel(state, correction)
        self._note(state, correction, error, Wire(packet.data, answer, self._config.absolute))
        return answer

    def _correct_travel(self, state: RobotState, correction: Correction) -> None:
        """Take the travel from the measured pose, at rest after an answer that came too late."""
        missed = state.delay > 0 or state.rested
        travel = self._measured.step(state.tcp_pose, any(correction.values), missed)
        if travel is not None and not self._config.absolute:  # absolute corrections have no sum
            self._tracker.set_travel(travel)

    def _wanted(self, state: RobotState) -> tuple[Twist, str | None]:
        """Return the commanded twist and None, or zero and the reason."""
        failed, self._failed_report = self._failed_report, None
        if failed is not None:
            return Twist.zero(), failed
        right = self._series.cycle_is_right
        if right is None:
            return Twist.zero(), None
        if not right:
            measured_ms = 1000.0 * (self._series.measured_cycle_s or math.nan)
            return Twist.zero(), (
                f"the controller sends every {measured_ms:.1f} ms, expected "
                f"{1000.0 * self._config.cycle_s:g} ms; set cycle_ms to the controller's cycle"
            )
        return twist_for(self._on_cycle, state, self._undecided)

    def _note(
        self, state: RobotState, correction: Correction, error: str | None, wire: Wire
    ) -> None:
        if error is not None:
            self._counts.errors += 1
            self._last_error = error
        if correction.refusal is not None:
            self._counts.refused += 1
            self._last_error = correction.refusal
        if state.delay > self._last_delay:
            self._counts.late_answers += state.delay - self._last_delay
        self._last_delay = state.delay
        if self._on_answered is None:
            return
        try:
            refusal = correction.refusal
            self._on_answered(
                Answered(state, correction.twist, correction.values, refusal, error, wire)
            )
        except Exception as failure:
            self._unreported.note(failure)
            self._failed_report = f"on_answered failed: {described(failure)}"

    def _resting(self) -> Correction:
        return self._tracker.step(Twist.zero(), self._config.cycle_s)

    def _answer(self, telegram: RobotTelegram, packet: Packet, correction: Correction) -> bytes:
        answer = SensorTelegram(telegram.ipoc or 0, correction.values, ipoc_text=telegram.ipoc_text)
        data = build_sensor_telegram(answer, self._config.sensor_type)
        self._send(data, packet)
        return data

    def _send(self, data: bytes, packet: Packet) -> None:
        if self._port is None:
            return
        shorten_switch_interval()  # sending releases the global lock
        try:
            self._port.send(data, packet.address)
        except OSError as error:
            self._counts.send_errors += 1
            self._unsent.note(error)
            return
        self._counts.answered += 1
        self._latency.add(max(0.0, time.monotonic() - packet.stamp_monotonic_s))

    def _state(self, telegram: RobotTelegram, packet: Packet) -> RobotState | None:
        if telegram.ipoc is None:
            return None
        if telegram.tcp_mm_deg is None:
            self._lacking = "RIst"
            return None
        self._lacking = None
        return RobotState(
            pose_of(telegram.tcp_mm_deg),
            telegram.axes_deg,
            telegram.ipoc,
            telegram.delay or 0,
            self._config.cycle_s,
            packet.stamp_monotonic_s,
            self._series.session,
            # The controller holds still while a telegram of its own is not answered.
            self._rested or self._malformed != self._receiver.dropped.malformed,
        )
