"""What a task is: two pieces, where they start, where they belong, and how well they fit so far.

All poses are in the task frame: its origin is the nominal assembled pose of the held piece, z
points away from the ground piece. A task is data and pure functions; it knows no engine.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, angle_between
from der_ros.tasks.pieces import Piece


@dataclass(frozen=True)
class InitialState:
    """Where an episode starts, task frame.

    Attributes:
        held: pose of the held piece.
        ground: where the ground piece really is; the identity is where it nominally is. The
            policy is not told.
    """

    held: Pose
    ground: Pose


class Judgement(NamedTuple):
    """How a pose does, by ``Task.judge``."""

    distance_m: float
    angle_rad: float
    success: bool
    reward: float


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """An assembly task. Concrete tasks give the pieces, the initial states and the tool.

    Distance, success and reward are the paper's (Sec. 3.1): with ``d = |dp| + w * angle``,
    ``r = -d``, plus ``R`` when ``d <= epsilon``; ``angle`` is that of the rotation to the goal, to
    the nearest one where the held piece is symmetric.

    Attributes:
        epsilon_m: success when the distance is at most this.
        rotation_weight_m_per_rad: w, what a radian counts in metres.
        success_reward: R.
        max_linear_speed_mps: an action of 1 commands this speed along each axis.
        max_angular_speed_radps: the same about each axis.
        time_limit_s: an episode is truncated after this.
        max_tilt_rad: an episode is truncated when the held piece is turned further than this from
            its nominal assembled orientation.
        soft_force_n: what the motion governor lets this assembly press with, in simulation and on
            the robot. Pressed harder, the pieces stick by friction and feel less.
        soft_torque_nm: the same of the torque.
        tcp_from_sensor: where the force/torque sensor sits on the tool.
    """

    name: ClassVar[str]

    epsilon_m: float = 0.005
    rotation_weight_m_per_rad: float = 0.05
    success_reward: float = 100.0
    max_linear_speed_mps: float = 0.05
    max_angular_speed_radps: float = 0.05
    time_limit_s: float = 16.0
    max_tilt_rad: float = 0.35
    soft_force_n: float = 20.0
    soft_torque_nm: float = 0.5
    tcp_from_sensor: Pose = field(
        default_factory=lambda: Pose(np.array((0.0, 0.0, 0.12)), np.array((0.0, 0.0, 0.0, 1.0)))
    )

    def __post_init__(self) -> None:
        """Refuses options that make no sense.

        Raises:
            ConfigurationError: one of the numbers is not finite or not positive.
        """
        for name in (
            "epsilon_m", "success_reward", "max_linear_speed_mps", "max_angular_speed_radps",
            "time_limit_s", "max_tilt_rad", "soft_force_n", "soft_torque_nm",
        ):  # fmt: skip
            require_range(getattr(self, name), name, low=0.0, inclusive=False)
        require_range(self.rotation_weight_m_per_rad, "rotation_weight_m_per_rad", low=0.0)

    @property
    @abstractmethod
    def held(self) -> Piece:
        """The piece at the end of the arm; its frame is the tcp."""

    @property
    @abstractmethod
    def ground(self) -> Piece:
        """The piece on the table; its frame is where the held piece's belongs."""

    @property
    @abstractmethod
    def start_pose(self) -> Pose:
        """Nominal start of the held piece."""

    @property
    @abstractmethod
    def retract_pose(self) -> Pose:
        """Where the held piece waits between two attempts, clear of the ground piece."""

    @property
    @abstractmethod
    def workspace(self) -> tuple[Array, Array]:
        """Lower and upper corner, (3,) m each, of the closed box that the tcp stays in."""

    @property
    @abstractmethod
    def engagement_height_m(self) -> float:
        """The tcp's height above its goal below which the ground piece guides the held one."""

    @abstractmethod
    def sample_initial_state(self, rng: np.random.Generator) -> InitialState:
        """Draws a start from the task's ranges; every number comes from ``rng``."""

    @abstractmethod
    def is_seated(self, pose: Pose) -> bool:
        """Whether the held piece at ``pose`` must be assembled, judged as on a real robot.

        The true goal is not known there: what counts is the depth reached inside the range of
        lateral positions that the ground piece can have.
        """

    @cached_property
    def speed_limits(self) -> Array:
        """(6,): three of m/s, three of rad/s; an action of 1 commands them."""
        linear, angular = self.max_linear_speed_mps, self.max_angular_speed_radps
        return np.array((linear,) * 3 + (angular,) * 3)

    def goal_pose(self, initial: InitialState) -> Pose:
        """The true goal of the held piece, task frame."""
        return initial.ground

    def nearest_goal(self, pose: Pose, goal: Pose) -> Pose:
        """Of all goals that are as good as ``goal``, because the piece is symmetric, the nearest.

        A task whose held piece looks the same after a turn overrides this, ``angle`` and ``tilt``.
        """
        return goal

    def tilt(self, pose: Pose) -> float:
        """How far, rad, a pose is turned in ways that ``max_tilt_rad`` limits."""
        # The angle of a rotation is 2 acos(w), and w >= 0 in a Pose.
        return 2.0 * math.acos(min(1.0, float(pose.quaternion[3])))

    def angle(self, pose: Pose, goal: Pose) -> float:
        """Angle, rad in [0, pi], between a pose and the nearest goal."""
        return angle_between(pose.quaternion, goal.quaternion)

    def distance(self, pose: Pose, goal: Pose) -> float:
        """``|dp| + w * angle``, m."""
        return self._distance(pose, goal, self.angle(pose, goal))

    def success(self, pose: Pose, goal: Pose) -> bool:
        """Whether the distance is at most ``epsilon_m``."""
        return self.distance(pose, goal) <= self.epsilon_m

    def reward(self, pose: Pose, goal: Pose) -> float:
        """The paper's reward (Sec. 3.1)."""
        return self.judge(pose, goal).reward

    def judge(self, pose: Pose, goal: Pose) -> Judgement:
        """Distance, angle, success and reward together, at the price of one of them."""
        angle = self.angle(pose, goal)
        distance = self._distance(pose, goal, angle)
        success = distance <= self.epsilon_m
        reward = self.success_reward - distance if success else -distance
        return Judgement(distance, angle, success, reward)

    def inside_workspace(self, pose: Pose, margin_m: float = 0.0) -> bool:
        """Whether the tilt is inside ``max_tilt_rad`` and the position well inside ``workspace``.

        Args:
            pose: of the held piece, task frame.
            margin_m: how far from the walls it must be.
        """
        (x, y, z), (low, high) = pose.position.tolist(), self._walls
        inside = (
            low[0] + margin_m <= x <= high[0] - margin_m
            and low[1] + margin_m <= y <= high[1] - margin_m
            and low[2] + margin_m <= z <= high[2] - margin_m
        )
        return inside and self.tilt(pose) <= self.max_tilt_rad

    @cached_property
    def _walls(self) -> tuple[list[float], list[float]]:
        low, high = self.workspace
        return low.tolist(), high.tolist()

    def _distance(self, pose: Pose, goal: Pose, angle: float) -> float:
        translation = math.dist(pose.position.tolist(), goal.position.tolist())
        return translation + self.rotation_weight_m_per_rad * angle


def pose_above(height_m: float) -> Pose:
    """Straight above the nominal assembled pose, m, and turned like it."""
    return Pose(np.array((0.0, 0.0, height_m)), np.array((0.0, 0.0, 0.0, 1.0)))


def require_range(
    value: float, name: str, *, low: float, high: float = math.inf, inclusive: bool = True
) -> float:
    """Returns ``value`` when it is a finite number in the range.

    Args:
        value: what the user gave.
        name: of the option, for the message.
        low: lower end.
        high: upper end, allowed unless it is infinite.
        inclusive: whether the lower end itself is allowed.

    Raises:
        ConfigurationError: it is not.
    """
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{name}: expected a number, got {value!r}") from error
    above = number >= low if inclusive else number > low
    if not (math.isfinite(number) and above and number <= high):
        bracket = "[" if inclusive else "("
        raise ConfigurationError(
            f"{name}: expected a finite number in {bracket}{low}, {high}], got {value!r}"
        )
    return number
