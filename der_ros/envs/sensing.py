"""Measurements and commands between the world and the policy, in plain numbers.

The governor reads the wrench up to 250 times a second, so vectors are tuples here as in the
physics. Without errors, the wrench is that of ``policy.observation.wrench_at_held_piece`` for the
sensor's reading minus its bias. The episode's ``Conditions`` define the errors.

Latencies of wrench and command affect the governor too. The position that it monitors has no
latency: on the robot it arrives with the telegram that the governor answers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from der_ros.envs.conditions import Conditions
from der_ros.envs.drives import Drives, DrivesState
from der_ros.envs.frames import FrameErrors
from der_ros.envs.governing import seen_at_rest
from der_ros.envs.latency import DelayLine
from der_ros.envs.randomization import Randomization
from der_ros.envs.sensor_filter import SensorFilter
from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, Wrench
from der_ros.rotation import ZERO6, Quadruple, Six, Triple, rotate_both
from der_ros.sim.world import AssemblyWorld

MeasuredPose = tuple[Triple, Quadruple]


class GeneratorState(NamedTuple):
    """State of a numpy ``PCG64`` generator."""

    state: int
    inc: int
    has_uint32: int
    uinteger: int

    @classmethod
    def of(cls, generator: np.random.Generator) -> GeneratorState:
        """Return the state of a generator.

        Raises:
            ConfigurationError: The generator is of another kind.
        """
        found: Any = generator.bit_generator.state
        if found["bit_generator"] != "PCG64":
            raise ConfigurationError(
                f"random generator: expected numpy's PCG64, got {found['bit_generator']}; use "
                "numpy.random.default_rng"
            )
        words = found["state"]
        return cls(words["state"], words["inc"], found["has_uint32"], found["uinteger"])

    def generator(self) -> np.random.Generator:
        """Return a generator that continues from this state."""
        made = np.random.PCG64(0)
        made.state = {
            "bit_generator": "PCG64",
            "state": {"state": self.state, "inc": self.inc},
            "has_uint32": self.has_uint32,
            "uinteger": self.uinteger,
        }
        return np.random.Generator(made)


class SensingState(NamedTuple):
    """State of the sensing within an episode, besides its ``Conditions``.

    Attributes:
        bias: Bias of the sensor, N and Nm, tcp axes about the tcp.
        wrenches: Delayed wrenches, oldest first.
        poses: Delayed poses, oldest first.
        commands: Delayed commands, oldest first.
        noise: Generators of the noise of wrench, pose and action; None without that noise.
        filtered: Output of the sensor's low-pass filter, N and Nm, tcp axes; None without a filter.
        drives: State of the arm's drives; None for drives without errors.
    """

    bias: Six
    wrenches: tuple[Six, ...]
    poses: tuple[MeasuredPose, ...]
    commands: tuple[Six, ...]
    noise: tuple[GeneratorState | None, GeneratorState | None, GeneratorState | None]
    filtered: Six | None
    drives: DrivesState | None


class SimulatedSensing:
    """Sensor, pose measurement and command line of one cell.

    Args:
        world: World to measure and to move.
        randomization: Magnitudes of the noise.
        tick_s: Period of the governor, s; latencies are multiples of it.
        filter_hz: Cut-off of the sensor's own low-pass filter, Hz; 0 for none.
    """

    def __init__(
        self,
        world: AssemblyWorld,
        randomization: Randomization,
        tick_s: float,
        filter_hz: float = 0.0,
    ) -> None:
        r = randomization
        self._world, self._randomization, self._tick_s = world, r, tick_s
        self._filter_hz = filter_hz
        self._filter: SensorFilter | None = None
        self._drives: Drives | None = None
        # Maps the noise of a reading from the sensor to the tcp.
        deviations = [r.force_noise_std_n] * 3 + [r.torque_noise_std_nm] * 3
        self._tcp_from_sensor_error = _at_tcp(world.task.tcp_from_sensor, np.diag(deviations))
        self._noisy = (
            r.force_noise_std_n > 0.0 or r.torque_noise_std_nm > 0.0,
            r.position_noise_std_m > 0.0 or r.rotation_noise_std_rad > 0.0,
            r.action_noise_std > 0.0,
        )
        self.frames: FrameErrors | None = None
        self._bias = ZERO6
        self._seen_at_rest: Six | None = None
        self._errors: list[list[float]] = []
        self._noise: list[np.random.Generator | None] = [None, None, None]
        self._late_wrench: DelayLine[Six] | None = None
        self._late_pose: DelayLine[MeasuredPose] | None = None
        self._late_command: DelayLine[Six] | None = None

    # -- episode and state -----------------------------------------------------------------------

    def start_episode(self, conditions: Conditions) -> Six:
        """Start an episode: set the bias to the reading of the resting world less the bias error.

        Returns:
            First wrench, as from ``wrench``.
        """
        self._noise = [
            np.random.default_rng(seed) if noisy else None
            for seed, noisy in zip(conditions.noise_seeds, self._noisy, strict=True)
        ]
        self.frames = FrameErrors.of(conditions.goal_error, conditions.grasp)
        self._bias = _difference(self._wrench_at_tcp(), self._one_at_tcp(conditions.bias_error))
        self._see_bias_at_rest(conditions)
        self._late_wrench = self._late_pose = self._late_command = None
        self._drives = self._drives_of(conditions, None)
        self._filter = self._filter_from(_difference(self._wrench_at_tcp(), self._bias))
        self.expect_readings(1)
        wrench = self.wrench()
        self._late_wrench = DelayLine.of(self._ticks(conditions.wrench_latency_s), wrench)
        self._late_command = DelayLine.of(self._ticks(conditions.command_latency_s), ZERO6)
        ticks = self._ticks(conditions.pose_latency_s)
        if ticks > 0:
            # One more than the delay, because it includes this tick's pose and the oldest is read.
            self._late_pose = DelayLine([self._current()] * (ticks + 1))
        return wrench

    def save(self) -> SensingState:
        """Return the state for ``restore``; call it only between control steps."""
        one, two, three = [None if rng is None else GeneratorState.of(rng) for rng in self._noise]
        return SensingState(
            self._bias,
            () if self._late_wrench is None else self._late_wrench.waiting,
            () if self._late_pose is None else self._late_pose.waiting,
            () if self._late_command is None else self._late_command.waiting,
            (one, two, three),
            None if self._filter is None else self._filter.filtered,
            None if self._drives is None else self._drives.state,
        )

    def restore(self, conditions: Conditions, state: SensingState) -> None:
        """Continue from a saved state of an episode with the given conditions."""
        self.frames = FrameErrors.of(conditions.goal_error, conditions.grasp)
        self._bias = state.bias
        self._see_bias_at_rest(conditions)
        self._late_wrench = DelayLine(state.wrenches) if state.wrenches else None
        self._late_pose = DelayLine(state.poses) if state.poses else None
        self._late_command = DelayLine(state.commands) if state.commands else None
        self._noise = [None if rng is None else rng.generator() for rng in state.noise]
        self._drives = self._drives_of(conditions, state.drives)
        self._filter = None if state.filtered is None else self._filter_from(state.filtered)

    # -- in each tick ----------------------------------------------------------------------------

    def expect_readings(self, count: int) -> None:
        """Draw the noise of the next ``count`` readings at once, which is faster."""
        rng = self._noise[0]
        if rng is not None:
            drawn = rng.standard_normal((count, 6))
            self._errors = (drawn @ self._tcp_from_sensor_error)[::-1].tolist()

    def wrench(self) -> Six:
        """Return the (late) reading less its bias, N and Nm, assumed task axes about the tcp."""
        reading = _difference(self._wrench_at_tcp(), self._bias)
        if self._errors:
            reading = _difference(reading, self._errors.pop())
        if self._filter is not None:
            reading = self._filter(reading)
        wrench = rotate_both(self._assumed_quaternion(), reading)
        return wrench if self._late_wrench is None else self._late_wrench(wrench)

    def for_governor(self, wrench: Six) -> Six:
        """Return a result of ``wrench`` as a deployment's governor gets it.

        The part of the bias error that is seen at rest before an attempt is taken off, so that the
        governor does not turn a piece that touches nothing. The policy observes the whole error,
        as in the paper's environments, and learns to tolerate it.
        """
        if self._seen_at_rest is None:
            return wrench
        return _difference(wrench, rotate_both(self._assumed_quaternion(), self._seen_at_rest))

    def position(self) -> Triple:
        """Return the position of the tcp in the assumed task frame, (3,) m."""
        if self.frames is None:
            return self._world.held_position()
        return self._current()[0]

    def drive(self, twist: Six, steps: int) -> None:
        """Send a twist, assumed task axes, to the arm and run the physics for ``steps`` steps."""
        if self._late_command is not None:
            twist = self._late_command(twist)
        if self.frames is not None:
            twist = self.frames.twist_of_held_piece(twist, self._world.held_quaternion())
        if self._drives is not None:
            twist = self._drives(twist)
        self._world.drive(twist, steps)
        if self._late_pose is not None:
            self._late_pose(self._current())

    # -- in each control step --------------------------------------------------------------------

    def action_factors(self) -> list[float] | None:
        """Return random factors of the six commanded velocities; None without noise."""
        rng = self._noise[2]
        if rng is None:
            return None
        factors = 1.0 + self._randomization.action_noise_std * rng.standard_normal(6)
        numbers: list[float] = factors.tolist()
        return numbers

    def assumed_pose(self) -> Pose:
        """Return the current pose of the tcp in the assumed task frame, without noise."""
        if self.frames is None:
            return self._world.held_pose()
        return Pose.from_numbers(*self._current())

    def measured_pose(self) -> Pose:
        """Return the pose for the policy, with latency and noise, assumed task frame."""
        late, rng = self._late_pose, self._noise[1]
        pose = self.assumed_pose() if late is None else Pose.from_numbers(*late.oldest)
        if rng is None:
            return pose
        drawn = rng.standard_normal(6)
        return pose.moved(
            drawn[:3] * self._randomization.position_noise_std_m,
            drawn[3:] * self._randomization.rotation_noise_std_rad,
        )

    # -- internals -------------------------------------------------------------------------------

    def _filter_from(self, reading: Six) -> SensorFilter | None:
        """Return the sensor's filter in the steady state of a reading; None without one."""
        return SensorFilter(self._filter_hz, self._tick_s, reading) if self._filter_hz else None

    def _drives_of(self, conditions: Conditions, state: DrivesState | None) -> Drives | None:
        """Return the drives of an episode; None without errors."""
        errors = conditions.drives
        return Drives(errors, self._tick_s, state) if any(errors) else None

    def _ticks(self, latency_s: float) -> int:
        """Round a latency to whole ticks of the governor."""
        return round(latency_s / self._tick_s)

    def _see_bias_at_rest(self, conditions: Conditions) -> None:
        """Store the part of the bias error that is seen at rest, tcp axes about the tcp."""
        seen = seen_at_rest(conditions.bias_error)
        self._seen_at_rest = self._one_at_tcp(seen) if any(seen) else None

    def _one_at_tcp(self, error: Six) -> Six:
        """Convert one error from sensor axes and origin to the tcp."""
        a, b, c, d, e, f = _at_tcp(self._world.task.tcp_from_sensor, np.array([error]))[0].tolist()
        return (a, b, c, d, e, f)

    def _assumed_quaternion(self) -> Quadruple:
        q = self._world.held_quaternion()
        if self.frames is None:
            return q
        return self.frames.measured(self._world.held_position(), q)[1]

    def _current(self) -> MeasuredPose:
        position, quaternion = self._world.held_position(), self._world.held_quaternion()
        if self.frames is None:
            return position, quaternion
        return self.frames.measured(position, quaternion)

    def _wrench_at_tcp(self) -> Six:
        wrench = self._world.wrench_on_tool()
        return wrench if self.frames is None else self.frames.wrench_at_tcp(wrench)


def _at_tcp(tcp_from_sensor: Pose, errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert sensor errors, (n, 6), from sensor axes and origin to the tcp."""
    wrenches = [Wrench.from_array(row).seen_from(tcp_from_sensor).to_array() for row in errors]
    return np.array(wrenches)


def _difference(a: Six, b: Six | list[float]) -> Six:
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3], a[4] - b[4], a[5] - b[5])
