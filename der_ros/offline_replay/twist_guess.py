"""The twist of a cycle from a bag that does not tell the bridge's inputs.

Bags of release 0.1 and of other recorders have the messages, not the order in which they came to
the bridge. The inputs that give the recorded twist are looked for among those that were on their
way. Where none does, the twist is a real difference only if it lies outside all that the messages
of the last tenth of a second could have given; otherwise the bag cannot tell.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from der_ros.geometry import Pose
from der_ros.offline_replay.attempt_setup import AttemptSetup
from der_ros.offline_replay.cycle_inputs import Choice, likely_inputs, possible_inputs
from der_ros.offline_replay.motion_replay import MotionReplay
from der_ros.offline_replay.recorded_stream import Cycle, Window
from der_ros.offline_replay.replay_side import Side

TWIST_TOLERANCE = 1e-3
"""Difference of an applied twist, m/s and rad/s: twice what a rounded telegram leaves in 4 ms."""
_REST = (0.0,) * 6


class Guess(NamedTuple):
    """Rebuilt twist of one cycle.

    Attributes:
        choice: inputs of the cycle.
        twist: (6,) task axes; NaN where nothing is known.
        is_determined: True if the bag determines it.
    """

    choice: Choice
    twist: tuple[float, ...]
    is_determined: bool

    @property
    def is_known(self) -> bool:
        """True unless nothing is known of the twist."""
        return not math.isnan(self.twist[0])


class _Try(NamedTuple):
    worst: float
    choice: Choice
    twist: tuple[float, ...]
    motion: MotionReplay


class TwistGuess:
    """Finds the inputs of cycles, one after the other.

    Args:
        setup: of the attempt.
    """

    def __init__(self, setup: AttemptSetup) -> None:
        self._setup = setup
        self._before: Cycle | None = None

    def find(self, side: Side, window: Window, cycle: Cycle, pose: Pose) -> Guess:
        """Return the inputs that give the recorded twist, the likeliest first, and the twist.

        ``side.motion`` goes on from there.
        """
        before, self._before = self._before, cycle
        likely = likely_inputs(side.commands, window, cycle, self._setup.limits)
        starts = [side.motion]
        if before is not None:
            starts.append(side.motion.resumed(before.applied))
        tried = []
        for start in starts:
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
        worst = max(abs(a - b) for a, b in zip(twist, cycle.applied, strict=True))
        return _Try(worst, choice, twist, motion)

    def _may_have_stood(self, before: Cycle, cycle: Cycle) -> bool:
        """Return True if the robot stood before the cycle, or cycles are missing."""
        gap_s = 1e-9 * (cycle.at_ns - before.at_ns)
        return not any(before.applied) or gap_s > 1.5 * self._setup.cycle_s


def _spans(twists: Iterable[tuple[float, ...]], recorded: tuple[float, ...]) -> bool:
    """Return True if the recorded twist lies between others that the inputs may have given."""
    columns = list(zip(*twists, strict=True))
    wide = any(max(column) - min(column) > TWIST_TOLERANCE for column in columns)
    return wide and all(
        min(column) - TWIST_TOLERANCE <= value <= max(column) + TWIST_TOLERANCE
        for column, value in zip(columns, recorded, strict=True)
    )
