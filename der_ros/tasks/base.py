"""Task: two pieces, their initial states and goal, and the judgement of a pose.

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
from der_ros.geometry import Array, Pose, angle_between, quaternion_from_rotation_vector
from der_ros.tasks.option_checks import require_interval, require_range
from der_ros.tasks.pieces import GROUND_COLOUR, HELD_COLOUR, Pair, Part, Piece, Rgba

TIMBER_ON_TIMBER_N_PER_M = 4e6
STEEL_ON_STEEL_N_PER_M = 2e9


@dataclass(frozen=True)
class InitialState:
    """Initial poses of both pieces, task frame.

    Attributes:
        held: pose of the held piece.
        ground: where the ground piece really is; the identity is where it nominally is. The
            policy is not told.
    """

    held: Pose
    ground: Pose


class Judgement(NamedTuple):
    """Judgement of a pose by ``Task.judge``."""

    distance_m: float
    angle_rad: float
    success: bool
    reward: float


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """An assembly task. Concrete tasks give the parts of the pieces and their own defaults.

    Distance, success and reward are the paper's (Sec. 3.1): with ``d = |dp| + w * angle``,
    ``r = -d``, plus ``R`` when ``d <= epsilon``; ``angle`` is that of the rotation to the goal, to
    the nearest one where the held piece is symmetric.

    Attributes:
        clearance_range_m: of the task's class: the least and the most clearance.
        start_height_range_m: the same of the start.
        density_kg_per_m3: of both pieces; spruce unless the task says otherwise.
        clearance_m: total lateral play, half on each side.
        friction: Coulomb coefficient between the pieces; wood on wood.
        contact_stiffness_n_per_m: of the pieces where they touch; timber on timber, or
            ``STEEL_ON_STEEL_N_PER_M``. ``sim.compliance`` has the sources.
        start_height_m: of the held piece above its assembled pose.
        start_yaw_range_rad: the held piece's initial yaw is uniform in [low, high).
        ground_offset_m: the ground piece's x and y are uniform within plus or minus this; None for
            what is usual in this task, ``usual_ground_offset_m``.
        ground_yaw_range_rad: and its yaw is uniform in this range.
        epsilon_m: success when the distance is at most this.
        rotation_weight_m_per_rad: w, what a radian counts in metres.
        success_reward: R.
        max_linear_speed_mps: an action of 1 commands this speed along each axis.
        max_angular_speed_radps: the same about each axis.
        max_tilt_speed_radps: the same about x and y; None for ``max_angular_speed_radps``. Less
            lets exploration turn the piece without tilting it out of ``max_tilt_rad``.
        time_limit_s: an episode is truncated after this.
        max_tilt_rad: an episode is truncated when the held piece is turned further than this from
            its nominal assembled orientation.
        soft_force_n: what the motion governor lets this assembly press with, in simulation and on
            the robot. Pressed harder, the pieces stick by friction and feel less.
        soft_torque_nm: the same of the torque.
        tcp_from_sensor: where the force/torque sensor sits on the tool.
    """

    name: ClassVar[str]
    # On which of the simulation's robots the task is done when nobody says otherwise.
    default_robot: ClassVar[str] = "robotless"
    clearance_range_m: ClassVar[Pair] = (0.0002, 0.005)
    start_height_range_m: ClassVar[Pair]
    density_kg_per_m3: ClassVar[float] = 500.0

    clearance_m: float = 0.001
    friction: float = 0.5
    contact_stiffness_n_per_m: float = TIMBER_ON_TIMBER_N_PER_M
    start_height_m: float = 0.04
    start_yaw_range_rad: Pair = (0.0, 0.0)
    ground_offset_m: float | None = None
    ground_yaw_range_rad: Pair = (0.0, 0.0)
    epsilon_m: float = 0.005
    rotation_weight_m_per_rad: float = 0.05
    success_reward: float = 100.0
    max_linear_speed_mps: float = 0.05
    max_angular_speed_radps: float = 0.05
    max_tilt_speed_radps: float | None = None
    time_limit_s: float = 16.0
    max_tilt_rad: float = 0.35
    soft_force_n: float = 20.0
    soft_torque_nm: float = 0.5
    tcp_from_sensor: Pose = field(
        default_factory=lambda: Pose(np.array((0.0, 0.0, 0.12)), np.array((0.0, 0.0, 0.0, 1.0)))
    )

    def __post_init__(self) -> None:
        """Refuse options that make no sense.

        Raises:
            ConfigurationError: one of the numbers is out of its range, or the sensor has no pose.
        """
        if not isinstance(self.tcp_from_sensor, Pose):
            raise ConfigurationError(
                f"tcp_from_sensor: expected a Pose, got {self.tcp_from_sensor!r}"
            )
        for name in (
            "epsilon_m",
            "success_reward",
            "max_linear_speed_mps",
            "max_angular_speed_radps",
            "time_limit_s",
            "max_tilt_rad",
            "soft_force_n",
            "soft_torque_nm",
        ):
            require_range(getattr(self, name), name, low=0.0, inclusive=False)
        require_range(self.rotation_weight_m_per_rad, "rotation_weight_m_per_rad", low=0.0)
        for name, (low, high) in (
            ("clearance_m", self.clearance_range_m),
            ("friction", (0.0, 2.0)),
            ("contact_stiffness_n_per_m", (1e4, 1e10)),
            ("start_height_m", self.start_height_range_m),
        ):
            require_range(getattr(self, name), name, low=low, high=high)
        if self.max_tilt_speed_radps is not None:
            fastest = self.max_angular_speed_radps
            require_range(
                self.max_tilt_speed_radps,
                "max_tilt_speed_radps",
                low=0.0,
                high=fastest,
                inclusive=False,
            )
        require_range(self.ground_reach_m, "ground_offset_m", low=0.0, high=0.01)
        require_interval(self.ground_yaw_range_rad, "ground_yaw_range_rad", limit=0.2)
        full_turn = 2.0 * math.pi
        require_interval(
            self.start_yaw_range_rad, "start_yaw_range_rad", limit=full_turn, width=full_turn
        )

    @property
    @abstractmethod
    def held_parts(self) -> tuple[Part, ...]:
        """Parts of the piece at the end of the arm; its frame is the tcp."""

    @property
    @abstractmethod
    def ground_parts(self) -> tuple[Part, ...]:
        """Parts of the piece on the table; its frame is the assembled pose of the held piece."""

    @property
    @abstractmethod
    def engagement_height_m(self) -> float:
        """The tcp's height above its goal below which the ground piece guides the held one."""

    @property
    def usual_ground_offset_m(self) -> float:
        """Default of ``ground_offset_m``, m."""
        return 0.0

    @property
    def ground_reach_m(self) -> float:
        """Largest distance of the ground piece from its nominal place along x and y, m."""
        own = self.usual_ground_offset_m
        return own if self.ground_offset_m is None else self.ground_offset_m

    @cached_property
    def held(self) -> Piece:
        """The piece at the end of the arm."""
        return self._piece(self.held_parts, HELD_COLOUR)

    @cached_property
    def ground(self) -> Piece:
        """Piece that lies on the table."""
        return self._piece(self.ground_parts, GROUND_COLOUR)

    @cached_property
    def start_pose(self) -> Pose:
        """Nominal start of the held piece: straight above its nominal assembled pose."""
        return _pose_above(self.start_height_m)

    def start_pose_near(self, pose: Pose) -> Pose:
        """The start that turns a held piece at ``pose`` least, of those that an episode may have.

        Straight above the nominal assembled pose and upright; the yaw stays where it is in
        ``start_yaw_range_rad``, else it becomes the nearest that is.
        """
        return self._upright(self.start_height_m, pose)

    def retract_pose_near(self, pose: Pose) -> Pose:
        """Return the pose between two attempts: a little higher than the start."""
        return self._upright(self.start_height_m + 0.005, pose)

    @cached_property
    def workspace(self) -> tuple[Array, Array]:
        """Lower and upper corner, (3,) m each, of the closed box that the tcp stays in.

        12 mm to each side, 5 mm below the assembled pose, 15 mm above the start.
        """
        top = self.start_height_m + 0.015
        return np.array((-0.012, -0.012, -0.005)), np.array((0.012, 0.012, top))

    def sample_initial_state(self, rng: np.random.Generator) -> InitialState:
        """Draw an initial state; every number comes from ``rng``.

        The ground piece's x, y and yaw and the held piece's yaw are uniform in their ranges.
        """
        offset = self.ground_reach_m
        x, y = rng.uniform(-offset, offset, 2).tolist()
        ground = Pose(np.array((x, y, 0.0)), _yaw(rng.uniform(*self.ground_yaw_range_rad)))
        held = Pose(self.start_pose.position, _yaw(rng.uniform(*self.start_yaw_range_rad)))
        return InitialState(held, ground)

    def is_seated(self, pose: Pose) -> bool:
        """Return whether the held piece at ``pose`` counts as assembled, judged as on a real robot.

        The true goal is not known there. What counts is the depth, deeper than 0.8 epsilon above
        the goal, inside the range of places and yaws that the ground piece can have: what lies on
        top or is stuck is much too high. 0.8 leaves room in the distance for the play and the
        angle that the ground piece allows.
        """
        x, y, z = pose.position.tolist()
        reach = self.ground_reach_m + self.clearance_m
        seated = z <= 0.8 * self.epsilon_m and abs(x) <= reach and abs(y) <= reach
        return seated and self.angle(pose, Pose.identity()) <= 0.1

    @cached_property
    def speed_limits(self) -> Array:
        """Speeds that an action of 1 commands, (6,): three m/s, three rad/s."""
        linear, angular = self.max_linear_speed_mps, self.max_angular_speed_radps
        tilt = angular if self.max_tilt_speed_radps is None else self.max_tilt_speed_radps
        return np.array((linear, linear, linear, tilt, tilt, angular))

    def goal_pose(self, initial: InitialState) -> Pose:
        """The true goal of the held piece, task frame."""
        return initial.ground

    @property
    def symmetry(self) -> int:
        """Number of turns about z in a full one that look alike on the held piece; 0: all do."""
        return 1

    def nearest_goal(self, pose: Pose, goal: Pose) -> Pose:
        """Return the nearest of the goals that equal ``goal`` because the piece is symmetric.

        ``symmetric.SymmetricTask`` is for pieces that look the same after a turn.
        """
        return goal

    def tilt(self, pose: Pose) -> float:
        """Return the tilt of a pose that ``max_tilt_rad`` limits, rad."""
        # The angle of a rotation is 2 acos(w), and w >= 0 in a Pose.
        return 2.0 * math.acos(min(1.0, float(pose.quaternion[3])))

    def angle(self, pose: Pose, goal: Pose) -> float:
        """Angle, rad in [0, pi], between a pose and the nearest goal."""
        return angle_between(pose.quaternion, goal.quaternion)

    def distance(self, pose: Pose, goal: Pose) -> float:
        """Return the distance to the goal, ``|dp| + w * angle``, m."""
        return self._distance(pose, goal, self.angle(pose, goal))

    def success(self, pose: Pose, goal: Pose) -> bool:
        """Return whether the distance is at most ``epsilon_m``."""
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
        """Return whether the tilt is inside ``max_tilt_rad`` and the position inside ``workspace``.

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

    def _upright(self, height_m: float, pose: Pose) -> Pose:
        """Straight above the nominal assembled pose, with the yaw of a start near ``pose``."""
        _, _, z, w = pose.quaternion.tolist()
        yaw, (low, high) = 2.0 * math.atan2(z, w), self.start_yaw_range_rad
        turns = (yaw + 2.0 * math.pi * turn for turn in (-2, -1, 0, 1, 2))
        changes = [min(max(turn, low), high) - turn for turn in turns]
        nearest = yaw + min(changes, key=abs)
        return Pose(np.array((0.0, 0.0, height_m)), _yaw(nearest))

    def _piece(self, parts: tuple[Part, ...], rgba: Rgba) -> Piece:
        return Piece.of_density(parts, self.density_kg_per_m3, self.friction, rgba)

    def _distance(self, pose: Pose, goal: Pose, angle: float) -> float:
        translation = math.dist(pose.position.tolist(), goal.position.tolist())
        return translation + self.rotation_weight_m_per_rad * angle


def _pose_above(height_m: float) -> Pose:
    """Straight above the nominal assembled pose, m, and turned like it."""
    return Pose(np.array((0.0, 0.0, height_m)), np.array((0.0, 0.0, 0.0, 1.0)))


def _yaw(angle_rad: float) -> Array:
    """The turn about z, a quaternion."""
    return quaternion_from_rotation_vector((0.0, 0.0, angle_rad))
