"""Cycle of an arm under joint position control, without thread, clock or socket.

The command is integrated: each cycle adds the joint motion of the commanded twist. It starts at the
measured joints and is sent during motion and for ``settle_s`` after it; then the controller holds
the last command. So a program or an operator may move the arm in between, and the next motion
starts at the new position without a jump.

The arm is lost if it jumps or does not follow. Then nothing more is sent and a new session starts,
which voids earlier commands.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable

import numpy as np

from der_ros.drivers.arm.arm_records import (
    ArmAnswered,
    ArmCycleConfig,
    ArmState,
    ArmStatistics,
    JointReading,
)
from der_ros.drivers.arm.differential import DifferentialKinematics, Hindrance, JointStep
from der_ros.drivers.motion import twist_for
from der_ros.drivers.repeated_errors import RepeatedErrors
from der_ros.geometry import Array, Twist

logger = logging.getLogger(__name__)

# Motion of a joint without a command beyond which something else moves the arm.
_MOVED_RAD = 0.01
_HINDRANCES = tuple(Hindrance)


class ArmCycle:
    """Computation of each cycle: from the newest reading to the joint positions to send.

    Args:
        kinematics: Differential kinematics of the arm with its tool.
        config: Cycle and watchdogs.
        on_cycle: Function that returns the twist of the TCP, base axes, for the measured state.
        on_lost: Function called with the reason when the arm is lost.
        write: Function that sends joint positions in the chain's order, (joints,) rad.
    """

    def __init__(
        self,
        kinematics: DifferentialKinematics,
        config: ArmCycleConfig,
        on_cycle: Callable[[ArmState], Twist],
        on_lost: Callable[[str], None],
        write: Callable[[Array], None],
    ) -> None:
        self._kinematics = kinematics
        self._names = kinematics.chain.names
        self._config = config
        self._on_cycle = on_cycle
        self._on_lost = on_lost
        self._write = write
        self._session = 0
        self._last: JointReading | None = None
        self._command: Array | None = None
        self._rest = np.zeros(len(self._names))
        self._moved_s = 0.0
        self._counts: Counter[str] = Counter()
        self._hindrances: Counter[str] = Counter()
        self._failures = RepeatedErrors(logger, "arm: on_cycle failed; the arm is held at rest")
        self._last_error: str | None = None

    @property
    def known(self) -> bool:
        """True while the newest reading is not stale."""
        return self._last is not None

    @property
    def statistics(self) -> ArmStatistics:
        """Current counters, without overruns and lateness."""
        counts = self._counts
        return ArmStatistics(
            cycles=counts["cycles"],
            sent=counts["sent"],
            jumps=counts["jumps"],
            not_followed=counts["not_followed"],
            errors=counts["errors"],
            refused=counts["refused"],
            sessions=self._session,
            engaged=self._command is not None,
            hindrances=dict(self._hindrances),
            last_error=self._last_error,
        )

    def run(self, reading: JointReading | None, now_s: float) -> ArmAnswered | None:
        """Run one cycle and return the sent command.

        Args:
            reading: Newest reading; None if there is none since the last cycle.
            now_s: Current time, s, ``time.monotonic``.

        Returns:
            Sent command; None while the state of the arm is unknown.
        """
        if reading is not None:
            self._take(reading)
        if self._last is None:
            return None
        age_s = now_s - self._last.stamp_monotonic_s
        if age_s > self._config.state_timeout_s:
            self.forget(f"no joint states for {self._config.state_timeout_s:g} s")
            return None
        self._check_following(self._last.positions_rad)
        self._check_rest(self._last.positions_rad)
        self._counts["cycles"] += 1
        return self._lead(self._state(self._last, now_s), now_s)

    def forget(self, reason: str) -> None:
        """Discard the state of the arm, which is then lost; no effect if it is unknown."""
        if self._last is not None:
            self._last = None
            self.lose(reason)

    def lose(self, reason: str) -> None:
        """Stop sending commands, start a new session and report the reason."""
        self._command = None
        self._session += 1
        self._last_error = reason
        self._on_lost(reason)

    def _take(self, reading: JointReading) -> None:
        last, self._last = self._last, reading
        if last is None:
            self._session += 1
            self._rest = reading.positions_rad
            return
        # At least one cycle, because a repeated reading may have the same stamp.
        time_s = max(self._config.cycle_s, reading.stamp_monotonic_s - last.stamp_monotonic_s)
        most = self._kinematics.chain.speed_limits_radps * time_s + self._config.max_jump_rad
        beyond = np.abs(reading.positions_rad - last.positions_rad) - most
        worst = int(np.argmax(beyond))
        if beyond[worst] > 0.0:
            self._counts["jumps"] += 1
            self._rest = reading.positions_rad
            moved = float(reading.positions_rad[worst] - last.positions_rad[worst])
            self.lose(
                f"joint {self._names[worst]} jumped by {math.degrees(moved):.1f} degrees within "
                f"{1e3 * time_s:.0f} ms"
            )

    def _check_following(self, measured: Array) -> None:
        if self._command is None:
            return
        error = np.abs(measured - self._command)
        worst = int(np.argmax(error))
        limit = self._config.max_following_error_rad
        if error[worst] > limit:
            self._counts["not_followed"] += 1
            self.lose(
                f"joint {self._names[worst]} does not follow: {math.degrees(error[worst]):.2f} "
                f"degrees from its command, limit {math.degrees(limit):.2f} (controller not "
                "active, or arm blocked?)"
            )

    def _check_rest(self, measured: Array) -> None:
        """Start a new session, which voids earlier commands, if something else moves the arm."""
        if self._command is not None:
            self._rest = measured
        elif float(np.abs(measured - self._rest).max()) > _MOVED_RAD:
            self._rest = measured
            self._session += 1

    def _state(self, reading: JointReading, now_s: float) -> ArmState:
        return ArmState(
            self._kinematics.chain.forward(reading.positions_rad),
            reading.positions_rad,
            self._config.cycle_s,
            reading.stamp_monotonic_s,
            self._session,
            now_s,
        )

    def _lead(self, state: ArmState, now_s: float) -> ArmAnswered:
        twist, error = twist_for(self._on_cycle, state, self._failures)
        if error is not None:
            self._counts["errors"] += 1
            self._last_error = error
        moving = bool(twist.to_array().any())
        if moving:
            self._moved_s = now_s
        elif self._command is None or now_s - self._moved_s > self._config.settle_s:
            self._command = None
            return ArmAnswered(state, Twist.zero(), None, None, error)
        if self._command is None:
            # The first command of a motion is the measured position.
            step = JointStep(state.joint_positions_rad, Twist.zero(), Hindrance(0), None)
        else:
            step = self._kinematics.step(self._command, twist, self._config.cycle_s)
        self._command = step.angles_rad
        self._write(step.angles_rad)
        self._count(step)
        return ArmAnswered(state, step.twist, step.angles_rad, step.refusal, error)

    def _count(self, step: JointStep) -> None:
        self._counts["sent"] += 1
        for hindrance in _HINDRANCES:
            if step.hindrances & hindrance:
                self._hindrances[hindrance.name or ""] += 1
        if step.refusal is not None:
            self._counts["refused"] += 1
            self._last_error = step.refusal
