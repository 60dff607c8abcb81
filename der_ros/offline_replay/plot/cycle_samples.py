"""Samples of a replay's cycles for a plot."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from der_ros.control.attempt_watch import STALE_AFTER_S
from der_ros.offline_replay.cycle_inputs import Choice
from der_ros.offline_replay.motion_replay import NewInterventions
from der_ros.offline_replay.recorded_stream import Cycle, Recorded, Window
from der_ros.offline_replay.replay_side import Side

UNKNOWN_TWIST = (math.nan,) * 6


class CycleSample(NamedTuple):
    """Plot sample of one cycle on one side.

    Attributes:
        time_s: Time since the first cycle, s.
        applied: Applied twist, (6,) m/s and rad/s, task axes.
        commanded: Commanded twist, (6,) m/s and rad/s, axes of the sender; NaN without a fresh
            command.
        stepped_in: Interventions of the governor in this cycle.
        held: True if a fault is latched.
    """

    time_s: float
    applied: tuple[float, ...]
    commanded: tuple[float, ...] = UNKNOWN_TWIST
    stepped_in: frozenset[str] = frozenset()
    held: bool = False


OnSample: TypeAlias = Callable[[Cycle, float, CycleSample, CycleSample | None], None]


class CycleSampler:
    """Makes the samples of one side, cycle by cycle."""

    def __init__(self) -> None:
        self._new = NewInterventions()
        self._since_ns = 0

    def sample(
        self, side: Side, cycle: Cycle, choice: Choice, time_s: float, twist: tuple[float, ...]
    ) -> CycleSample:
        """Return the sample of a cycle with the applied ``twist``, (6,) task axes."""
        stepped_in = self._new.take(side.motion)
        command, commanded = choice.command, UNKNOWN_TWIST
        fresh_ns = 1e9 * side.config.command_timeout_s
        if command is not None and cycle.at_ns - command.sent_ns <= fresh_ns:
            commanded = tuple(command.twist.to_array().tolist())
        return CycleSample(time_s, twist, commanded, stepped_in, side.motion.fault is not None)

    def force_n(self, window: Window, cycle: Cycle) -> float:
        """Return the largest force since the previous cycle, N; NaN if the sensor is silent."""
        since_ns, self._since_ns = self._since_ns or cycle.at_ns, cycle.at_ns
        newest_ns = cycle.at_ns - round(1e9 * STALE_AFTER_S)
        force_n = math.nan
        for wrench in reversed(window.wrenches):
            stamp_ns = wrench.numbers.stamp_ns
            if stamp_ns > cycle.at_ns:
                continue
            if stamp_ns <= since_ns and (stamp_ns < newest_ns or not math.isnan(force_n)):
                break
            force_n = max(_norm(wrench), force_n)
        return force_n


def _norm(wrench: Recorded) -> float:
    return math.hypot(*wrench.numbers.values[:3])
