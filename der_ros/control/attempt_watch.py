"""Verdict on a running attempt, from pose, force, commands and time; without ROS."""

from __future__ import annotations

import math
from typing import TypeAlias

from der_ros.geometry import Array, Pose, Twist
from der_ros.policy.attempt import Outcome
from der_ros.policy.home import GroundContact, HomeLimits, Pressing
from der_ros.policy.stall import StallLimits, StallWatch
from der_ros.tasks import Task

STALE_AFTER_S = 0.2
"""Age at which a pose or a force reading is stale, s."""
# The robot rests 0.2 s after the last command; a verdict may take longer on a busy computer.
SILENT_AFTER_S = 1.0
"""Gap between two commands that is taken for the policy's end, s."""
SEATING_S = 4.0
"""Time from the depth of a joint to home after which the piece does not go home, s."""
SEATED = "the piece is seated"
JAMMED_ADVICE = "free the piece; check clearance, burrs and the tilt of the task frame"
MISSED_ADVICE = "check the place of the ground piece, the grip and the task frame"
TIMEOUT_ADVICE = "look at the bag of the attempt, or raise time_limit_s"

Verdict: TypeAlias = tuple[Outcome, str]
"""Outcome and its reason, with what to do about it."""


class Freshness:
    """Arrival times of an attempt's inputs, ``time.monotonic``.

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


def insertion_force_n(pose: Pose, tcp_from_sensor: Pose, force: Array) -> float:
    """Return the part of a force along the insertion axis, the z of the task, N.

    Args:
        pose: of the held piece, task frame.
        tcp_from_sensor: the sensor in the frame of the held piece.
        force: (3,) N, of the surroundings on the tool, in the axes of the sensor.
    """
    return float((pose @ tcp_from_sensor).rotation[2] @ force)


class AttemptWatch:
    """Verdict on one attempt.

    Args:
        task: that is assembled.
        limits: of a stall.
        began_s: beginning of the attempt, ``time.monotonic``.
        home: when a piece is home; None for the verdict of releases up to 0.2, where depth alone
            is a success.
        seating_s: longest time from the depth of a joint to home, s.
    """

    def __init__(
        self,
        task: Task,
        limits: StallLimits,
        began_s: float,
        home: HomeLimits | None = None,
        seating_s: float = SEATING_S,
    ) -> None:
        self._task, self._limits, self._home = task, limits, home
        self._stall = StallWatch(limits)
        self._deadline_s, self._seating_s = began_s + task.time_limit_s, seating_s
        self._contact, self._pressing = GroundContact(home or HomeLimits()), Pressing()
        self._deepest_m = math.inf
        self._home_by_s = math.inf

    @property
    def is_seated(self) -> bool:
        """True once the piece was as deep as it gets only in the joint."""
        return self._home_by_s < math.inf

    def judge(
        self, now_s: float, pose: Pose, commanded: Twist, force_n: float = 0.0
    ) -> Verdict | None:
        """Return the verdict and its reason; None while the attempt goes on.

        Args:
            now_s: ``time.monotonic``.
            pose: of the held piece, task frame.
            commanded: newest twist of the held piece, task axes.
            force_n: of the ground on the piece along the insertion axis, N; positive outwards.
        """
        self._deepest_m = min(self._deepest_m, float(pose.position[2]))
        self._pressing.add(now_s, force_n)
        rests = self._contact.feels(now_s, pose, force_n)
        if self._task.is_seated(pose):
            if self._home is None:
                return Outcome.SUCCESS, SEATED
            if not self.is_seated:
                self._home_by_s = now_s + self._seating_s
        if self.is_seated:
            return self._judge_seating(now_s, pose, rests, self._home or HomeLimits())
        if self._stall.stalled(now_s, pose, commanded):
            return self._stalled(pose)
        return self._timed_out(pose) if now_s >= self._deadline_s else None

    def _judge_seating(
        self, now_s: float, pose: Pose, rests: bool, home: HomeLimits
    ) -> Verdict | None:
        """Judge a piece that is in its joint and on the way to flush."""
        height_mm = 1e3 * float(pose.position[2])
        if height_mm < -1e3 * home.depth_m:
            return Outcome.FAULT, (
                f"the ground is not felt {-height_mm:.1f} mm below flush: is the piece held, does "
                "the sensor feel, is the task frame right? Look, then call "
                "assembly_supervisor/start"
            )
        if rests and height_mm <= 1e3 * home.depth_m and self._task.is_seated(pose):
            return Outcome.SUCCESS, SEATED
        if now_s < self._home_by_s:
            return None
        if self._presses(home):
            return self._jammed(pose, f"not home within {self._seating_s:g} s")
        return Outcome.TIMEOUT, (
            f"in the joint, {height_mm:.1f} mm above flush, and the ground is not felt within "
            f"{self._seating_s:g} s: {TIMEOUT_ADVICE}"
        )

    def _stalled(self, pose: Pose) -> Verdict:
        reason = f"no progress for {self._limits.patience_s:g} s"
        if self._home is None or not self._presses(self._home):
            return Outcome.STALL, reason
        if self._was_in():
            return self._jammed(pose, reason)
        return self._missed(pose, reason)

    def _timed_out(self, pose: Pose) -> Verdict:
        reason = f"not seated within {self._task.time_limit_s:g} s"
        if self._home is None:
            return Outcome.TIMEOUT, reason
        if self._presses(self._home) and not self._was_in():
            return self._missed(pose, reason)
        return Outcome.TIMEOUT, f"{reason}: {TIMEOUT_ADVICE}"

    def _presses(self, home: HomeLimits) -> bool:
        return self._pressing.force_n >= home.felt_n

    def _was_in(self) -> bool:
        return self._deepest_m < self._task.engagement_height_m

    def _jammed(self, pose: Pose, reason: str) -> Verdict:
        return Outcome.JAMMED, (
            f"{reason}, {1e3 * float(pose.position[2]):.1f} mm above flush, pressed with "
            f"{self._pressing.force_n:.0f} N: {JAMMED_ADVICE}"
        )

    def _missed(self, pose: Pose, reason: str) -> Verdict:
        return Outcome.MISSED, (
            f"{reason}, on the rim {1e3 * float(pose.position[2]):.0f} mm above flush, never in: "
            f"{MISSED_ADVICE}"
        )
