"""Rebuilds the twist of a cycle from a bag that does not record the bridge's inputs.

Early bags and those of other recorders have the messages, but not the order in which they
reached the bridge. The inputs that reproduce the recorded twist are searched among those in
transit. If none do, the twist counts as a difference only if it lies outside the range that the
messages of the last 0.1 s can produce; otherwise it is undetermined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import sub
from typing import NamedTuple

from der_ros.geometry import Pose
from der_ros.offline_replay.attempt_setup import AttemptSetup
from der_ros.offline_replay.cycle_inputs import Choice, likely_inputs, possible_inputs
from der_ros.offline_replay.motion_replay import MotionReplay
from der_ros.offline_replay.recorded_stream import Cycle, Window
from der_ros.offline_replay.replay_side import Side

TWIST_TOLERANCE = 1e-3
"""Tolerance of an applied twist, m/s and rad/s: twice the rounding of a telegram in 4 ms."""
_REST = (0.0,) * 6


class Guess(NamedTuple):
    """Rebuilt twist of one cycle.

    Attributes:
        choice: Inputs of the cycle.
        twist: Rebuilt twist, (6,) m/s and rad/s, task axes; NaN if nothing is known.
        is_determined: True if the bag determines the twist.
    """

    choice: Choice
    twist: tuple[float, ...]
    is_determined: bool


class _Try(NamedTuple):
    worst: float
    choice: Choice
    twist: tuple[float, ...]
    motion: MotionReplay


class TwistGuess:
    """Finds the inputs of successive cycles.

    Args:
        setup: Setup of the attempt.
    """

    def __init__(self, setup: AttemptSetup) -> None:
        self._setup = setup
        self._before: Cycle | None = None

    def find(self, side: Side, window: Window, cycle: Cycle, pose: Pose) -> Guess:
        """Return the likeliest inputs that reproduce the recorded twist, and their twist.

        ``side.motion`` advances to the state after the cycle.
        """
        before, self._before = self._before, cycle
        likely = likely_inputs(side.commands, window, cycle, self._setup.limits)
        starts: list[MotionReplay] = []
        tried: list[_Try] = []
        for start in _starts(side.motion, before):
            starts.append(start)
            for choice in likely:
                found = self._try(start, choice, cycle, pose)
                if found.worst <= TWIST_TOLERANCE:
                    side.motion = found.motion
                    return Guess(found.choice, found.twist, True)
                tried.append(found)
        possible = possible_inputs(side.commands, window, cycle)
        more = [self._try(start, each, cycle, pose) for start in starts for each in possible]
        best = min(tried + more, key=lambda each: each.worst)
        side.motion = best.motion
        twists = [each.twist for each in tried + more]
        if before is None or self._may_have_stood(before, cycle):
            twists.append(_REST)
        return Guess(best.choice, best.twist, not _spans(twists, cycle.applied))

    def _try(self, start: MotionReplay, choice: Choice, cycle: Cycle, pose: Pose) -> _Try:
        motion = start.branch()
        twist = motion.step(cycle, pose, self._setup.cycle_s, choice.command, choice.wrench)
        worst = max(map(abs, map(sub, twist, cycle.applied)))
        return _Try(worst, choice, twist, motion)

    def _may_have_stood(self, before: Cycle, cycle: Cycle) -> bool:
        """Return True if the robot stood before the cycle, or cycles are missing."""
        gap_s = 1e-9 * (cycle.at_ns - before.at_ns)
        return not any(before.applied) or gap_s > 1.5 * self._setup.cycle_s


def _starts(motion: MotionReplay, before: Cycle | None) -> Iterator[MotionReplay]:
    """Yield the rebuilt state before a cycle, then the one of the recorded twist."""
    yield motion
    if before is not None:
        yield motion.resumed(before.applied)


def _spans(twists: Iterable[tuple[float, ...]], recorded: tuple[float, ...]) -> bool:
    """Return True if the recorded twist is within the range of other possible twists."""
    columns = list(zip(*twists, strict=True))
    wide = any(max(column) - min(column) > TWIST_TOLERANCE for column in columns)
    return wide and all(
        min(column) - TWIST_TOLERANCE <= value <= max(column) + TWIST_TOLERANCE
        for column, value in zip(columns, recorded, strict=True)
    )
