"""Gymnasium environment of a task in a simulated cell.

A step scales the action to a twist. Then, every 12 ms as on the robot, it reads the wrench, lets
the motion governor limit the command, and runs the physics. Finally it observes and judges.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import ArrayLike, NDArray

from der_ros.envs.conditions import Conditions, draw_conditions
from der_ros.envs.control_period import PHYSICS_DT_S, split_control_period, whole_steps
from der_ros.envs.frames import FrameErrors
from der_ros.envs.governing import default_limits, episode_limits, with_values
from der_ros.envs.privileged import privileged_state
from der_ros.envs.randomization import Randomization, resolve_randomization, widened
from der_ros.envs.sensing import GeneratorState, SimulatedSensing
from der_ros.envs.sensor_filter import check_cutoff
from der_ros.envs.state import EnvironmentState
from der_ros.envs.variations import Variations
from der_ros.errors import ConfigurationError
from der_ros.geometry import (
    Pose,
    quaternion_from_rotation_vector,
    rotation_vector_from_quaternion,
)
from der_ros.policy.governor import GovernorLimits, GovernorState, govern_numbers
from der_ros.policy.observation import OBSERVATION_NAMES, observation_of_numbers
from der_ros.rotation import Six
from der_ros.sim.camera import has_display, render_rgb
from der_ros.sim.compliance import Compliance
from der_ros.sim.servo import ServoConfig
from der_ros.sim.variation import NOMINAL
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks.base import InitialState, Judgement, Task

# The governor stops the tool at the workspace's wall; closer than this to it ends the episode.
_WALL_M = 0.0005
# Bounds of the observation space (m, N, Nm by the first letter of the name), far beyond the values
# that occur; observations are not clipped to them.
_LARGEST = {"x": 10.0, "y": 10.0, "z": 10.0, "q": 1.0, "f": 1e5, "t": 1e4}

Observation = NDArray[np.float32]


class AssemblyEnv(gymnasium.Env[Observation, NDArray[Any]]):
    """Environment of one task with one simulated arm.

    The observation, (13,) float32, is that of ``policy.observation``. The action, (6,), is clipped
    to [-1, 1] and holds fractions of ``task.speed_limits``. Reward and ``terminated`` follow the
    task. An episode is ``truncated`` at the time limit, when the held piece reaches the edge of the
    workspace, when the governor has latched at its hard limit, or when an axis of the arm is at its
    end stop. Under a force budget a step takes several control periods, so that the tool moves as
    far in it as without a budget (``GovernorLimits.action_repeat``), and the time limit is as much
    longer.

    ``info`` holds ``success`` (bool), ``distance_m``, ``angle_rad``, ``wrench`` ((6,) as
    observed), ``duration_s`` (simulated time since the reset), ``peak_force_n`` (measured, of this
    episode), ``force_budget_n`` (of this episode; 10000 means none), ``penetration_m`` (at the end
    of the step), ``interventions`` (int, the governor's flags of this step combined), ``latched``
    (bool) and ``joint_limit`` (bool, an axis of the arm is at its end stop).

    Args:
        task: Task to assemble.
        randomization: Name of a preset or a ``Randomization``.
        robot: One of ``sim.robots.ROBOT_NAMES``; default: the task's.
        control_dt: Control period, s; a multiple of 1/250 s.
        render_mode: None, ``rgb_array``, or ``human`` (PyBullet's window; needs a display).
        servo: Stiffness, damping and force limits of the arm; default: the robot's.
        limits: Limits of the motion governor; default: ``default_limits(task, robot)``.
        force_budget_n: Maximum contact force, N, kept by the governor; default: the value in
            ``limits``, or none.
        torque_budget_nm: Maximum contact torque about the tcp, Nm, kept by the governor; default:
            the value in ``limits``, or none.
        reaction_delay_s: Delay from a force to the drives' reaction that the budgets allow for, s;
            default: the value in ``limits``.
        compliance: Compliance of the cell: ``cell`` for the task's and robot's own, ``rigid`` for
            none, or a stiffness in N/m; see ``AssemblyWorld``.
        sensor_filter_hz: Cut-off of the sensor's own low-pass filter, Hz; 0 for none.

    Raises:
        ConfigurationError: An argument is invalid, or the governor cannot keep a budget.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as Gymnasium declares it
        "render_modes": ["rgb_array", "human"] if has_display() else ["rgb_array"],
        "render_fps": 16,
    }

    def __init__(
        self,
        task: Task,
        *,
        randomization: str | Randomization = "none",
        robot: str | None = None,
        control_dt: float = 0.06,
        render_mode: str | None = None,
        servo: ServoConfig | None = None,
        limits: GovernorLimits | None = None,
        force_budget_n: float | None = None,
        torque_budget_nm: float | None = None,
        reaction_delay_s: float | None = None,
        compliance: str | float | Compliance = "cell",
        sensor_filter_hz: float = 0.0,
    ) -> None:
        _require_render_mode(render_mode, self.metadata["render_modes"])
        _require_instance("servo", servo, ServoConfig)
        _require_instance("limits", limits, GovernorLimits)
        self.render_mode = render_mode
        self._ticks, self._steps_per_tick = split_control_period(control_dt)
        self._tick_s = self._steps_per_tick * PHYSICS_DT_S
        self.control_dt_s = float(control_dt)
        self.metadata = {**type(self).metadata, "render_fps": round(1.0 / control_dt)}
        self.randomization = resolve_randomization(randomization)
        self.task = task = widened(task, self.randomization)
        self.robot = robot if robot is not None else task.default_robot
        self.compliance = compliance
        self.sensor_filter_hz = check_cutoff(sensor_filter_hz)
        self.max_steps = whole_steps(task.time_limit_s, control_dt)
        limits = limits if limits is not None else default_limits(task, self.robot)
        self.governor_limits = with_values(
            limits,
            force_budget_n=force_budget_n,
            torque_budget_nm=torque_budget_nm,
            reaction_delay_s=reaction_delay_s,
        )
        self._use_limits_of(Conditions())
        self.observation_space = _observation_space()
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (6,), np.float32)
        self._speed_limits: list[float] = task.speed_limits.tolist()
        self.world = AssemblyWorld(
            task,
            servo,
            PHYSICS_DT_S,
            gui=render_mode == "human",
            robot=self.robot,
            compliance=compliance,
        )
        self.governor_limits.check_budget(self._tick_s)
        self._sensing = SimulatedSensing(
            self.world, self.randomization, self._tick_s, self.sensor_filter_hz
        )
        self._conditions = Conditions()
        self._variations = Variations(task)
        self._governor = GovernorState.rest()
        self._goal = Pose.identity()
        self._wrench: Six = (0.0,) * 6
        self._privileged: NDArray[np.float32] | None = None  # worked out when it is asked for
        self._steps = -1  # no episode yet
        self._peak_force_n = 0.0

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode and return its first observation.

        Args:
            seed: Seed that makes this and all later episodes reproducible.
            options: ``initial``, an ``InitialState`` to use instead of a random one; its ``held``
                is the pose before the errors of grasp and goal are added. ``conditions``, a
                ``Conditions`` to use instead of random ones.

        Returns:
            Observation and info.

        Raises:
            ConfigurationError: An option is unknown or of the wrong type.
        """
        super().reset(seed=seed)
        self.world.open()
        initial, conditions = self._episode({} if options is None else options)
        self._start(_less_severe(initial, conditions.severity), conditions)
        joint_limit = self.world.joint_limit_reached()
        return self._observe(), self._info(self._judge(), 0, joint_limit)

    def step(self, action: ArrayLike) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Run the control periods of one action and return Gymnasium's five results.

        Args:
            action: Fractions of ``task.speed_limits``, (6,); see the class.

        Returns:
            Observation, reward, terminated, truncated, info.

        Raises:
            ConfigurationError: The action has another shape or is not finite, or ``reset`` has not
                been called.
        """
        if self._steps < 0:
            raise ConfigurationError("step: expected an episode, got none; reset() first")
        began_s = time.monotonic()
        interventions = self._move(self._command(action))
        self._steps += 1
        judgement, joint_limit = self._judge(), self.world.joint_limit_reached()
        truncated = not judgement.success and (
            self._steps >= self.max_steps
            or self._governor.latched
            or joint_limit
            or not self.task.inside_workspace(self._sensing.assumed_pose(), _WALL_M)
        )
        info = self._info(judgement, interventions, joint_limit)
        if self.render_mode == "human":
            # Run in real time for viewers.
            time.sleep(max(0.0, began_s + self.step_s - time.monotonic()))
        return self._observe(), judgement.reward, judgement.success, truncated, info

    def save_state(self) -> EnvironmentState:
        """Return the complete state; ``restore_state`` continues from it bit by bit.

        Saving and restoring clear the engine's contact caches, so an episode that was saved may
        differ in the last digits from one that was not.

        Raises:
            ConfigurationError: ``reset`` has not been called, or the random generator is not of
                the kind that Gymnasium creates.
        """
        if self._steps < 0:
            raise ConfigurationError("save_state: expected an episode, got none; reset() first")
        return EnvironmentState(
            self._made_for(),
            # The variation is derived from the conditions.
            self.world.save()._replace(variation=NOMINAL),
            GeneratorState.of(self.np_random),
            self._conditions,
            self._sensing.save(),
            self._governor,
            self._goal,
            self._wrench,
            self._peak_force_n,
            self._steps,
        )

    def restore_state(self, state: EnvironmentState) -> None:
        """Continue from a saved state, in this or another process.

        Args:
            state: Result of ``save_state``.

        Raises:
            ConfigurationError: The state belongs to an environment with other settings.
        """
        if state.made_for != self._made_for():
            raise ConfigurationError(
                f"restore_state: expected a state of {self._made_for()}, got one of "
                f"{state.made_for}"
            )
        self.world.open()
        variation = self._variations.of(state.conditions)
        self.world.restore(state.world._replace(variation=variation))
        self.np_random = state.rng.generator()
        self._conditions, self._privileged = state.conditions, None
        self._use_limits_of(state.conditions)
        self._sensing.restore(state.conditions, state.sensing)
        self._governor, self._goal = state.governor, state.goal
        self._wrench, self._peak_force_n = state.wrench, state.peak_force_n
        self._steps = state.steps

    def render(self) -> NDArray[np.uint8] | None:
        """Return an image, (360, 480, 3) uint8, in mode ``rgb_array``; else None."""
        if self.render_mode != "rgb_array":
            return None
        return render_rgb(self.world.client, self.world.scene.ground)

    def picture(self, width: int, height: int) -> NDArray[np.uint8]:
        """Return an image, (height, width, 3) uint8, in any render mode."""
        scene = self.world.scene
        return render_rgb(self.world.client, scene.ground, width=width, height=height)

    def close(self) -> None:
        """Close the physics engine; a later ``reset`` opens it again."""
        self.world.close()

    @property
    def step_s(self) -> float:
        """Duration of one step of this episode, s: ``control_dt``, longer under a force budget."""
        return self.control_dt_s * self._action_repeat

    @property
    def goal_pose(self) -> Pose:
        """True goal of this episode, task frame, unknown to the policy."""
        return self._goal

    def piece_poses(self) -> tuple[Pose, Pose]:
        """Return the true poses of the held piece and of its nearest goal, task frame."""
        held = self.world.held_pose()
        return held, self.task.nearest_goal(held, self._goal)

    def privileged_state(self) -> NDArray[np.float32]:
        """Return the unknowns of this episode, see ``envs.privileged``; the same in each step."""
        if self._privileged is None:
            budget_n = self._episode_limits.force_budget_n
            self._privileged = privileged_state(self._goal, self._conditions, budget_n, self.robot)
        return self._privileged

    def _episode(self, options: Mapping[str, Any]) -> tuple[InitialState, Conditions]:
        """Return the initial state and conditions: from the options, or drawn at random."""
        known = isinstance(options, Mapping) and set(options) <= {"initial", "conditions"}
        initial = options.get("initial") if known else None
        conditions = options.get("conditions") if known else None
        right = isinstance(initial, InitialState | None) and isinstance(
            conditions, Conditions | None
        )
        if not (known and right):
            raise ConfigurationError(
                "options: expected at most initial=InitialState and conditions=Conditions, "
                f"got {options}"
            )
        if initial is None:
            initial = self.task.sample_initial_state(self.np_random)
        drawn = draw_conditions(self.randomization, self.np_random)
        return initial, drawn if conditions is None else conditions

    def _start(self, initial: InitialState, conditions: Conditions) -> None:
        """Start an episode with the given initial state and conditions."""
        frames = FrameErrors.of(conditions.goal_error, conditions.grasp)
        held = initial.held if frames is None else frames.start(initial.held)
        self.world.reset(InitialState(held, initial.ground), self._variations.of(conditions))
        self._conditions, self._goal = conditions, self.task.goal_pose(initial)
        self._privileged = None
        self._use_limits_of(conditions)
        self._wrench = self._sensing.start_episode(conditions)
        self._governor, self._steps = GovernorState.rest(), 0
        self._peak_force_n = math.hypot(*self._wrench[:3])

    def _use_limits_of(self, conditions: Conditions) -> None:
        """Use the governor's limits of an episode, and the action repeat that they ask for."""
        ratio = conditions.force_budget_ratio
        limits = self._episode_limits = episode_limits(self.governor_limits, ratio, self._tick_s)
        self._action_repeat = limits.action_repeat(self._tick_s)

    def _made_for(self) -> str:
        """Return the settings that a state and the environment that restores it must share."""
        return (
            f"{self.task!r}, {self.robot}, {self.world.servo_config!r}, {self.world.compliance!r}, "
            f"{self.governor_limits!r}, "
            f"{self.randomization!r}, control_dt={self.control_dt_s}, "
            f"sensor_filter_hz={self.sensor_filter_hz}"
        )

    def _judge(self) -> Judgement:
        return self.task.judge(self.world.held_pose(), self._goal)

    def _command(self, action: ArrayLike) -> Six:
        """Convert an action to a twist, m/s and rad/s, task axes."""
        try:
            array = np.asarray(action, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"action: expected 6 numbers, got {action!r}") from error
        if array.shape != (6,):
            raise ConfigurationError(f"action: expected shape (6,), got {array.shape}")
        numbers = array.tolist()
        if not all(map(math.isfinite, numbers)):
            raise ConfigurationError(f"action: expected finite numbers, got {numbers}")
        a, b, c, d, e, f = [min(1.0, max(-1.0, number)) for number in numbers]
        u, v, w, x, y, z = self._speed_limits
        command = (a * u, b * v, c * w, d * x, e * y, f * z)
        factors = self._sensing.action_factors()
        if factors is not None:
            a, b, c, d, e, f = factors
            u, v, w, x, y, z = command
            command = (a * u, b * v, c * w, d * x, e * y, f * z)
        return command

    def _move(self, command: Six) -> int:
        """Run the control periods of one action and return the governor's combined flags."""
        sensing, limits = self._sensing, self._episode_limits
        steps, tick_s = self._steps_per_tick, self._tick_s
        state, wrench, interventions = self._governor, self._wrench, 0
        ticks = self._ticks * self._action_repeat
        sensing.expect_readings(ticks)
        for _ in range(ticks):
            felt = sensing.for_governor(wrench)
            state, flags = govern_numbers(limits, state, command, felt, sensing.position(), tick_s)
            interventions |= int(flags)
            sensing.drive(state.twist, steps)
            wrench = sensing.wrench()
            force = math.hypot(wrench[0], wrench[1], wrench[2])
            if force > self._peak_force_n:
                self._peak_force_n = force
        self._governor, self._wrench = state, wrench
        return interventions

    def _observe(self) -> Observation:
        return observation_of_numbers(self._sensing.measured_pose(), self._wrench)

    def _info(self, judgement: Judgement, interventions: int, joint_limit: bool) -> dict[str, Any]:
        return {
            "success": judgement.success,
            # Name that Stable-Baselines3 expects.
            "is_success": judgement.success,
            "distance_m": judgement.distance_m,
            "angle_rad": judgement.angle_rad,
            "wrench": np.array(self._wrench),
            "duration_s": self._steps * self.step_s,
            "peak_force_n": self._peak_force_n,
            "force_budget_n": self._episode_limits.force_budget_n,
            "penetration_m": self.world.penetration_m(),
            "interventions": interventions,
            "latched": self._governor.latched,
            "joint_limit": joint_limit,
        }


def _less_severe(initial: InitialState, severity: float) -> InitialState:
    """Return the state with the ground piece's displacement and turn scaled by ``severity``."""
    if severity == 1.0:
        return initial
    ground = initial.ground
    turn = rotation_vector_from_quaternion(ground.quaternion)
    scaled = Pose(severity * ground.position, quaternion_from_rotation_vector(severity * turn))
    return InitialState(initial.held, scaled)


def _observation_space() -> gymnasium.Space[Observation]:
    largest = np.array([_LARGEST[name[0]] for name in OBSERVATION_NAMES], dtype=np.float32)
    return gymnasium.spaces.Box(-largest, largest, dtype=np.float32)


def _require_render_mode(mode: str | None, offered: Sequence[str]) -> None:
    """Check that a render mode is None or one of those offered."""
    if mode not in (None, *offered):
        raise ConfigurationError(
            "render_mode: expected None, rgb_array, or human where there is a display, "
            f"got {mode!r}"
        )


def _require_instance(name: str, value: object, kind: type) -> None:
    """Check that an argument is None or of the given type."""
    if not (value is None or isinstance(value, kind)):
        raise ConfigurationError(f"{name}: expected a {kind.__name__} or None, got {value!r}")
