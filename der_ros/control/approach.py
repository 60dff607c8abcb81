"""Motions of the supervisor itself: out of the joint, to the start pose, and rest there."""

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
    """The cell cannot do what was asked; the message is the reason."""


class AssemblyCell(Protocol):
    """Robot and sensor as an approach uses them.

    Attributes:
        peak: largest wrench since ``restart_peak``.
    """

    peak: PeakWrench

    def pose(self) -> Pose:
        """Return the newest pose of the held piece in the task frame.

        Raises:
            CellError: no pose has come yet.
        """
        ...

    def problem(self) -> str:
        """Return why the cell must not move now; empty if it may."""
        ...

    def restart_peak(self) -> None:
        """Forget the earlier peak wrench."""
        ...

    def command(self, twist: Twist) -> None:
        """Send one twist of the held piece, task axes."""
        ...

    def trigger(self, name: str) -> str:
        """Call a Trigger service and return its message.

        Raises:
            CellError: the service is missing, does not answer, or refuses.
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
    """Moves the piece along straight paths, and checks that the policy may take over.

    Every method blocks, and raises ``CellError`` as soon as the cell must not move.

    Args:
        cell: robot and sensor.
        task: the task that is assembled.
        conditions: the tolerances at its start.
        stop_reason: returns why the motion must end; empty while it may go on.
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
        """Move the piece out of the joint, upwards first."""
        self._steer(self._task.retract_pose_near(self._cell.pose()), "retract pose")

    def rest(self, duration_s: float = SETTLE_S) -> None:
        """Command no motion for ``duration_s``."""
        deadline_s = time.monotonic() + duration_s
        while time.monotonic() < deadline_s:
            self._check_may_move()
            self._cell.command(Twist.zero())
            time.sleep(STEER_PERIOD_S)

    def to_start(self, offset_m: tuple[float, float] = (0.0, 0.0)) -> None:
        """Move the piece to its start, let it settle there, and bias the sensor.

        Args:
            offset_m: from the task's start pose along x and y, m.

        Raises:
            CellError: also if the piece does not stay there, or touches something.
        """
        # The nearest of the task's start poses: the controller's program may have turned the piece.
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
        """Refuse an arm that has crept, sagged or swung away from the start pose."""
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
        """Refuse a contact: a bias taken there would hide its force for the whole attempt.

        Before the first bias there is nothing to compare with.
        """
        peak, conditions = self._cell.peak, self._conditions
        felt = (
            ("N", peak.force_n, conditions.start_force_n),
            ("Nm", peak.torque_nm, conditions.start_torque_nm),
        )
        for unit, value, allowed in felt:
            if self._biased and allowed and value > allowed:
                # A person looks before the next attempt; its bias is taken without a comparison.
                self._biased = False
                raise CellError(
                    f"start pose: the sensor feels {value:.0f} {unit} where nothing touches, "
                    f"expected at most {allowed:g} {unit} since its last bias; does the piece "
                    "touch, is it lost or another one, has the sensor drifted or restarted?"
                )

    def _steer(self, target: Pose, name: str) -> None:
        """Move the held piece to ``target`` (task frame), and rise first if it is higher."""
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
