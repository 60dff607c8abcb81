"""Motions of the supervisor between attempts: retract, move to the start pose, rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np

from der_ros.control.sensor.bias_check import BiasCheck
from der_ros.errors import DerRosError
from der_ros.geometry import Pose, Twist, Wrench, angle_between
from der_ros.policy.attempt import MeanWrench, PeakWrench, Steering
from der_ros.policy.rest import RestLimits
from der_ros.tasks import Task

STEER_PERIOD_S = 0.02
STEER_TIMEOUT_S = 20.0
SETTLE_S = 0.3
FEEL_S = 0.1
IN_FLIGHT_S = 0.05
"""Longest time in which readings from before a bias may still arrive, s."""
REST_S = 0.2
"""Time over which the wrench at rest is averaged, s; two periods of an arm that hums at 10 Hz."""


class CellError(DerRosError, RuntimeError):
    """The cell cannot carry out a request; the message is the reason."""


class MotionCell(Protocol):
    """Interface to a robot that is moved by twists."""

    def pose(self) -> Pose:
        """Return the newest pose of the held piece in the task frame.

        Raises:
            CellError: No pose has been received yet.
        """
        ...

    def problem(self) -> str:
        """Return the reason why the cell must not move now; empty if it may."""
        ...

    def command(self, twist: Twist) -> None:
        """Send one twist of the held piece, task axes."""
        ...


def check_may_move(cell: MotionCell, stop_reason: Callable[[], str]) -> None:
    """Check that neither ``stop_reason`` nor the cell forbids motion.

    Raises:
        CellError: The cell must not move; the message is the reason.
    """
    problem = stop_reason() or cell.problem()
    if problem:
        raise CellError(problem)


class AssemblyCell(MotionCell, Protocol):
    """Interface to robot and sensor for an approach.

    Attributes:
        peak: Largest wrench since ``restart_readings``.
        mean: Mean wrench since ``restart_readings``.
    """

    peak: PeakWrench
    mean: MeanWrench

    def restart_readings(self) -> None:
        """Restart the measurement of the peak and the mean wrench."""
        ...

    def trigger(self, name: str) -> str:
        """Call a Trigger service and return its message.

        Raises:
            CellError: The service is missing, does not answer, or refuses.
        """
        ...


class StartConditions(Protocol):
    """Tolerances at the task's start pose."""

    @property
    def start_tolerance_m(self) -> float:
        """Largest distance from the start pose, m."""
        ...

    @property
    def start_tolerance_rad(self) -> float:
        """Largest angle from the start pose, rad."""
        ...

    @property
    def start_force_n(self) -> float:
        """Largest force since the last bias, N; 0 for any."""
        ...

    @property
    def start_torque_nm(self) -> float:
        """Largest torque since the last bias, Nm; 0 for any."""
        ...


class Approach:
    """Straight motions of the held piece, and checks before the policy takes over.

    Every method blocks, ends at rest, and raises ``CellError`` as soon as the cell must not move.

    Args:
        cell: Robot and sensor.
        task: Task to assemble.
        conditions: Tolerances at the start pose.
        stop_reason: Function that returns the reason to end the motion; empty to continue.
        at_rest: Largest wrench at rest after the bias.

    Attributes:
        bias_check: Bias of the sensor, with the wrench that was read at rest after it.
    """

    def __init__(
        self,
        cell: AssemblyCell,
        task: Task,
        conditions: StartConditions,
        stop_reason: Callable[[], str],
        at_rest: RestLimits | None = None,
    ) -> None:
        self._cell, self._task, self._stop_reason = cell, task, stop_reason
        self._conditions = conditions
        self._steering = Steering()
        self._biased = False
        self.bias_check = BiasCheck(
            RestLimits() if at_rest is None else at_rest, self._take_bias, self._mean_at_rest
        )

    def retract(self) -> None:
        """Move the piece up out of the joint, then to the retract pose."""
        self._steer(self._task.retract_pose_near(self._cell.pose()), "retract pose")

    def rest(self, duration_s: float = SETTLE_S) -> None:
        """Command no motion for ``duration_s``."""
        deadline_s = time.monotonic() + duration_s
        while time.monotonic() < deadline_s:
            check_may_move(self._cell, self._stop_reason)
            self._cell.command(Twist.zero())
            time.sleep(STEER_PERIOD_S)

    def to_start(self, offset_m: tuple[float, float] = (0.0, 0.0)) -> None:
        """Move the piece to its start pose, let it settle, and bias the sensor.

        Args:
            offset_m: Offset from the task's start pose along x and y, m.

        Raises:
            CellError: The cell must not move, the piece leaves the start pose or touches
                something, or the sensor does not read about zero after a second bias.
        """
        # The nearest start pose, because the controller's program may have turned the piece.
        start = self._task.start_pose_near(self._cell.pose())
        start = start.moved(np.array((*offset_m, 0.0)), np.zeros(3))
        self._steer(start, "start pose")
        self.rest()
        self._cell.restart_readings()
        self.rest(FEEL_S)
        self._check_start(start)
        self._check_unloaded()
        self._bias()

    def _bias(self) -> None:
        """Bias the sensor and check that it reads about zero."""
        if excess := self.bias_check.bias():
            raise CellError(
                f"at rest after a second bias, {excess} where nothing touches; check whether the "
                "sensor is loose, the tool touches something, its payload was changed, or the "
                "sensor drifts"
            )

    def _take_bias(self) -> None:
        self._cell.trigger("ft_bridge/bias")
        self._biased = True

    def _mean_at_rest(self) -> Wrench:
        """Return the mean wrench of ``REST_S`` at rest, from readings after the newest bias."""
        self.rest(IN_FLIGHT_S)
        self._cell.restart_readings()
        self.rest(REST_S)
        mean = self._cell.mean.wrench
        if mean is None:
            raise CellError(f"no force reading within {REST_S:g} s at rest")
        return mean

    def _check_start(self, start: Pose) -> None:
        """Check that the arm has stayed within tolerance of the start pose."""
        pose, conditions = self._cell.pose(), self._conditions
        away_m = float(np.linalg.norm(pose.position - start.position))
        away_rad = angle_between(pose.quaternion, start.quaternion)
        if away_m > conditions.start_tolerance_m or away_rad > conditions.start_tolerance_rad:
            raise CellError(
                f"start pose: expected within {1e3 * conditions.start_tolerance_m:g} mm and "
                f"{1e3 * conditions.start_tolerance_rad:g} mrad, it is {1e3 * away_m:.1f} mm and "
                f"{1e3 * away_rad:.1f} mrad away"
            )

    def _check_unloaded(self) -> None:
        """Check that the piece touches nothing: a bias in contact would hide the contact force.

        The check is skipped before the first bias, because there is no reference.
        """
        peak, conditions = self._cell.peak, self._conditions
        readings = (
            ("N", peak.force_n, conditions.start_force_n),
            ("Nm", peak.torque_nm, conditions.start_torque_nm),
        )
        for unit, value, allowed in readings:
            if self._biased and allowed and value > allowed:
                # An operator checks before the next attempt, whose bias skips this comparison.
                self._biased = False
                raise CellError(
                    f"start pose: the sensor feels {value:.3g} {unit} where nothing touches, "
                    f"expected at most {allowed:g} {unit} since its last bias; check whether the "
                    "piece touches, is lost or was changed, and whether the sensor drifted or "
                    "restarted"
                )

    def _steer(self, target: Pose, name: str) -> None:
        """Move the held piece to ``target`` (task frame), first up if the target is higher."""
        pose = self._cell.pose()
        if target.position[2] > pose.position[2]:
            lifted = np.append(pose.position[:2], target.position[2])
            self._steer_straight(Pose(lifted, pose.quaternion), f"height of the {name}")
        self._steer_straight(target, name)

    def _steer_straight(self, target: Pose, name: str) -> None:
        deadline_s = time.monotonic() + STEER_TIMEOUT_S
        try:
            while not self._steering.reached(pose := self._cell.pose(), target):
                check_may_move(self._cell, self._stop_reason)
                if time.monotonic() > deadline_s:
                    raise CellError(f"the {name} was not reached within {STEER_TIMEOUT_S:g} s")
                self._cell.command(self._steering.twist(pose, target))
                time.sleep(STEER_PERIOD_S)
        finally:
            self._cell.command(Twist.zero())
