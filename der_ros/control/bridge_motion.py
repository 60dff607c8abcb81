"""Motion of the bridge in each cycle, without ROS: freshness, frames, faults, governor.

Other threads pass commands, wrenches and resets as immutable records. Only the link's thread
changes the state of the cycle, so no lock can delay an answer.

Vectors are plain numbers, because numpy is slower for three numbers and with cold caches.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np

from der_ros.control.command_gate import AcceptedCommand, CommandGate, six_of, twin_of
from der_ros.control.cycle_record import NO_STAMP_NS, CycleRecord, CycleState
from der_ros.control.motion_config import MotionConfig
from der_ros.drivers.following import FollowingWatch
from der_ros.drivers.late_answers import LateAnswers
from der_ros.drivers.motion import MeasuredRobot, SentMotion
from der_ros.geometry import Pose, Twist, Wrench
from der_ros.policy.governor import GovernorLimits, GovernorState, Intervention, govern_numbers
from der_ros.rotation import (
    ZERO6,
    Quadruple,
    Six,
    Triple,
    conjugate,
    product,
    rotate,
    rotate_both,
    wrench_seen_from,
)

_STALE = int(Intervention.STALE)
_HELD, _ENDING, _FROM_REST = (
    int(bit) for bit in (CycleState.HELD, CycleState.ENDING, CycleState.FROM_REST)
)
# A longer gap between telegrams means that the controller has missed answers.
_PAUSE_CYCLES = 3.5
# Warn when this fraction of ``max_late_answers`` is reached.
_NOTEWORTHY_LATE = 0.25


class _Reading(NamedTuple):
    wrench: Six  # TCP axes, about the TCP
    since_s: float
    stamp_ns: int


_NO_COMMAND = AcceptedCommand(ZERO6, False, 0.0, NO_STAMP_NS)
_NO_READING = _Reading(ZERO6, 0.0, NO_STAMP_NS)
_Decision: TypeAlias = tuple[
    MeasuredRobot, int, float, float, AcceptedCommand | None, _Reading | None, int, Six
]
"""A cycle's input, number, duration and time, its command and wrench, its state and twist."""


class MotionCounts(NamedTuple):
    """Counters of the bridge since the start.

    Attributes:
        commands: Accepted commands.
        refused: Refused commands by reason.
        interventions: Cycles by intervention of the governor.
        faults: Latched faults.
    """

    commands: int
    refused: dict[str, int]
    interventions: dict[str, int]
    faults: int


class BridgeMotion:
    """Conversion of commands to twists, cycle by cycle, with latched faults.

    A latched fault ramps the robot to rest (a hard force stops it at once) and holds it there until
    ``reset``. A stale command or wrench also ramps it to rest; motion resumes when it is fresh.
    """

    def __init__(self, config: MotionConfig, clock: Callable[[], float] | None = None) -> None:
        self._config, self._clock = config, clock or time.monotonic
        self._task_in_base, self._to_base = config.base_from_task.to_numbers()
        self._to_task = conjugate(self._to_base)
        self._sensor = config.tcp_from_sensor.to_numbers()
        self._gate = CommandGate(config, self._clock)
        self._reading: _Reading | None = None
        self._governor = GovernorState.rest()
        self._late = LateAnswers()
        self._following = FollowingWatch(config.following)
        self._session = 0
        self._last_cycle_s = float("-inf")
        self._fault: str | None = None
        self._reset_wanted = self._ending = False
        self._faults = 0
        self._interventions: dict[int, int] = {}
        self._cycles = 0
        self._decided: _Decision | None = None

    def branch(self) -> BridgeMotion:
        """Return an independent copy on the same clock, for use with ``on_cycle``."""
        twin = twin_of(self)
        twin._gate, twin._interventions = self._gate.branch(), self._interventions.copy()
        twin._late = twin_of(self._late)
        return twin

    @property
    def fault(self) -> str | None:
        """Latched fault that holds the robot at rest, or None."""
        return self._fault

    @property
    def limits(self) -> GovernorLimits:
        """Limits of the motion governor."""
        return self._config.limits

    def set_limits(self, limits: GovernorLimits) -> None:
        """Apply new governor limits from the next cycle on."""
        self._config = replace(self._config, limits=limits)

    @property
    def moving(self) -> bool:
        """True if the last cycle commanded motion."""
        return any(self._governor.twist)

    @property
    def counts(self) -> MotionCounts:
        """Counters of the bridge since the start."""
        done: Counter[str] = Counter()
        for bits, cycles in list(self._interventions.items()):
            for name in _names_of(bits):
                done[name] += cycles
        return MotionCounts(self._gate.accepted, dict(self._gate.refused), dict(done), self._faults)

    @property
    def warning(self) -> str:
        """Message about problems that are not faults yet; empty if there are none."""
        now, messages = self._clock(), []
        late = self._late.recent(now)
        if late > _NOTEWORTHY_LATE * self._config.max_late_answers:
            messages.append(f"{late} answers of the last second were late")
        if refusal := self._gate.recent_refusal:
            messages.append(f"a command was refused: {refusal}")
        return "; ".join(messages)

    @property
    def following(self) -> tuple[float, float]:
        """Current difference between measured and sent motion, m and rad."""
        return self._following.difference

    def accept_command(
        self, twist: Twist, frame_id: str, stamp_age_s: float, stamp_ns: int = 0
    ) -> str | None:
        """Accept a command and return None, or refuse it and return the reason.

        Args:
            twist: Twist of the TCP, axes of ``frame_id``, m/s and rad/s.
            frame_id: One of ``MotionConfig.command_frames``.
            stamp_age_s: Node clock minus the header's stamp, s.
            stamp_ns: Stamp of the header, ns, for ``record_of``.
        """
        return self._gate.accept(twist, frame_id, stamp_age_s, stamp_ns)

    def refuse_command(self, kind: str, reason: str) -> None:
        """Count a command refused elsewhere under ``kind``, and keep the reason for ``warning``."""
        self._gate.refuse(kind, reason)

    def accept_wrench(self, wrench: Wrench, age_s: float = 0.0, stamp_ns: int = 0) -> None:
        """Store the newest wrench: sensor axes and origin, bias removed, ``age_s`` old."""
        self.accept_numbers(six_of(wrench.force, wrench.torque), age_s, stamp_ns)

    def accept_numbers(self, wrench: Six, age_s: float, stamp_ns: int = 0) -> None:
        """Run ``accept_wrench`` on plain numbers, N and Nm."""
        since_s = self._clock() - age_s
        self._reading = _Reading(wrench_seen_from(*self._sensor, wrench), since_s, stamp_ns)

    def latch(self, reason: str) -> None:
        """Latch a fault, which holds the robot at rest until ``reset``; the first reason is kept.

        It does not log, because the link's thread must not wait for the log.
        """
        if self._fault is None:
            self._fault = reason
            self._faults += 1

    def _latch_in_cycle(self, reason: str) -> None:
        """Latch a fault that a cycle has found, unless a reset has come during the cycle.

        The next cycle finds the fault again if it lasts.
        """
        if not self._reset_wanted:
            self.latch(reason)

    def end(self) -> None:
        """Ramp the robot to rest from the next cycle on and ignore further commands."""
        self._ending = True

    def reset(self) -> str | None:
        """Clear a latched fault; only a later command moves the robot again.

        Returns:
            Fault that was latched, or None.
        """
        # Drop the command first: a cycle without a fault must not see an old command.
        self._gate.forget()
        fault, self._fault = self._fault, None
        # The link's thread resets its own state, see _take_reset.
        self._reset_wanted = True
        return fault

    def on_cycle(self, state: MeasuredRobot) -> Twist:
        """Return the twist of the TCP for the next cycle, base axes; call in the link's thread."""
        return _twist(rotate_both(self._to_base, self.decide(state)))

    def decide(self, state: MeasuredRobot) -> Six:
        """Run ``on_cycle`` and return its twist as plain numbers, task axes."""
        self._take_reset()
        if state.session != self._session:
            self._new_session(state)
        self._note_pauses(state)
        now, bits, before = self._clock(), self._state_bits(), self._governor
        command, reading = self._gate.newest, self._reading
        position, tcp_to_task = self._in_task(state.tcp_pose)
        wanted = self._wanted(tcp_to_task, command, bits, now)
        felt = self._felt(tcp_to_task, reading, now)
        governed = govern_numbers(
            self._config.limits,
            before,
            wanted or ZERO6,
            felt or ZERO6,
            position,
            state.cycle_s,
            _STALE if wanted is None or felt is None else 0,
        )
        self._governor = governed.state
        if stepped_in := int(governed.interventions):
            self._interventions[stepped_in] = self._interventions.get(stepped_in, 0) + 1
        if governed.state.latched:
            self._latch_in_cycle("the force or torque reached the hard limit")
        self._cycles += 1
        twist = governed.state.twist
        self._decided = (state, self._cycles, state.cycle_s, now, command, reading, bits, twist)
        return governed.state.twist

    def record_of(self, state: MeasuredRobot) -> CycleRecord | None:
        """Return the record of the last cycle; None if ``state`` is not that cycle's."""
        if self._decided is None or self._decided[0] is not state:
            return None
        _, number, cycle_s, now, accepted, newest, bits, twist = self._decided
        command, reading = accepted or _NO_COMMAND, newest or _NO_READING
        return CycleRecord(
            number,
            cycle_s,
            now,
            command.stamp_ns,
            command.since_s,
            reading.stamp_ns,
            reading.since_s,
            bits,
            twist,
        )

    def on_answered(self, answered: SentMotion) -> None:
        """Check the sent and the measured motion of a cycle; call in the link's thread.

        It takes a reset as well, because ``decide`` is not called while the link refuses to move.
        """
        reason = answered.refusal or answered.error
        if reason is not None:
            self.restart_from_rest()
            self._latch_in_cycle(reason)
        state = answered.state
        astray = self._following.add(state.tcp_pose, answered.twist, state.cycle_s, state.session)
        if astray is not None:
            self._latch_in_cycle(astray)
        self._take_reset()

    def restart_from_rest(self) -> None:
        """Restart the governor from rest, because the robot stands still."""
        self._governor = GovernorState(GovernorState.rest().twist, self._governor.latched)

    def resume_from(self, twist: Six) -> None:
        """Restart the governor from the last sent twist, task axes, for a replay."""
        self._governor = GovernorState(twist, self._governor.latched)

    def forget_command(self) -> None:
        """Drop the newest command; the robot moves only after a new one."""
        self._gate.forget()

    def robot_lost(self, reason: str) -> None:
        """Handle a robot that is silent or has jumped; in motion that is a fault."""
        if self.moving:
            self._latch_in_cycle(f"{reason} in motion")

    def applied(self, answered: SentMotion) -> Twist:
        """Return the sent twist in task axes."""
        twist = answered.twist
        return _twist(rotate_both(self._to_task, six_of(twist.linear, twist.angular)))

    def _take_reset(self) -> None:
        """Complete a ``reset``: forget what has led to a fault before it."""
        if self._reset_wanted:
            self._reset_wanted = False
            self._governor = GovernorState.rest()
            self._following.restart()
            self._late.forget()

    def _new_session(self, state: MeasuredRobot) -> None:
        """Start a new session of RSI or the arm, and drop the earlier command."""
        if self._session and self.moving:
            self._latch_in_cycle("the robot controller restarted RSI in motion")
        self._session = state.session
        self.forget_command()
        self._last_cycle_s = state.began_monotonic_s
        self.restart_from_rest()

    def _note_pauses(self, state: MeasuredRobot) -> None:
        """Handle late and missing answers, during which the robot has stood still."""
        paused_s = state.began_monotonic_s - self._last_cycle_s
        self._last_cycle_s = state.began_monotonic_s
        late = self._late.add(state.delay, state.stamp_monotonic_s, state.session)
        if not (late or state.rested) and paused_s < _PAUSE_CYCLES * state.cycle_s:
            return
        recent = self._late.recent(state.stamp_monotonic_s)
        if self.moving and recent > self._config.max_late_answers:
            self._latch_in_cycle(
                f"the controller got {recent} answers of the last second too late, expected at "
                f"most {self._config.max_late_answers}; what keeps this computer busy?"
            )
        self.restart_from_rest()

    def _in_task(self, tcp_pose: Pose) -> tuple[Triple, Quadruple]:
        """Return position and orientation of the TCP in the task frame."""
        (x, y, z), quaternion = tcp_pose.to_numbers()
        a, b, c = self._task_in_base
        return rotate(self._to_task, x - a, y - b, z - c), product(self._to_task, quaternion)

    def _state_bits(self) -> int:
        """Return the bits of ``CycleState`` as an integer, which is faster than flags."""
        bits = _HELD if self._fault is not None else 0
        bits |= _ENDING if self._ending else 0
        return bits if any(self._governor.twist) else bits | _FROM_REST

    def _wanted(
        self, tcp_to_task: Quadruple, command: AcceptedCommand | None, bits: int, now: float
    ) -> Six | None:
        """Return the command in task axes; zero under a fault, None if it is stale."""
        if bits & (_HELD | _ENDING):
            return ZERO6
        if command is None or now > command.since_s + self._config.command_timeout_s:
            return None
        return rotate_both(tcp_to_task, command.twist) if command.in_tcp else command.twist

    def _felt(self, tcp_to_task: Quadruple, reading: _Reading | None, now: float) -> Six | None:
        """Return the wrench about the TCP in task axes; None if it is stale."""
        if reading is None or now > reading.since_s + self._config.wrench_timeout_s:
            return None
        return rotate_both(tcp_to_task, reading.wrench)


@lru_cache(maxsize=256)
def _names_of(bits: int) -> tuple[str, ...]:
    """Return the names of interventions; combining flags takes a microsecond each."""
    return tuple(flag.name or str(int(flag)) for flag in Intervention if bits & flag)


def _twist(six: Six) -> Twist:
    return Twist(np.array(six[:3]), np.array(six[3:]))
