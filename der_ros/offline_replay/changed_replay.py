"""Replay of the changed side of a what-if, beside the recorded side."""

from __future__ import annotations

from typing import NamedTuple

from der_ros.geometry import Pose
from der_ros.offline_replay.cycle_samples import ChangedCourse
from der_ros.offline_replay.differences import Differences
from der_ros.offline_replay.motion_replay import Outside
from der_ros.offline_replay.recorded_stream import Cycle, Recorded, Tick, Window
from der_ros.offline_replay.replay_side import Side
from der_ros.offline_replay.tick_replay import SeenInputs
from der_ros.offline_replay.twist_guess import TWIST_TOLERANCE, Guess


class RebuiltCycle(NamedTuple):
    """Cycle of the robot as rebuilt on the recorded side.

    Attributes:
        cycle: The cycle.
        time_s: Time of the cycle, s.
        pose: Pose of the TCP in the base.
        outside: Events before the cycle that its inputs do not explain; None without a record.
        guess: Inputs and twist of the cycle.
        heard: Newest wrench of the nodes, or None.
    """

    cycle: Cycle
    time_s: float
    pose: Pose
    outside: Outside | None
    guess: Guess
    heard: Recorded | None


class ChangedReplay:
    """Replay of the changed side: its actions and twists against those without the changes.

    Args:
        side: The changed side.
        cycle_s: Duration of a cycle that has no record, s.
        has_records: True if the bag has records of the cycles.
        tolerance: Largest difference of an action component that counts as the same.

    Attributes:
        side: The changed side.
        actions: Its actions against the recorded ones.
        applied: Its twists against those of the recorded side.
        course: Course of both sides over the cycles.
    """

    def __init__(self, side: Side, cycle_s: float, has_records: bool, tolerance: float) -> None:
        self.side, self._cycle_s, self._has_records = side, cycle_s, has_records
        self.actions, self.applied = Differences(tolerance), Differences(TWIST_TOLERANCE)
        self.course = ChangedCourse(side.what_if.lose_sensor_after_s)
        self._is_alike = True  # this side has moved as the recorded one so far

    def tick(self, tick: Tick, seen: SeenInputs, window: Window, time_s: float) -> None:
        """Act once, and compare the action.

        Args:
            tick: Tick of the bag.
            seen: Inputs of the recorded policy in this tick.
            window: Recorded messages of about the same time.
            time_s: Time of the tick, s.
        """
        felt = self.side.felt(seen.wrench, window)
        action = self.side.tick(tick, seen._replace(wrench=felt))[1]
        if action is not None:
            self.actions.add(time_s, tick.action.tolist(), action.tolist())

    def cycle(self, rebuilt: RebuiltCycle, window: Window, recorded: Side) -> tuple[float, ...]:
        """Run one cycle, and compare its twist; return the twist, (6,) task axes.

        Args:
            rebuilt: The cycle on the recorded side.
            window: Recorded messages of about the same time.
            recorded: The recorded side, after the cycle.
        """
        side, cycle, guess = self.side, rebuilt.cycle, rebuilt.guess
        felt = side.felt(rebuilt.heard, window)
        felt = None if side.is_lost(felt) else felt
        twist = self._twist(rebuilt, felt)
        side.verdict.look(cycle, rebuilt.pose, side.motion.fault, felt)
        if guess.is_determined:
            self.applied.add(rebuilt.time_s, guess.twist, twist)
        else:
            self.applied.set_aside()
        self.course.add(rebuilt.time_s, (recorded, side), twist)
        return twist

    def _twist(self, rebuilt: RebuiltCycle, felt: Recorded | None) -> tuple[float, ...]:
        """Move one cycle and return the twist.

        As long as both sides have moved alike, this side too has the recorded twist where the
        rebuilt one is undetermined.
        """
        side, cycle, guess = self.side, rebuilt.cycle, rebuilt.guess
        command = side.command_like(guess.choice.command, cycle)
        if cycle.record is not None and rebuilt.outside is not None:
            used = None if guess.choice.wrench is None else felt
            twist = side.motion.follow(cycle.record, rebuilt.outside, rebuilt.pose, command, used)
            if guess.is_determined:
                self._is_alike = self._is_alike and twist == guess.twist
            elif self._is_alike:
                side.motion.resume_from(cycle.record.twist)
            return twist
        if self._has_records and self._is_alike:
            return cycle.applied
        return side.motion.step(cycle, rebuilt.pose, self._cycle_s, command, felt)
