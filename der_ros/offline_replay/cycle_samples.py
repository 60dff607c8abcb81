"""Samples of a replay's cycles for a plot, and the course of a what-if over its cycles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from der_ros.control.attempt_watch import STALE_AFTER_S
from der_ros.offline_replay.cycle_inputs import Choice
from der_ros.offline_replay.recorded_stream import Cycle, Recorded, Window
from der_ros.offline_replay.replay_side import Side

UNKNOWN_TWIST = (math.nan,) * 6
_NOTICED = "STALE"


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
        self._counts: dict[str, int] = {}
        self._since_ns = 0

    def sample(
        self, side: Side, cycle: Cycle, choice: Choice, time_s: float, twist: tuple[float, ...]
    ) -> CycleSample:
        """Return the sample of a cycle with the applied ``twist``, (6,) task axes."""
        counts, before = side.motion.interventions, self._counts
        self._counts = counts
        stepped_in = frozenset(name for name in counts if counts[name] > before.get(name, 0))
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


class LostSensor(NamedTuple):
    """Course of a sensor that is lost in a what-if, times since the first message, s.

    Attributes:
        lost_s: Loss of the sensor.
        noticed_s: First cycle with readings that are stale for the governor; None if none.
        rest_s: First cycle after the loss with a twist of zero; None if there is none.
    """

    lost_s: float
    noticed_s: float | None = None
    rest_s: float | None = None


class ChangedCourse:
    """Follows both sides of a replay, cycle by cycle.

    Args:
        lost_s: Time at which the changed side loses its sensor, s; None if it does not.

    Attributes:
        stepped_in: First time, s, at which the governor stepped in on the changed side alone, by
            kind.
        lost_sensor: Course of the lost sensor; None without one.
    """

    def __init__(self, lost_s: float | None = None) -> None:
        self.stepped_in: dict[str, float] = {}
        self.lost_sensor = None if lost_s is None else LostSensor(lost_s)
        self._counts: list[dict[str, int]] = [{}, {}]

    def add(self, time_s: float, sides: tuple[Side, Side], twist: tuple[float, ...]) -> None:
        """Take the recorded and the changed side after a cycle with the changed ``twist``, (6,)."""
        recorded, changed = (self._new(number, side) for number, side in enumerate(sides))
        for kind in changed - recorded:
            self.stepped_in.setdefault(kind, time_s)
        lost = self.lost_sensor
        if lost is None or time_s <= lost.lost_s:
            return
        if lost.noticed_s is None and _NOTICED in changed:
            lost = lost._replace(noticed_s=time_s)
        if lost.rest_s is None and not any(twist):
            lost = lost._replace(rest_s=time_s)
        self.lost_sensor = lost

    def _new(self, number: int, side: Side) -> set[str]:
        """Return the kinds of intervention of this cycle."""
        counts, before = side.motion.interventions, self._counts[number]
        self._counts[number] = counts
        return {kind for kind, count in counts.items() if count > before.get(kind, 0)}


def _norm(wrench: Recorded) -> float:
    return math.hypot(*wrench.numbers.values[:3])
