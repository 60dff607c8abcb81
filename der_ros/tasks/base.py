"""What a task is: two pieces, where they start, where they belong, and how well they fit so far.

All poses are in the task frame: its origin is the nominal assembled pose of the held piece, z
points away from the ground piece. A task is data and pure functions; it knows no engine.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, NamedTuple, TypeAlias

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, angle_between

Pair: TypeAlias = tuple[float, float]
Triple: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True)
class Box:
    """A solid box, axes parallel to its piece's.

    Attributes:
        half_extents: (x, y, z) half edge lengths, m, all positive.
        position: its centre in the piece's frame, m.
    """

    half_extents: Triple
    position: Triple

    def __post_init__(self) -> None:
        """Refuses a box without volume.

        Raises:
            ConfigurationError: a half extent is not positive and finite.
        """
        if not all(0.0 < h < math.inf for h in self.half_extents):
            raise ConfigurationError(
                f"Box.half_extents: expected three lengths above 0 m, got {self.half_extents}"
            )

    @property
    def volume_m3(self) -> float:
        """Volume, m³."""
        x, y, z = self.half_extents
        return 8.0 * x * y * z

    @property
    def center_of_mass(self) -> Triple:
        """Its centre, in the piece's frame, m."""
        return self.position

    @property
    def gyration_m2(self) -> Array:
        """(3,) moments of inertia about its centre for each kilogram; there are no products."""
        square = np.square(2.0 * np.array(self.half_extents))
        moments: Array = (square.sum() - square) / 12.0
        return moments


@dataclass(frozen=True)
class Frustum:
    """A solid whose section is a rectangle that grows or shrinks evenly along z: a chamfered tip.

    Attributes:
        bottom: (x, y) half edge lengths of the lower face, m, all positive.
        top: the same of the upper face.
        height: from the lower to the upper face, m, positive.
        position: the centre of the lower face in the piece's frame, m.
    """

    bottom: Pair
    top: Pair
    height: float
    position: Triple

    def __post_init__(self) -> None:
        """Refuses a frustum without volume.

        Raises:
            ConfigurationError: a length is not positive and finite.
        """
        if not all(0.0 < length < math.inf for length in (*self.bottom, *self.top, self.height)):
            raise ConfigurationError(
                "Frustum: expected bottom, top and height above 0 m, "
                f"got {self.bottom}, {self.top} and {self.height}"
            )

    @property
    def volume_m3(self) -> float:
        """Volume, m³."""
        return float(self._slices[3].sum())

    @property
    def center_of_mass(self) -> Triple:
        """Its centre of mass, in the piece's frame, m."""
        _, _, z, volume = self._slices
        x, y, bottom = self.position
        return (x, y, bottom + float(z @ volume / volume.sum()))

    @property
    def gyration_m2(self) -> Array:
        """(3,) moments of inertia about its centre of mass for each kilogram; no products."""
        a, b, z, volume = self._slices
        share = volume / volume.sum()
        x2, y2 = float(share @ (a * a)) / 3.0, float(share @ (b * b)) / 3.0
        z2 = float(share @ (z * z)) - float(share @ z) ** 2
        return np.array((y2 + z2, x2 + z2, x2 + y2))

    def vertices(self, inset_m: float = 0.0) -> Array:
        """Its corners.

        Args:
            inset_m: how far all six faces are moved inwards first.

        Returns:
            (8, 3) m, in the piece's frame, the lower four first.
        """
        x, y, z = self.position
        corners = []
        for height in (inset_m, self.height - inset_m):
            a, b = (
                low + (high - low) * height / self.height
                - inset_m * math.hypot(1.0, (high - low) / self.height)
                for low, high in zip(self.bottom, self.top, strict=True)
            )  # fmt: skip
            corners += [(x + i * a, y + j * b, z + height) for i in (-1, 1) for j in (-1, 1)]
        return np.array(corners)

    @cached_property
    def _slices(self) -> tuple[Array, Array, Array, Array]:
        """Half lengths in x and y, height and volume of slices whose sums are exact integrals."""
        nodes, weights = np.polynomial.legendre.leggauss(4)
        t = 0.5 * (nodes + 1.0)
        a = self.bottom[0] + (self.top[0] - self.bottom[0]) * t
        b = self.bottom[1] + (self.top[1] - self.bottom[1]) * t
        return a, b, self.height * t, 4.0 * a * b * 0.5 * weights * self.height


Part: TypeAlias = Box | Frustum


@dataclass(frozen=True)
class Piece:
    """A rigid piece of one material: convex parts that touch but do not overlap.

    Attributes:
        parts: boxes and frustums, in the piece's frame.
        mass_kg: mass of all parts together.
        friction: Coulomb coefficient between the two pieces.
        rgba: colour for rendering, each in [0, 1].
    """

    parts: tuple[Part, ...]
    mass_kg: float
    friction: float = 0.5
    rgba: tuple[float, float, float, float] = (0.8, 0.65, 0.45, 1.0)

    def __post_init__(self) -> None:
        """Refuses a piece that no engine could move.

        Raises:
            ConfigurationError: no parts, a mass that is not positive, or a negative friction.
        """
        if not self.parts:
            raise ConfigurationError("Piece.parts: expected at least one Box or Frustum, got none")
        if not 0.0 < self.mass_kg < math.inf:
            raise ConfigurationError(f"Piece.mass_kg: expected more than 0, got {self.mass_kg}")
        if not 0.0 <= self.friction < math.inf:
            raise ConfigurationError(f"Piece.friction: expected 0 or more, got {self.friction}")

    @cached_property
    def center_of_mass(self) -> Triple:
        """Centre of mass in the piece's frame, m."""
        volumes = np.array([part.volume_m3 for part in self.parts])
        centres = np.array([part.center_of_mass for part in self.parts])
        x, y, z = (volumes @ centres / volumes.sum()).tolist()
        return (x, y, z)

    @cached_property
    def inertia(self) -> Array:
        """(3, 3) inertia tensor about the centre of mass, piece axes, kg m²."""
        density = self.mass_kg / sum(part.volume_m3 for part in self.parts)
        total = np.zeros((3, 3))
        for part in self.parts:
            mass = density * part.volume_m3
            offset = np.array(part.center_of_mass) - np.array(self.center_of_mass)
            total += mass * np.diag(part.gyration_m2)
            total += mass * (float(offset @ offset) * np.eye(3) - np.outer(offset, offset))
        return total


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
