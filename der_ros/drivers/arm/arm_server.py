"""Thread that runs an arm's cycles at a fixed rate."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from der_ros.drivers.arm.arm_records import ArmAnswered, ArmCycleConfig, ArmStatistics, JointReading
from der_ros.drivers.arm.cycle import ArmCycle
from der_ros.drivers.latency_window import LatencyWindow
from der_ros.drivers.realtime import (
    NOT_ASKED,
    Grant,
    lengthen_switch_interval,
    log_refusals,
    request_scheduling,
    shorten_switch_interval,
)
from der_ros.drivers.repeated_errors import RepeatedErrors
from der_ros.errors import ConnectionFailedError, described
from der_ros.threads import Startable, Worker

logger = logging.getLogger(__name__)


class ArmServer(Startable):
    """Thread that runs ``cycle`` every ``config.cycle_s``; a context manager.

    A cycle that cannot start in time is skipped, not made up for: the arm then moves less, never
    faster.

    Args:
        cycle: Computation of each cycle.
        config: Period and priority of the thread.
        read: Function that returns the newest reading, or None if there is no new one; raises
            ``ConnectionFailedError`` if the arm cannot be commanded.
        on_answered: Function called with each sent command; it must return at once.
    """

    def __init__(
        self,
        cycle: ArmCycle,
        config: ArmCycleConfig,
        read: Callable[[], JointReading | None],
        on_answered: Callable[[ArmAnswered], None],
    ) -> None:
        self._cycle = cycle
        self._config = config
        self._read = read
        self._on_answered = on_answered
        self._worker = Worker("arm", self._serve)
        self._lateness = LatencyWindow()
        self._overruns = 0
        self._failures = RepeatedErrors(logger, "arm: a cycle failed")
        self._grants = dict.fromkeys(("scheduling", "switching"), NOT_ASKED)

    @property
    def known(self) -> bool:
        """True while the arm's state is valid and the thread runs."""
        return self._cycle.known and not self._worker.failure

    @property
    def failure(self) -> str:
        """Reason why the thread has ended unexpectedly; empty otherwise."""
        return self._worker.failure

    @property
    def grants(self) -> dict[str, Grant]:
        """Results of the thread's real-time requests, by name."""
        return dict(self._grants)

    @property
    def statistics(self) -> ArmStatistics:
        """Current counters; cheap enough for 10 Hz."""
        return replace(
            self._cycle.statistics, overruns=self._overruns, lateness=self._lateness.figures()
        )

    def start(self) -> None:
        """Start the thread of the cycle."""
        self._worker.start()

    def stop(self) -> None:
        """Stop sending commands; the controller holds the last one."""
        self._worker.stop()

    def _serve(self) -> None:
        self._grants = {
            "scheduling": request_scheduling(self._config.realtime_priority),
            "switching": shorten_switch_interval(),
        }
        log_refusals("arm", self._grants)
        due_s = time.monotonic()
        while not self._worker.stopping.wait(max(0.0, due_s - time.monotonic())):
            lengthen_switch_interval()
            now_s = time.monotonic()
            self._lateness.add(max(0.0, now_s - due_s))
            self._run_safely(now_s)
            due_s += self._config.cycle_s
            if due_s < now_s:
                self._overruns += 1
                due_s = now_s + self._config.cycle_s
            shorten_switch_interval()

    def _run_safely(self, now_s: float) -> None:
        """Run one cycle; an error loses the arm, but not the thread, so a fault can be reset."""
        try:
            answered = self._cycle.run(self._read(), now_s)
            if answered is not None:
                self._on_answered(answered)
        except ConnectionFailedError as error:
            self._cycle.forget(str(error))
        except Exception as error:
            self._failures.note(error)
            self._cycle.forget(f"a cycle failed: {described(error)}")
