"""Procedure that touches and presses a ground piece, for ``control.contact.fit``.

The held piece first searches the ground piece at the slowest speed. It then presses it a few times
with a small force, and touches it at several speeds. Each descent begins at rest, high enough for a
steady speed. After a touch the procedure commands no motion until the impact is over, and rises.

The procedure has no clock and no connection: ``step`` takes one measurement for each cycle of the
robot and returns the next velocity. The same code runs in the simulated environment and through
ROS.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

from der_ros.control.contact.fit import ContactFitError, Descent
from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, Twist
from der_ros.policy.attempt import Steering
from der_ros.policy.governor import GovernorLimits
from der_ros.settings import setting

REST_S = 0.3
"""Rest before each descent, in which the zero of the force is taken, s."""
STOP_S = 0.1
"""Time without commanded motion after a touch, s."""
JUMP_M = 0.003
"""Distance between two consecutive poses that counts as a jump, m."""

_STEERING = Steering(max_linear_mps=0.01, position_tolerance_m=0.0003, angle_tolerance_rad=0.0005)
_GAP_M, _GAP_S = 0.001, 0.25
# Share of the soft force limit above which the governor would give way within a press.
_PRESSED_SHARE = 0.8


@dataclass(frozen=True, kw_only=True)
class TouchingPlan:
    """Speeds, forces, distances and number of the touches."""

    fastest_mps: float = setting(0.02, "Speed of the fastest touch", "m/s", 0.002, 0.05)
    speeds: int = setting(4, "Number of speeds, in equal steps up to the fastest", "", 1, 10)
    rounds: int = setting(2, "Number of touches at each speed", "", 1, 20)
    presses: int = setting(3, "Number of slow presses", "", 2, 20)
    press_speed_mps: float = setting(0.0003, "Speed of a press", "m/s", 0.0001, 0.002)
    press_force_n: float = setting(
        15.0, "Force at which a press ends; at most 0.8 soft_force_n", "N", 4.0, 1000.0
    )
    touch_force_n: float = setting(3.0, "Force from which a touch is felt", "N", 0.5, 100.0)
    most_force_n: float = setting(
        150.0, "Force at which the procedure ends without a result", "N", 5.0, 5000.0
    )
    travel_m: float = setting(
        0.015, "Longest way down to the ground piece from the start", "m", 0.002, 0.2
    )
    depth_m: float = setting(
        0.002, "Longest way down below the height of the first touch", "m", 0.0002, 0.01
    )
    aside_x_m: float = setting(
        0.0, "Way along x of the task frame before the first descent", "m", -0.05, 0.05
    )
    aside_y_m: float = setting(
        0.0, "Way along y of the task frame before the first descent", "m", -0.05, 0.05
    )
    patience_s: float = setting(180.0, "Longest duration of the procedure", "s", 5.0, 3600.0)

    def check(self, limits: GovernorLimits) -> None:
        """Check that the governor of the robot lets the plan pass.

        Args:
            limits: Limits of the robot.

        Raises:
            ConfigurationError: A speed or force is beyond the robot's limits.
        """
        pressed = _PRESSED_SHARE * limits.soft_force_n
        for name, value, most, why in (
            ("fastest_mps", self.fastest_mps, limits.max_linear_speed_mps, "max_linear_speed_mps"),
            ("press_force_n", self.press_force_n, pressed, "0.8 soft_force_n"),
            ("most_force_n", self.most_force_n, limits.hard_force_n, "hard_force_n"),
        ):
            if value > most:
                raise ConfigurationError(
                    f"{name}: expected at most {most:g}, {why} of the robot, got {value:g}"
                )
        if not self.touch_force_n < self.press_force_n < self.most_force_n:
            raise ConfigurationError(
                "touch_force_n, press_force_n, most_force_n: expected each larger than the one "
                f"before, got {self.touch_force_n:g}, {self.press_force_n:g}, "
                f"{self.most_force_n:g} N"
            )


class TouchSample(NamedTuple):
    """Measurement of one cycle.

    Attributes:
        time_s: Time of the pose, s.
        pose: Pose of the held piece, task frame.
        sent_mps: Velocity along z of the task frame that was sent in the cycle before, m/s.
        force_n: Force of the ground piece along z of the task frame, N; mean since the last
            sample.
        peak_n: Largest reading of that force since the last sample, N.
    """

    time_s: float
    pose: Pose
    sent_mps: float
    force_n: float
    peak_n: float

    @property
    def height_m(self) -> float:
        """Height of the held piece in the task frame, m."""
        return float(self.pose.position[2])


_Script: TypeAlias = Generator[Twist, TouchSample, None]
_Measured: TypeAlias = Generator[Twist, TouchSample, TouchSample]


class ContactTouching:
    """Procedure of touches and presses; call ``step`` once in each cycle of the robot.

    Args:
        plan: Speeds, forces, distances and number of the touches.

    Attributes:
        stage: Current part of the procedure, for an operator.
        presses: Recorded presses.
        touches: Recorded touches.
    """

    def __init__(self, plan: TouchingPlan) -> None:
        self._plan = plan
        self.stage = "rest"
        self.presses: list[Descent] = []
        self.touches: list[Descent] = []
        self._record: list[TouchSample] = []
        self._zero_n = 0.0
        self._first: TouchSample | None = None
        self._last: TouchSample | None = None
        self._script = self._run()
        next(self._script)

    def step(self, sample: TouchSample) -> Twist | None:
        """Return the next twist of the held piece, task axes; None at the end.

        Raises:
            ContactFitError: A bound is exceeded, or there is no ground piece; command rest.
        """
        self._check(sample)
        self._last = sample
        try:
            return self._script.send(sample)
        except StopIteration:
            return None

    def _check(self, sample: TouchSample) -> None:
        if not math.isfinite(sample.force_n + sample.peak_n):
            raise ContactFitError("force: expected finite numbers; look at the sensor")
        first, last = self._first or sample, self._last or sample
        self._first = first
        if sample.time_s - first.time_s > self._plan.patience_s:
            raise ContactFitError(
                f"expected an end within {self._plan.patience_s:g} s, still: {self.stage}; does "
                "the robot follow the commands?"
            )
        jump_m = math.dist(sample.pose.position.tolist(), last.pose.position.tolist())
        if jump_m > JUMP_M:
            raise ContactFitError(
                f"pose: jumped by {1e3 * jump_m:.1f} mm, expected at most {1e3 * JUMP_M:g} mm "
                "in a cycle; does somebody move the arm?"
            )
        if self._felt(sample) > self._plan.most_force_n:
            raise ContactFitError(
                f"force: expected at most {self._plan.most_force_n:g} N, got "
                f"{self._felt(sample):.0f} N; lower fastest_mps or raise most_force_n"
            )

    def _felt(self, sample: TouchSample) -> float:
        return sample.peak_n - self._zero_n

    def _run(self) -> _Script:
        plan = self._plan
        sample = yield Twist.zero()
        home = sample.pose.moved(np.array((plan.aside_x_m, plan.aside_y_m, 0.0)), np.zeros(3))
        speeds = [plan.fastest_mps * (i + 1) / plan.speeds for i in range(plan.speeds)]
        self.stage = "way aside"
        yield from self._steer(home)
        self.stage = "search"
        yield from self._rest()
        lowest = float(home.position[2]) - plan.travel_m
        sample = yield from self._descend(speeds[0], plan.touch_force_n, lowest)
        surface = _at_height(home, sample.height_m)
        for number in range(plan.presses):
            self.stage = f"press {number + 1} of {plan.presses}"
            yield from self._press(surface)
        for number in range(plan.rounds):
            for speed in speeds:
                self.stage = f"touch at {1e3 * speed:g} mm/s, {number + 1} of {plan.rounds}"
                yield from self._touch(surface, speed)
        self.stage = "retreat"
        yield from self._steer(home)
        yield from self._stand(REST_S)

    def _press(self, surface: Pose) -> _Script:
        plan = self._plan
        yield from self._wait_above(surface, 0.5 * _GAP_M)
        yield from self._descend(plan.press_speed_mps, plan.press_force_n, self._lowest_m(surface))
        self.presses.append(self._recorded(plan.press_speed_mps))

    def _touch(self, surface: Pose, speed_mps: float) -> _Script:
        yield from self._wait_above(surface, _GAP_M + _GAP_S * speed_mps)
        yield from self._descend(speed_mps, self._plan.touch_force_n, self._lowest_m(surface))
        yield from self._stand(STOP_S)
        self.touches.append(self._recorded(speed_mps))

    def _wait_above(self, surface: Pose, gap_m: float) -> _Script:
        """Move above the surface, rest there, and begin a record."""
        yield from self._steer(_at_height(surface, float(surface.position[2]) + gap_m))
        yield from self._rest()
        self._record = []

    def _lowest_m(self, surface: Pose) -> float:
        return float(surface.position[2]) - self._plan.depth_m

    def _next(self, speed_mps: float) -> _Measured:
        """Command a speed along z of the task frame for one cycle, and record the answer."""
        sample = yield Twist(np.array((0.0, 0.0, speed_mps)), np.zeros(3))
        self._record.append(sample)
        return sample

    def _recorded(self, speed_mps: float) -> Descent:
        record = self._record
        return Descent(
            speed_mps,
            np.array([sample.time_s for sample in record]),
            np.array([sample.height_m for sample in record]),
            np.array([sample.sent_mps for sample in record]),
            np.array([sample.force_n - self._zero_n for sample in record]),
            max(map(self._felt, record)),
        )

    def _stand(self, duration_s: float) -> _Measured:
        sample = yield from self._next(0.0)
        began_s = sample.time_s
        while sample.time_s - began_s < duration_s:
            sample = yield from self._next(0.0)
        return sample

    def _rest(self) -> _Script:
        """Stand, and take the zero of the force from the second half of that time."""
        yield from self._stand(0.5 * REST_S)
        self._record = []
        yield from self._stand(0.5 * REST_S)
        self._zero_n = float(np.mean([sample.force_n for sample in self._record]))

    def _descend(self, speed_mps: float, force_n: float, lowest_m: float) -> _Measured:
        sample = yield from self._next(0.0)
        while self._felt(sample) < force_n:
            if sample.height_m < lowest_m:
                raise ContactFitError(
                    f"{self.stage}: expected {force_n:g} N, got {self._felt(sample):.1f} N down to "
                    f"{1e3 * lowest_m:.1f} mm in the task frame; place the held piece flat, a few "
                    "millimetres above the ground piece"
                )
            sample = yield from self._next(-speed_mps)
        return sample

    def _steer(self, target: Pose) -> _Script:
        sample = yield from self._next(0.0)
        while not _STEERING.reached(sample.pose, target):
            sample = yield _STEERING.twist(sample.pose, target)


def _at_height(pose: Pose, height_m: float) -> Pose:
    """Return the pose at another height."""
    return Pose(np.append(pose.position[:2], height_m), pose.quaternion)
