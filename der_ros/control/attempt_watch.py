"""Verdict on a running attempt, from pose, force, commands and time; without ROS."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

from der_ros.geometry import Pose, Twist
from der_ros.policy.attempt import Outcome
from der_ros.policy.home import GroundContact, HomeLimits, Pressing
from der_ros.policy.stall import StallLimits, StallWatch
from der_ros.rotation import rotate
from der_ros.tasks import Task

STALE_AFTER_S = 0.2
"""Age at which a pose or a force reading is stale, s."""
# The robot stops 0.2 s after the last command; a busy computer may need longer for a verdict.
SILENT_AFTER_S = 1.0
"""Time without a command after which the policy counts as ended, s."""
SEATING_S = 6.0
"""Longest time from reaching the joint's depth to being fully seated, s."""
SEATED = "the piece is seated"
JAMMED_ADVICE = "free the piece; check clearance, burrs and the tilt of the task frame"
MISSED_ADVICE = "check the place of the ground piece, the grip and the task frame"
STALL_ADVICE = "check what holds the robot back: its limits, the override, the drives"
TIMEOUT_ADVICE = "look at the bag of the attempt, or raise time_limit_s"

Verdict: TypeAlias = tuple[Outcome, str]
"""Outcome and its reason, with advice."""


class Freshness:
    """Arrival times of an attempt's inputs, ``time.monotonic``.

    Attributes:
        pose_s: Arrival of the newest usable pose, s.
        wrench_s: Arrival of the newest wrench, s.
        command_s: Arrival of the newest command, s.
    """

    def __init__(self) -> None:
        self.pose_s = self.wrench_s = self.command_s = float("-inf")

    def stale(self, now_s: float) -> str:
        """Return a message that names the stale input at ``now_s``; empty if none is stale."""
        if now_s - self.pose_s > STALE_AFTER_S:
            return f"no robot pose for {STALE_AFTER_S} s"
        if now_s - self.wrench_s > STALE_AFTER_S:
            return f"no force reading for {STALE_AFTER_S} s"
        return ""

    def is_silent(self, now_s: float) -> bool:
        """Return True if the policy has sent no command for ``SILENT_AFTER_S``."""
        return now_s - self.command_s > SILENT_AFTER_S


def insertion_force_n(pose: Pose, tcp_from_sensor: Pose, force: Iterable[float]) -> float:
    """Return the component of a force along the insertion axis (z of the task frame), N.

    Args:
        pose: Pose of the held piece, task frame.
        tcp_from_sensor: Pose of the sensor in the frame of the held piece.
        force: Force of the environment on the tool, (3,) N, sensor axes.
    """
    (_, to_task), (_, to_tcp) = pose.to_numbers(), tcp_from_sensor.to_numbers()
    return rotate(to_task, *rotate(to_tcp, *force))[2]


class AttemptWatch:
    """Monitor of one attempt that decides its outcome.

    Args:
        task: Task to assemble.
        limits: Limits of the stall detection.
        began_s: Start of the attempt, s, ``time.monotonic``.
        home: Conditions for a fully seated piece; None for the rule of early bags, where depth
            alone is a success.
        seating_s: Longest time from reaching the joint's depth to being fully seated, s.
        slowdown: Factor of all three times, because a force budget slows the policy down
            (``GovernorLimits.action_repeat``).
    """

    def __init__(
        self,
        task: Task,
        limits: StallLimits,
        began_s: float,
        home: HomeLimits | None = None,
        seating_s: float = SEATING_S,
        slowdown: int = 1,
    ) -> None:
        limits = replace(limits, patience_s=slowdown * limits.patience_s)
        self._task, self._limits, self._home = task, limits, home
        self._stall = StallWatch(limits)
        self._time_limit_s, self._seating_s = slowdown * task.time_limit_s, slowdown * seating_s
        self._deadline_s = began_s + self._time_limit_s
        self._contact, self._pressing = GroundContact(home or HomeLimits()), Pressing()
        self._deepest_m = math.inf
        self._seated_s = math.inf

    @property
    def is_seated(self) -> bool:
        """True once the piece has reached a depth that is possible only in the joint."""
        return self._seated_s < math.inf

    def judge(
        self, now_s: float, pose: Pose, commanded: Twist, force_n: float = 0.0
    ) -> Verdict | None:
        """Return the verdict and its reason; None while the attempt continues.

        Args:
            now_s: Current time, s, ``time.monotonic``.
            pose: Pose of the held piece, task frame.
            commanded: Newest commanded twist of the held piece, task axes.
            force_n: Force of the ground piece on the held piece along the insertion axis, N;
                positive outwards.
        """
        self._deepest_m = min(self._deepest_m, float(pose.position[2]))
        self._pressing.add(now_s, force_n)
        rests = self._contact.feels(now_s, pose, force_n)
        if self._task.is_seated(pose):
            if self._home is None:
                return Outcome.SUCCESS, SEATED
            if not self.is_seated:
                self._seated_s = now_s
        if self.is_seated:
            return self._judge_seating(now_s, pose, rests, self._home or HomeLimits())
        if self._stall.stalled(now_s, pose, commanded):
            return self._stalled(pose)
        return self._timed_out(pose) if now_s >= self._deadline_s else None

    def _judge_seating(
        self, now_s: float, pose: Pose, rests: bool, home: HomeLimits
    ) -> Verdict | None:
        """Judge a piece that is in its joint and not yet known to be fully seated."""
        height_mm = 1e3 * float(pose.position[2])
        if height_mm < -1e3 * home.depth_m:
            return Outcome.FAULT, (
                f"the ground is not felt {-height_mm:.1f} mm below flush: is the piece held, does "
                "the sensor feel, is the task frame right? Look, then call "
                "assembly_supervisor/start"
            )
        if rests and height_mm <= 1e3 * home.depth_m and self._task.is_seated(pose):
            return Outcome.SUCCESS, SEATED
        return self.not_home_within(self._seating_s, now_s, pose)

    def not_home_within(self, seating_s: float, now_s: float, pose: Pose) -> Verdict | None:
        """Return the verdict on a piece in its joint that is not home in time; None before that.

        Args:
            seating_s: Longest time from reaching the joint's depth to being fully seated, s.
            now_s: Time of the latest call of ``judge``, s.
            pose: Pose of that call.
        """
        if now_s < self._seated_s + seating_s:
            return None
        if self._presses(self._home or HomeLimits()):
            return self._jammed(pose, f"not home within {seating_s:g} s")
        height_mm = 1e3 * float(pose.position[2])
        return Outcome.TIMEOUT, (
            f"in the joint, {height_mm:.1f} mm above flush, and the ground is not felt within "
            f"{seating_s:g} s: {TIMEOUT_ADVICE}"
        )

    def _stalled(self, pose: Pose) -> Verdict:
        reason = f"no progress for {self._limits.patience_s:g} s"
        if self._home is None or not self._presses(self._home):
            return Outcome.STALL, f"{reason}: {STALL_ADVICE}"
        if self._was_in():
            return self._jammed(pose, reason)
        return self._missed(pose, reason)

    def _timed_out(self, pose: Pose) -> Verdict:
        reason = f"not seated within {self._time_limit_s:g} s"
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
