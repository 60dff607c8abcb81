"""Where the supervisor itself leads the held piece: back out, to the start, and to rest there."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from der_ros.geometry import Pose, Twist, angle_between
from der_ros.nodes.assembly_supervisor.cell_client import CellClient, CellError
from der_ros.nodes.assembly_supervisor.parameters import SupervisorConfig
from der_ros.policy.attempt import Steering

STEER_PERIOD_S = 0.02
STEER_TIMEOUT_S = 20.0
SETTLE_S = 0.3
FEEL_S = 0.1


class Approach:
    """Leads the piece along straight paths, and looks whether the policy may be let loose.

    Every method blocks; each raises ``CellError`` as soon as the cell must not move.

    Args:
        cell: robot and sensor.
        config: the task and the tolerances at its start.
        told_to_stop: who wants the motion to end; empty while nobody does.
    """

    def __init__(
        self, cell: CellClient, config: SupervisorConfig, told_to_stop: Callable[[], str]
    ) -> None:
        self._cell, self._config, self._told_to_stop = cell, config, told_to_stop
        self._steering = Steering()
        self._biased = False

    def retract(self) -> None:
        """Leads the piece out, upwards first."""
        self._steer(self._config.task.retract_pose_near(self._cell.pose()), "retract pose")

    def rest(self, duration_s: float = SETTLE_S) -> None:
        """Commands no motion for a while."""
        deadline_s = time.monotonic() + duration_s
        while time.monotonic() < deadline_s:
            self._check_may_move()
            self._cell.command(Twist.zero())
            time.sleep(STEER_PERIOD_S)

    def to_start(self) -> None:
        """Leads the piece to its start, has it settle there, and takes the sensor's bias.

        Raises:
            CellError: also where it does not stay there, or touches something.
        """
        # However the program on the controller has left the piece turned, if the task may start so.
        start = self._config.task.start_pose_near(self._cell.pose())
        self._steer(start, "start pose")
        self.rest()
        self._cell.restart_peak()
        self.rest(FEEL_S)
        self._check_start(start)
        self._check_unloaded()
        self._cell.trigger("ft_bridge/bias")
        self._biased = True

    def _check_start(self, start: Pose) -> None:
        """After the rest: an arm that creeps, sags or swings does not stay where it was led."""
        pose, config = self._cell.pose(), self._config
        away_m = float(np.linalg.norm(pose.position - start.position))
        away_rad = angle_between(pose.quaternion, start.quaternion)
        if away_m > config.start_tolerance_m or away_rad > config.start_tolerance_rad:
            raise CellError(
                f"start pose: expected within {1e3 * config.start_tolerance_m:g} mm and "
                f"{1e3 * config.start_tolerance_rad:g} mrad, it is {1e3 * away_m:.1f} mm and "
                f"{1e3 * away_rad:.1f} mrad away"
            )

    def _check_unloaded(self) -> None:
        """A bias that is taken in contact would hide that force for the whole attempt.

        What the first bias is taken of nobody can know; what was felt since, everybody can.
        """
        peak, config = self._cell.peak, self._config
        felt = (
            ("N", peak.force_n, config.start_force_n),
            ("Nm", peak.torque_nm, config.start_torque_nm),
        )
        for unit, value, allowed in felt:
            if self._biased and allowed and value > allowed:
                # A person looks before the next attempt; what is felt then is taken for nothing.
                self._biased = False
                raise CellError(
                    f"start pose: the sensor feels {value:.0f} {unit} where nothing touches, "
                    f"expected at most {allowed:g} {unit} since its last bias; does the piece "
                    "touch, is it lost or another one, has the sensor drifted or been started anew?"
                )

    def _steer(self, target: Pose, name: str) -> None:
        """Leads the held piece to ``target`` (task frame); where it must rise, it rises first."""
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
        problem = self._told_to_stop() or self._cell.problem()
        if problem:
            raise CellError(problem)
