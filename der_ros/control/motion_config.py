"""Frames, limits and watchdogs of the bridge's motion."""

from __future__ import annotations

from dataclasses import dataclass, field

from der_ros.control.frame_names import BASE_FRAME, TASK_FRAME, TCP_FRAME
from der_ros.drivers.following import FollowingLimits
from der_ros.geometry import Pose
from der_ros.policy.governor import GovernorLimits
from der_ros.settings import check_ranges, setting


@dataclass(frozen=True)
class MotionConfig:
    """Frames, limits and watchdogs of the bridge's motion.

    Attributes:
        base_from_task: Pose of the task frame in the robot's base frame.
        tcp_from_sensor: Pose of the sensor in the TCP frame.
        limits: Limits of the motion governor.
        following: Allowed differences between measured and sent motion.
        base_frame: Frame id of the robot's base in commands.
    """

    base_from_task: Pose
    tcp_from_sensor: Pose
    limits: GovernorLimits
    # Same default as moveit_servo.
    command_timeout_s: float = setting(
        0.1, "Age at which a command is stale, by stamp and by arrival", "s", 0.01, 1.0
    )
    wrench_timeout_s: float = setting(
        0.1, "Age at which a wrench is stale, by arrival", "s", 0.01, 1.0
    )
    max_late_answers: int = setting(
        20,
        "Most late answers in a second of motion, by the controller's Delay; more are a fault. "
        "Keep it below the controller's Timeout",
        minimum=1,
        maximum=1000,
    )
    following: FollowingLimits = field(default_factory=FollowingLimits)
    base_frame: str = BASE_FRAME

    @property
    def command_frames(self) -> tuple[str, ...]:
        """Frame ids that a command may have."""
        return (TASK_FRAME, self.base_frame, TCP_FRAME)

    def __post_init__(self) -> None:
        """Check the ranges of the timeouts and of ``max_late_answers``.

        Raises:
            ConfigurationError: A value is out of its range.
        """
        check_ranges(self)
