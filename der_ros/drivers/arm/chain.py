"""Forward kinematics and geometric Jacobian of a chain of revolute joints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, quaternion_from_rotation_matrix


@dataclass(frozen=True, kw_only=True)
class Joint:
    """Revolute joint with its limits, as in URDF.

    Attributes:
        name: Name of the joint, as in ``joint_states``.
        origin: Pose of the joint at zero in the previous joint's frame, or in the base frame.
        direction: Unit vector of the joint axis, (3,), joint frame.
        lower_rad: Lower position limit, rad; minus infinity for none.
        upper_rad: Upper position limit, rad; infinity for none.
        speed_limit_radps: Maximum speed, rad/s.
    """

    name: str
    origin: Pose
    direction: Array
    lower_rad: float
    upper_rad: float
    speed_limit_radps: float

    def __post_init__(self) -> None:
        """Check the axis and the limits of the joint.

        Raises:
            ConfigurationError: The axis is not a unit vector, the limits are in the wrong order, or
                the speed limit is not finite and above zero.
        """
        if not abs(float(np.linalg.norm(self.direction)) - 1.0) < 1e-6:
            raise ConfigurationError(
                f"joint {self.name}: expected an axis of length 1, got {self.direction.tolist()}"
            )
        if not self.lower_rad < self.upper_rad:
            raise ConfigurationError(
                f"joint {self.name}: expected lower < upper, got {self.lower_rad} and "
                f"{self.upper_rad}"
            )
        if not 0.0 < self.speed_limit_radps < math.inf:
            raise ConfigurationError(
                f"joint {self.name}: expected a speed limit above zero, got "
                f"{self.speed_limit_radps}"
            )


class Placed(NamedTuple):
    """Pose and Jacobian of a chain at given joint angles.

    Attributes:
        tip: Pose of the tip in the base frame.
        jacobian: Jacobian of the tip, (6, joints), m/s and rad/s per rad/s, base axes.
    """

    tip: Pose
    jacobian: Array


class Chain:
    """Chain of joints from a base to a tip.

    Args:
        joints: Joints from the base on, at least one.
        last_from_tip: Pose of the tip in the last joint's frame.
    """

    def __init__(self, joints: Sequence[Joint], last_from_tip: Pose) -> None:
        if not joints:
            raise ConfigurationError("chain: expected at least one turning joint, got none")
        self.joints = tuple(joints)
        self.last_from_tip = last_from_tip
        count = len(self.joints)
        self._directions = np.array([joint.direction for joint in joints])
        self._turns = np.array([joint.origin.rotation for joint in joints])
        # Rodrigues: R = 1 + sin(q) K + (1 - cos(q)) K^2, K the cross product with the direction.
        self._crosses = np.array([_cross_matrix(joint.direction) for joint in joints])
        self._squares = self._crosses @ self._crosses
        # Transform of each joint; the rotation block depends on the angle.
        self._steps = np.tile(np.eye(4), (count, 1, 1))
        self._steps[:, :3, 3] = [joint.origin.position for joint in joints]
        self._tip_rotation = last_from_tip.rotation

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the joints, from the base on."""
        return tuple(joint.name for joint in self.joints)

    @cached_property
    def lower_rad(self) -> Array:
        """Lower position limits, (joints,) rad."""
        return np.array([joint.lower_rad for joint in self.joints])

    @cached_property
    def upper_rad(self) -> Array:
        """Upper position limits, (joints,) rad."""
        return np.array([joint.upper_rad for joint in self.joints])

    @cached_property
    def speed_limits_radps(self) -> Array:
        """Speed limits, (joints,) rad/s."""
        return np.array([joint.speed_limit_radps for joint in self.joints])

    def extended(self, tip_from_tool: Pose) -> Chain:
        """Return this chain extended by a tool at its tip."""
        return Chain(self.joints, self.last_from_tip @ tip_from_tool)

    def forward(self, angles_rad: Array) -> Pose:
        """Return the pose of the tip in the base frame for joint angles, (joints,) rad."""
        return self.at(angles_rad).tip

    def at(self, angles_rad: Array) -> Placed:
        """Return pose and Jacobian of the tip for joint angles, (joints,) rad."""
        sines = np.sin(angles_rad)[:, None, None]
        versines = 1.0 - np.cos(angles_rad)[:, None, None]
        steps = self._steps.copy()
        steps[:, :3, :3] = self._turns @ (
            np.eye(3) + sines * self._crosses + versines * self._squares
        )
        frames = np.empty_like(steps)
        frame = np.eye(4)
        for i, step in enumerate(steps):
            frame = np.matmul(frame, step, out=frames[i])
        places, position, rotation = frames[:, :3, 3], frame[:3, 3], frame[:3, :3]
        # A joint's own rotation does not change its direction.
        directions = (frames[:, :3, :3] @ self._directions[:, :, None])[:, :, 0]
        tip = position + rotation @ self.last_from_tip.position
        quaternion = quaternion_from_rotation_matrix(rotation @ self._tip_rotation)
        # Columns: direction x (tip - place), and the direction itself.
        (a, b, c), (x, y, z) = directions.T, (tip - places).T
        jacobian = np.array((b * z - c * y, c * x - a * z, a * y - b * x, a, b, c))
        return Placed(Pose(tip, quaternion), jacobian)


def _cross_matrix(direction: Array) -> Array:
    x, y, z = direction.tolist()
    return np.array(((0.0, -z, y), (z, 0.0, -x), (-y, x, 0.0)))
