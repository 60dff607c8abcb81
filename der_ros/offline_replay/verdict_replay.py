"""Replays the supervisor's verdict in bag time.

A bag is judged by the rules of its release: if its result has no ``final_depth_m``, by depth alone.

The supervisor judges the newest messages every 20 ms; the exact times are not recorded. If force or
motion is near its limit, other times give the verdict a moment earlier or later, while the bag ends
with the recorded verdict. So a piece that is nearly home at the end of a bag counts as home. Bags
of November 2026 and before end after a shorter ``seating_s``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from der_ros.control.attempt_watch import (
    SEATED,
    SILENT_AFTER_S,
    AttemptWatch,
    Freshness,
    Verdict,
    insertion_force_n,
)
from der_ros.geometry import Pose, Twist
from der_ros.offline_replay.attempt_setup import AttemptSetup
from der_ros.offline_replay.motion_replay import HELD_FROM_OUTSIDE
from der_ros.offline_replay.recorded_stream import Cycle, Recorded
from der_ros.offline_replay.reported_faults import ReportedFault
from der_ros.policy.attempt import Outcome
from der_ros.policy.home import GroundContact, HomeLimits
from der_ros.policy.stall import StallLimits
from der_ros.tasks import Task, make_task

# Tolerances for judging the same force and motion at other times.
_NEARLY_FELT, _EARLIER_S = 0.5, 0.06
# Twice the limit of the bags of November 2026 and before.
_NEARLY_MOVED_M = 0.0004
# Default seating_s of these bags.
_EARLIER_SEATING_S = 4.0
# Longest time from a fault to its report in the diagnostics, on a busy computer.
_REPORTED_WITHIN_S = 0.5


def nearly(home: HomeLimits) -> HomeLimits:
    """Return relaxed home limits, within which another judging time might see a piece home."""
    hold_s = max(0.0, home.hold_s - _EARLIER_S)
    moved_m = max(home.moved_m, _NEARLY_MOVED_M)
    return replace(home, felt_n=_NEARLY_FELT * home.felt_n, hold_s=hold_s, moved_m=moved_m)


class NearlyHome:
    """Finds a piece that is home within relaxed limits.

    Args:
        task: Task to assemble.
        home: Limits within which a piece is home.
    """

    def __init__(self, task: Task, home: HomeLimits) -> None:
        self._task, self._home = task, nearly(home)
        self._contact = GroundContact(self._home)

    def sees(self, now_s: float, pose: Pose, force_n: float) -> bool:
        """Return True if the piece may be home; for the arguments, see ``AttemptWatch.judge``."""
        rests = self._contact.feels(now_s, pose, force_n)
        if not rests or abs(1e3 * float(pose.position[2])) > 1e3 * self._home.depth_m:
            return False
        return self._task.is_seated(pose)


class VerdictReplay:
    """Judges an attempt cycle by cycle until there is a verdict.

    Args:
        setup: Setup of the attempt.
        stall: Limits of a stall.
        home: Limits within which a piece is home.
        start_ns: Bag time of 0 s.
        reported: Errors that the nodes reported in the bag, in order.
        stopped: Reason of a recorded abort, which no message of the bag shows; empty: none.

    Attributes:
        outcome: Outcome; None until there is a verdict.
        reason: Reason of the outcome, one sentence.
        at_s: Time of the verdict since ``start_ns``, s.
    """

    def __init__(
        self,
        setup: AttemptSetup,
        stall: StallLimits,
        home: HomeLimits,
        start_ns: int,
        reported: Iterable[ReportedFault] = (),
        stopped: str = "",
    ) -> None:
        self.outcome: Outcome | None = None
        self.reason, self.at_s = "", 0.0
        self._start_ns, self._stopped = start_ns, stopped
        result = setup.result
        began_ns = result.began_ns if result is not None else start_ns
        self._began_s = 1e-9 * (began_ns - start_ns)
        judged = home if result is None or result.is_home else None
        task = make_task(setup.task)
        slowdown = setup.action_repeat
        self._watch = AttemptWatch(task, stall, self._began_s, judged, slowdown=slowdown)
        self._nearly = None if judged is None else NearlyHome(task, judged)
        self._almost_s: float | None = None
        self._earlier_seating_s = slowdown * _EARLIER_SEATING_S
        self._last: tuple[float, Pose] | None = None
        self._tcp_from_sensor = setup.tcp_from_sensor
        self._task_from_base = setup.base_from_task.inverse()
        self._fresh = Freshness()
        self._fresh.command_s = self._began_s
        self._resumed_s = float("-inf")
        self._commanded = Twist.zero()
        self._reported = [
            (1e-9 * (each.at_ns - start_ns), each.text)
            for each in reported
            if each.text and each.at_ns >= began_ns
        ]
        if self._began_s <= 0.0:
            self.resume(start_ns)  # the bag begins within the attempt, as one that was cut does

    def hear_command(self, at_ns: int, twist: Twist) -> None:
        """Take a command that arrives at ``at_ns``."""
        self._commanded = twist
        self._fresh.command_s = 1e-9 * (at_ns - self._start_ns)

    def resume(self, at_ns: int) -> None:
        """Take all inputs as fresh, after a pause of the recording or a missing beginning.

        Args:
            at_ns: Bag time of the first event after it.
        """
        fresh, now_s = self._fresh, 1e-9 * (at_ns - self._start_ns)
        self._resumed_s = fresh.pose_s = now_s
        fresh.wrench_s, fresh.command_s = max(fresh.wrench_s, now_s), max(fresh.command_s, now_s)

    def judge_cycle(
        self, cycle: Cycle, pose: Pose, fault: str | None, wrench: Recorded | None
    ) -> None:
        """Judge one cycle.

        Args:
            cycle: Cycle of the robot.
            pose: Pose of the TCP in the base.
            fault: Latched fault of the bridge, or None.
            wrench: Newest wrench; None if there is none.
        """
        now_s = 1e-9 * (cycle.at_ns - self._start_ns)
        if wrench is not None:
            measured_s = 1e-9 * (wrench.numbers.stamp_ns - self._start_ns)
            self._fresh.wrench_s = max(measured_s, self._resumed_s)
        if self.outcome is not None or now_s < self._began_s:
            self._fresh.pose_s = now_s
            return
        if fault == HELD_FROM_OUTSIDE:
            fault = self._reported_at(now_s + _REPORTED_WITHIN_S) or fault
        fault = fault or self._reported_at(now_s)
        problem = fault or self._fresh.stale(now_s) or self._silence(now_s)
        self._fresh.pose_s = now_s
        if problem:
            self._end(now_s, Outcome.FAULT, problem)
            return
        verdict = self._judge(now_s, self._task_from_base @ pose, wrench)
        if verdict is not None:
            self._end(now_s, *verdict)

    def _judge(self, now_s: float, pose: Pose, wrench: Recorded | None) -> Verdict | None:
        force = (0.0, 0.0, 0.0) if wrench is None else wrench.numbers.values[:3]
        felt_n = insertion_force_n(pose, self._tcp_from_sensor, force)
        if self._nearly is not None and self._nearly.sees(now_s, pose, felt_n):
            self._almost_s, self._nearly = now_s, None
        self._last = now_s, pose
        return self._watch.judge(now_s, pose, self._commanded, felt_n)

    def close(self, at_ns: int) -> None:
        """Judge the end of the bag: a silent robot, a stop, a piece nearly home, an earlier rule.

        Args:
            at_ns: Bag time of the end.
        """
        if self.outcome is not None:
            return
        now_s = 1e-9 * (at_ns - self._start_ns)
        problem = self._reported_at(now_s) or self._fresh.stale(now_s)
        if problem:
            self._end(now_s, Outcome.FAULT, problem)
        elif self._stopped:
            self._end(now_s, Outcome.ABORTED, self._stopped)
        elif self._almost_s is not None:
            self._end(self._almost_s, Outcome.SUCCESS, SEATED)
        elif self._last is not None:
            verdict = self._watch.not_home_within(self._earlier_seating_s, *self._last)
            if verdict is not None:
                self._end(self._last[0], *verdict)

    def _reported_at(self, now_s: float) -> str:
        """Return the first errors that the nodes have reported by ``now_s``; empty if none."""
        return next((text for at_s, text in self._reported if at_s <= now_s), "")

    def _silence(self, now_s: float) -> str:
        if not self._fresh.is_silent(now_s):
            return ""
        return f"policy_server has sent no command for {SILENT_AFTER_S:g} s"

    def _end(self, now_s: float, outcome: Outcome, reason: str) -> None:
        self.outcome, self.reason, self.at_s = outcome, reason, now_s
