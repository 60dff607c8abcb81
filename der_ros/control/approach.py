"""Motions of the supervisor between attempts: retract, move to the start pose, rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np

from der_ros.errors import DerRosError
from der_ros.geometry import Pose, Twist, angle_between
from der_ros.policy.attempt import PeakWrench, Steering
from der_ros.tasks import Task

STEER_PERIOD_S = 0.02
STEER_TIMEOUT_S = 20.0
SETTLE_S = 0.3
FEEL_S = 0.1


class CellError(DerRosError, RuntimeError):
    """The cell cannot carry out a request; the message is the reason."""


class AssemblyCell(Protocol):
    """Interface to robot and sensor for an approach.

    Attributes:
        peak: Largest wrench since ``restart_peak``.
    """

    peak: PeakWrench

    def pose(self) -> Pose:
        """Return the newest pose of the held piece in the task frame.

        Raises:
            CellError: No pose has been received yet.
        """
        ...

    def problem(self) -> str:
        """Return the reason why the cell must not move now; empty if it may."""
        ...

    def restart_peak(self) -> None:
        """Restart the measurement of the peak wrench."""
        ...

    def command(self, twist: Twist) -> None:
        """Send one twist of the held piece, task axes."""
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

    Every method blocks, and raises ``CellError`` as soon as the cell must not move.

    Args:
        cell: Robot and sensor.
        task: Task to assemble.
        conditions: Tolerances at the start pose.
        stop_reason: Function that returns the reason to end the motion; empty to continue.
    """

    def __init__(
        self,
        cell: AssemblyCell,
        task: Task,
        conditions: StartConditions,
        stop_reason: Callable[[], str],
    ) -> None:
        self._cell, self._task, self._stop_reason = cell, task, stop_reason
        self._conditions = conditions
        self._steering = Steering()
        self._biased = False

    def retract(self) -> None:
        """Move the piece up out of the joint, then to the retract pose."""
        self._steer(self._task.retract_pose_near(self._cell.pose()), "retract pose")

    def rest(self, duration_s: float = SETTLE_S) -> None:
        """Command no motion for ``duration_s``."""
        deadline_s = time.monotonic() + duration_s
        while time.monotonic() < deadline_s:
            self._check_may_move()
            self._cell.command(Twist.zero())
            time.sleep(STEER_PERIOD_S)

    def to_start(self, offset_m: tuple[float, float] = (0.0, 0.0)) -> None:
        """Move the piece to its start pose, let it settle, and bias the sensor.

        Args:
            offset_m: Offset from the task's start pose along x and y, m.

        Raises:
            CellError: The cell must not move, or the piece leaves the start pose or touches
                something.
        """
        # The nearest start pose, because the controller's program may have turned the piece.
        start = self._task.start_pose_near(self._cell.pose())
        start = start.moved(np.array((*offset_m, 0.0)), np.zeros(3))
        self._steer(start, "start pose")
        self.rest()
        self._cell.restart_peak()
        self.rest(FEEL_S)
        self._check_start(start)
        self._check_unloaded()
        self._cell.trigger("ft_bridge/bias")
        self._biased = True

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
        felt = (
            ("N", peak.force_n, conditions.start_force_n),
            ("Nm", peak.torque_nm, conditions.start_torque_nm),
        )
        for unit, value, allowed in felt:
            if self._biased and allowed and value > allowed:
                # An operator checks before the next attempt, whose bias skips this comparison.
                self._biased = False
                raise CellError(
                    f"start pose: the sensor feels {value:.0f} {unit} where nothing touches, "
                    f"expected at most {allowed:g} {unit} since its last bias; does the piece "
                    "touch, is it lost or another one, has the sensor drifted or restarted?"
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
        while not self._steering.reached(self._cell.pose(), target):
            self._check_may_move()
            if time.monotonic() > deadline_s:
                raise CellError(f"the {name} was not reached within {STEER_TIMEOUT_S:g} s")
            self._cell.command(self._steering.twist(self._cell.pose(), target))
            time.sleep(STEER_PERIOD_S)
        self._cell.command(Twist.zero())

    def _check_may_move(self) -> None:
        problem = self._stop_reason() or self._cell.problem()
        if problem:
            raise CellError(problem)
