"""Assembly task: two pieces, their initial states and goal, and the judgement of a pose.

All poses are in the task frame: its origin is the nominal assembled pose of the held piece, and z
points away from the ground piece. A task consists of data and pure functions, without an engine.
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


@dataclass(frozen=True)
class InitialState:
    """Initial poses of both pieces, task frame.

    Attributes:
        held: Pose of the held piece.
        ground: True pose of the ground piece, unknown to the policy; the identity is nominal.
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
    """Assembly task. Concrete tasks define the parts of the pieces and their own defaults.

    Distance, success and reward are the paper's (Sec. 3.1): with ``d = |dp| + w * angle``,
    ``r = -d``, plus ``R`` if ``d <= epsilon``; ``angle`` is the angle of the rotation to the goal,
    for a symmetric piece to the nearest goal.

    Attributes:
        clearance_range_m: Allowed range of ``clearance_m``, m.
        start_height_range_m: Allowed range of ``start_height_m``, m.
        density_kg_per_m3: Density of both pieces, kg/m^3; spruce by default.
        clearance_m: Total lateral clearance, half on each side, m.
        friction: Coulomb coefficient between the pieces; wood on wood by default.
        contact_stiffness_n_per_m: Contact stiffness of the pieces, N/m; timber on timber by
            default, steel on steel 2e9. ``sim.compliance`` gives the sources.
        start_height_m: Initial height of the held piece above its assembled pose, m.
        start_yaw_range_rad: Range [low, high) of the held piece's uniform initial yaw, rad.
        ground_offset_m: Half range of the ground piece's uniform x and y, m; None for
            ``usual_ground_offset_m``.
        ground_yaw_range_rad: Range of the ground piece's uniform yaw, rad.
        epsilon_m: Largest distance that counts as success, m.
        rotation_weight_m_per_rad: Weight w of the angle in the distance, m/rad.
        success_reward: Reward R for success.
        max_linear_speed_mps: Speed along each axis for an action of 1, m/s.
        max_angular_speed_radps: Speed about each axis for an action of 1, rad/s.
        max_tilt_speed_radps: Speed about x and y for an action of 1, rad/s; None for
            ``max_angular_speed_radps``. A lower value lets exploration turn the piece without
            tilting it beyond ``max_tilt_rad``.
        time_limit_s: Duration after which an episode is truncated, s.
        max_tilt_rad: Largest rotation of the held piece from its nominal assembled orientation,
            rad; beyond it an episode is truncated. In a ``SymmetricTask``, yaw does not count.
        soft_force_n: Contact force above which the motion governor yields, N, in simulation and on
            the robot. At higher forces the pieces jam by friction, and readings are less useful.
        soft_torque_nm: Contact torque above which the motion governor yields, Nm.
        tcp_from_sensor: Pose of the force/torque sensor in the tcp frame.
    """

    name: ClassVar[str]
    # Default of the environment's argument ``robot``.
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
        """Check the options of the task.

        Raises:
            ConfigurationError: A number is out of its range, or ``tcp_from_sensor`` is not a Pose.
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
        """Parts of the held piece, in its frame, the tcp."""

    @property
    @abstractmethod
    def ground_parts(self) -> tuple[Part, ...]:
        """Parts of the ground piece, in its frame, the assembled pose of the held piece."""

    @property
    @abstractmethod
    def engagement_height_m(self) -> float:
        """Height of the tcp above its goal, m, below which the ground piece guides the held one."""

    @property
    def usual_ground_offset_m(self) -> float:
        """Default of ``ground_offset_m``, m."""
        return 0.0

    @property
    def ground_reach_m(self) -> float:
        """Largest displacement of the ground piece from its nominal place along x and y, m."""
        own = self.usual_ground_offset_m
        return own if self.ground_offset_m is None else self.ground_offset_m

    @cached_property
    def held(self) -> Piece:
        """Held piece, at the end of the arm."""
        return self._piece(self.held_parts, HELD_COLOUR)

    @cached_property
    def ground(self) -> Piece:
        """Ground piece, fixed on the table."""
        return self._piece(self.ground_parts, GROUND_COLOUR)

    @cached_property
    def start_pose(self) -> Pose:
        """Nominal start of the held piece, vertically above its nominal assembled pose."""
        return _pose_above(self.start_height_m)

    def start_pose_near(self, pose: Pose) -> Pose:
        """Return the possible start pose that needs the least rotation from ``pose``.

        It is vertically above the nominal assembled pose and upright, with the yaw of ``pose``
        clipped to ``start_yaw_range_rad``.
        """
        return self._upright(self.start_height_m, pose)

    def retract_pose_near(self, pose: Pose) -> Pose:
        """Return the pose between two attempts: that of ``start_pose_near``, 5 mm higher."""
        return self._upright(self.start_height_m + 0.005, pose)

    @cached_property
    def workspace(self) -> tuple[Array, Array]:
        """Lower and upper corner, (3,) m each, of the closed box that bounds the tcp.

        It reaches 12 mm to each side, 5 mm below the assembled pose and 15 mm above the start.
        """
        top = self.start_height_m + 0.015
        return np.array((-0.012, -0.012, -0.005)), np.array((0.012, 0.012, top))

    def sample_initial_state(self, rng: np.random.Generator) -> InitialState:
        """Draw an initial state from ``rng``.

        The ground piece's x, y and yaw and the held piece's yaw are uniform in their ranges.
        """
        offset = self.ground_reach_m
        x, y = rng.uniform(-offset, offset, 2).tolist()
        ground = Pose(np.array((x, y, 0.0)), _yaw(rng.uniform(*self.ground_yaw_range_rad)))
        held = Pose(self.start_pose.position, _yaw(rng.uniform(*self.start_yaw_range_rad)))
        return InitialState(held, ground)

    def is_seated(self, pose: Pose) -> bool:
        """Return True if the held piece at ``pose`` counts as assembled, judged as on a real robot.

        The true goal is not known on a real robot. So the piece has to be at most 0.8 epsilon
        above the goal, at a place and a yaw that the ground piece can have; a piece that lies on
        top or is stuck is much higher. The factor 0.8 leaves the rest of the distance epsilon to
        the sideways play and the angle that the ground piece allows.
        """
        x, y, z = pose.position.tolist()
        reach = self.ground_reach_m + self.clearance_m
        seated = z <= 0.8 * self.epsilon_m and abs(x) <= reach and abs(y) <= reach
        return seated and self.angle(pose, Pose.identity()) <= 0.1

    @cached_property
    def speed_limits(self) -> Array:
        """Speeds for an action of 1, (6,): three m/s, three rad/s."""
        linear, angular = self.max_linear_speed_mps, self.max_angular_speed_radps
        tilt = angular if self.max_tilt_speed_radps is None else self.max_tilt_speed_radps
        return np.array((linear, linear, linear, tilt, tilt, angular))

    def goal_pose(self, initial: InitialState) -> Pose:
        """Return the true goal of the held piece, task frame."""
        return initial.ground

    @property
    def symmetry(self) -> int:
        """Order of the held piece's rotational symmetry about z; 0 if it is round."""
        return 1

    def nearest_goal(self, pose: Pose, goal: Pose) -> Pose:
        """Return the goal nearest to ``pose`` among those equivalent to ``goal`` by symmetry.

        Here the only one is ``goal``; see ``symmetric.SymmetricTask`` for symmetric pieces.
        """
        return goal

    def tilt(self, pose: Pose) -> float:
        """Return the tilt of a pose that ``max_tilt_rad`` limits, rad."""
        # The angle of a rotation is 2 acos(w), and w >= 0 in a Pose.
        return 2.0 * math.acos(min(1.0, float(pose.quaternion[3])))

    def angle(self, pose: Pose, goal: Pose) -> float:
        """Return the angle between a pose and the nearest goal, rad in [0, pi]."""
        return angle_between(pose.quaternion, goal.quaternion)

    def distance(self, pose: Pose, goal: Pose) -> float:
        """Return the distance to the goal, ``|dp| + w * angle``, m."""
        return self._distance(pose, goal, self.angle(pose, goal))

    def success(self, pose: Pose, goal: Pose) -> bool:
        """Return True if the distance is at most ``epsilon_m``."""
        return self.distance(pose, goal) <= self.epsilon_m

    def reward(self, pose: Pose, goal: Pose) -> float:
        """Return the paper's reward (Sec. 3.1) for a pose."""
        return self.judge(pose, goal).reward

    def judge(self, pose: Pose, goal: Pose) -> Judgement:
        """Return distance, angle, success and reward of a pose, computed together."""
        angle = self.angle(pose, goal)
        distance = self._distance(pose, goal, angle)
        success = distance <= self.epsilon_m
        reward = self.success_reward - distance if success else -distance
        return Judgement(distance, angle, success, reward)

    def inside_workspace(self, pose: Pose, margin_m: float = 0.0) -> bool:
        """Return True if the tilt is within ``max_tilt_rad`` and the position in ``workspace``.

        Args:
            pose: Pose of the held piece, task frame.
            margin_m: Required distance from the walls, m.
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
        """Return an upright pose above the nominal assembled pose, with the nearest start yaw."""
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
    """Return the pose ``height_m`` above the nominal assembled pose, in its orientation."""
    return Pose(np.array((0.0, 0.0, height_m)), np.array((0.0, 0.0, 0.0, 1.0)))


def _yaw(angle_rad: float) -> Array:
    """Return the rotation about z, quaternion xyzw."""
    return quaternion_from_rotation_vector((0.0, 0.0, angle_rad))
