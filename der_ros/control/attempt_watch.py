"""Verdict on a running attempt, from pose, force, commands and time; without ROS."""

from __future__ import annotations

from der_ros.geometry import Pose, Twist
from der_ros.policy.attempt import Outcome
from der_ros.policy.stall import StallLimits, StallWatch
from der_ros.tasks import Task

STALE_AFTER_S = 0.2
"""Age at which a pose or a force reading is stale, s."""
# The robot rests 0.2 s after the last command; a verdict may take longer on a busy computer.
SILENT_AFTER_S = 1.0
"""Gap between two commands that is taken for the policy's end, s."""


class Freshness:
    """Arrivals of what an attempt rests on, as ``time.monotonic``.

    Attributes:
        pose_s: arrival of the newest usable pose.
        wrench_s: arrival of the newest wrench.
        command_s: arrival of the newest command.
    """

    def __init__(self) -> None:
        self.pose_s = self.wrench_s = self.command_s = float("-inf")

    def stale(self, now_s: float) -> str:
        """Return which input is stale at ``now_s``; empty if none is."""
        if now_s - self.pose_s > STALE_AFTER_S:
            return f"no robot pose for {STALE_AFTER_S} s"
        if now_s - self.wrench_s > STALE_AFTER_S:
            return f"no force reading for {STALE_AFTER_S} s"
        return ""

    def is_silent(self, now_s: float) -> bool:
        """Tell if the policy has sent no command for ``SILENT_AFTER_S``."""
        return now_s - self.command_s > SILENT_AFTER_S


class AttemptWatch:
    """Success, stall or timeout of one attempt.

    Args:
        task: that is assembled.
        limits: of a stall.
        began_s: beginning of the attempt, ``time.monotonic``.
    """

    def __init__(self, task: Task, limits: StallLimits, began_s: float) -> None:
        self._task, self._limits = task, limits
        self._stall = StallWatch(limits)
        self._deadline_s = began_s + task.time_limit_s

    def judge(self, now_s: float, pose: Pose, commanded: Twist) -> tuple[Outcome, str] | None:
        """Return the verdict and its reason; None while the attempt goes on.

        Args:
            now_s: ``time.monotonic``.
            pose: of the held piece, task frame.
            commanded: newest twist of the held piece, task axes.
        """
        if self._task.is_seated(pose):
            return Outcome.SUCCESS, "the piece is seated"
        if self._stall.stalled(now_s, pose, commanded):
            return Outcome.STALL, f"no progress for {self._limits.patience_s:g} s"
        if now_s >= self._deadline_s:
            return Outcome.TIMEOUT, f"not seated within {self._task.time_limit_s:g} s"
        return None
