"""Replay of the changed side of a what-if, beside the recorded side."""

from __future__ import annotations

from typing import NamedTuple

from der_ros.geometry import Pose
from der_ros.offline_replay.differences import Differences
from der_ros.offline_replay.motion_replay import NewInterventions, Outside
from der_ros.offline_replay.recorded_stream import Cycle, Recorded, Tick, Window
from der_ros.offline_replay.replay_side import Side
from der_ros.offline_replay.tick_replay import SeenInputs
from der_ros.offline_replay.twist_guess import TWIST_TOLERANCE, Guess

_NOTICED = "STALE"


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
        self._recorded, self._changed = NewInterventions(), NewInterventions()

    def add(self, time_s: float, sides: tuple[Side, Side], twist: tuple[float, ...]) -> None:
        """Take the recorded and the changed side after a cycle with the changed ``twist``, (6,)."""
        recorded = self._recorded.take(sides[0].motion)
        changed = self._changed.take(sides[1].motion)
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
        side.verdict.judge_cycle(cycle, rebuilt.pose, side.motion.fault, felt)
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
