"""Forward and inverse kinematics of an arm."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, quaternion_between, rotation_vector_from_quaternion
from der_ros.rotation import moved, product, rotate
from der_ros.sim.arm import Arm

_MOST_STEPS = 40
_LONGEST_STEP_RAD = 0.5
# Rounding error in m and rad; each Newton step squares the error.
_EXACT = 1e-11
# Keeps the step finite near a singularity; small enough not to slow convergence.
_DAMPING = 1e-10
_WHOLE_TURN = 2.0 * math.pi


class _Chain(NamedTuple):
    """Pose and Jacobian of an arm at given joint angles, task frame."""

    tcp: Pose
    jacobian: Array  # (6, axes): m/s and rad/s of the tcp per rad/s


class ArmKinematics:
    """Forward and inverse kinematics in the task frame.

    The inverse uses Newton's method: 3 to 5 steps, about 0.2 ms. It starts from the arm's
    postures, with the last axis turned by the yaw of the held piece. Postures are tried in order
    of the distance of the last axis from its limits, furthest first.

    Args:
        arm: Arm and its placement in the cell.
    """

    def __init__(self, arm: Arm) -> None:
        self._arm = arm
        self._base = arm.base_from_task.inverse().to_numbers()
        self._tool = arm.last_from_tcp.to_numbers()
        # +1 where a positive angle of the last axis turns the held piece positively about its z.
        last = np.array(arm.axes[-1].direction, dtype=float)
        self._last_sense = round(float(last @ arm.last_from_tcp.rotation[:, 2]))

    def forward(self, angles_rad: Array) -> Pose:
        """Pose of the held piece in the task frame.

        Args:
            angles_rad: Joint angles, (axes,) rad.
        """
        return self._chain(angles_rad).tcp

    def jacobian(self, angles_rad: Array) -> Array:
        """Return the Jacobian of the tcp, (6, axes), m/s and rad/s per rad/s, task axes."""
        return self._chain(angles_rad).jacobian

    def inverse(self, task_from_tcp: Pose) -> Array:
        """Return joint angles within the limits that hold the piece at a pose.

        Returns:
            Joint angles, (axes,) rad.

        Raises:
            ConfigurationError: The arm does not reach the pose.
        """
        low, high = self._arm.lower_limits_rad, self._arm.upper_limits_rad
        for seed in self._seeds(task_from_tcp):
            angles = self._refined(seed, task_from_tcp)
            if angles is not None and (low <= angles).all() and (angles <= high).all():
                return angles
        raise ConfigurationError(
            f"pose of the held piece: expected one that the {self._arm.name} reaches, "
            f"got {task_from_tcp} in the task frame"
        )

    def _seeds(self, task_from_tcp: Pose) -> list[Array]:
        """Return the postures with the last axis turned by the piece's yaw, best first."""
        _, _, z, w = task_from_tcp.quaternion.tolist()
        turned = self._last_sense * 2.0 * math.atan2(z, w)
        last = self._arm.axes[-1]
        middle = 0.5 * (last.lower_rad + last.upper_rad)
        seeds = []
        for posture in self._arm.postures_rad:
            angle = math.remainder(posture[-1] + turned - middle, _WHOLE_TURN)
            seeds.append(np.array((*posture[:-1], middle + angle)))
        return sorted(seeds, key=lambda seed: abs(float(seed[-1]) - middle))

    def _refined(self, angles_rad: Array, wanted: Pose) -> Array | None:
        """Refine joint angles by Newton's method; return None if it does not converge."""
        angles: Array = angles_rad.copy()
        for _ in range(_MOST_STEPS):
            tcp, jacobian = self._chain(angles)
            turn = quaternion_between(tcp.quaternion, wanted.quaternion)
            rotation = tcp.rotation @ rotation_vector_from_quaternion(np.array(turn))
            error = np.concatenate((wanted.position - tcp.position, rotation))
            if float(np.abs(error).max()) < _EXACT:
                return angles
            damped = jacobian @ jacobian.T + _DAMPING * np.eye(6)
            step = jacobian.T @ np.linalg.solve(damped, error)
            longest = float(np.abs(step).max())
            angles += step * min(1.0, _LONGEST_STEP_RAD / longest)
        return None

    def _chain(self, angles_rad: Array) -> _Chain:
        # Plain numbers: numpy takes five times as long for vectors this small.
        position, quaternion = self._base
        places, directions = [], []
        for axis, angle in zip(self._arm.axes, angles_rad.tolist(), strict=True):
            position = moved(position, quaternion, axis.origin)
            places.append(position)
            directions.append(rotate(quaternion, *axis.direction))
            (x, y, z), sine = axis.direction, math.sin(0.5 * angle)
            turn = (sine * x, sine * y, sine * z, math.cos(0.5 * angle))
            quaternion = product(quaternion, turn)
        tcp = moved(position, quaternion, self._tool[0])
        # Columns: direction x (tcp - place), and the direction itself.
        columns = []
        for (px, py, pz), (a, b, c) in zip(places, directions, strict=True):
            x, y, z = tcp[0] - px, tcp[1] - py, tcp[2] - pz
            columns.append((b * z - c * y, c * x - a * z, a * y - b * x, a, b, c))
        pose = Pose.from_numbers(tcp, product(quaternion, self._tool[1]))
        return _Chain(pose, np.array(columns).T)
