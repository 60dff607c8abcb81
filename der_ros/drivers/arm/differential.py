"""Differential kinematics: joint speeds within the joint limits for a twist of the tool.

With the singular value decomposition ``J = sum s_i u_i v_i^T`` of the Jacobian and the commanded
twist ``t`` (m/s and rad/s, unscaled), in this order:

1. damped inverse    ``q' = sum s_i / (s_i^2 + l_i^2) (u_i . t) v_i`` with
                     ``l_i^2 = l_max^2 (1 - (s_i / s_0)^2)`` for ``s_i < s_0``, else zero: exact
                     away from singularities; near one, infeasible components fade out (numerical
                     filtering: Maciejewski, Klein 1988; Chiaverini 1997);
2. redundancy        ``q' := q' + N g |q'|``, N the projection into the null space; ``g`` points
                     away from the end stops and grows with the cube of the distance from the middle
                     (Liegeois 1977). It scales with the commanded motion, so without a command
                     nothing moves;
3. speed limits      ``q'`` is scaled by one factor so that each joint keeps its speed limit; the
                     twist becomes slower and keeps its direction;
4. end stops         ``q'`` is scaled by one factor so that ``|q'_i| <= d_i / T``, ``d_i`` the
                     distance to the stop less the margin: the joint approaches the stop
                     exponentially and never passes it. Motion away from a stop is not limited.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntFlag
from typing import NamedTuple

import numpy as np

from der_ros.drivers.arm.chain import Chain
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Twist
from der_ros.settings import check_ranges, setting

_LARGEST = 1e3
# Slower speeds are rounding errors and do not count as motion towards a stop.
_RESTS_RADPS = 1e-9
# A joint counts as being at its stop if less than this fraction of its speed is allowed.
_STANDS = 0.02


class Hindrance(IntFlag):
    """Reasons why the motion differs from the commanded one."""

    SINGULAR = 1
    JOINT_SPEED = 2
    JOINT_LIMIT = 4
    NOT_FINITE = 8


@dataclass(frozen=True, kw_only=True)
class DifferentialConfig:
    """Joint limits and parameters of the module's equations."""

    margin_rad: float = setting(
        0.05, "Margin kept from each end stop of the URDF", "rad", 0.0, 1.0, name="joint_margin_rad"
    )
    speed_share: float = setting(
        0.25,
        "Fraction of each joint's speed limit that is used",
        minimum=0.01,
        maximum=1.0,
        name="joint_speed_share",
    )
    damped_below: float = setting(
        0.05,
        "Smallest singular value of the Jacobian that is not damped (s_0)",
        minimum=0.001,
        maximum=1.0,
    )
    largest_damping: float = setting(
        0.05, "Damping at a singularity (l_max)", minimum=0.001, maximum=1.0
    )
    stop_time_s: float = setting(
        0.25, "Time constant of slowing down towards an end stop (T)", "s", 0.06, 10.0
    )
    spare_gain: float = setting(
        0.5,
        "Speed of a spare joint away from its end stop, as a fraction of the commanded motion",
        minimum=0.0,
        maximum=2.0,
    )

    def __post_init__(self) -> None:
        """Check that all parameters are in range.

        Raises:
            ConfigurationError: A number is outside its range.
        """
        check_ranges(self)


class JointStep(NamedTuple):
    """Motion of the joints in one cycle.

    Attributes:
        angles_rad: Joint angles at the end of the cycle, (joints,) rad.
        twist: Resulting twist of the tool, base axes; the commanded one, or less.
        hindrances: Reasons why the twist is less than commanded.
        refusal: Message that names the joint at its end stop, or None.
    """

    angles_rad: Array
    twist: Twist
    hindrances: Hindrance
    refusal: str | None


class DifferentialKinematics:
    """Differential kinematics of one arm; see the module for the equations.

    Args:
        chain: Chain from the base to the tool.
        config: Joint limits and parameters.

    Raises:
        ConfigurationError: The margins leave a joint no range of motion.
    """

    def __init__(self, chain: Chain, config: DifferentialConfig) -> None:
        self.chain = chain
        self._config = config
        self.lower_rad = chain.lower_rad + config.margin_rad
        self.upper_rad = chain.upper_rad - config.margin_rad
        self.speeds_radps = chain.speed_limits_radps * config.speed_share
        for joint, low, high in zip(chain.joints, self.lower_rad, self.upper_rad, strict=True):
            if not low < high:
                raise ConfigurationError(
                    "joint_margin_rad: expected less than half the range of joint "
                    f"{joint.name}, got {config.margin_rad}"
                )
        endless = ~(np.isfinite(self.lower_rad) & np.isfinite(self.upper_rad))
        self._middle = np.where(endless, 0.0, 0.5 * (self.lower_rad + self.upper_rad))
        self._half = np.where(endless, np.inf, 0.5 * (self.upper_rad - self.lower_rad))

    def step(self, angles_rad: Array, twist: Twist, dt_s: float) -> JointStep:
        """Compute the joints' motion of one cycle.

        Args:
            angles_rad: Measured or commanded joint angles, (joints,) rad, finite.
            twist: Commanded twist of the tool, base axes; a non-finite one gives no motion.
            dt_s: Duration of the cycle, s, shorter than ``stop_time_s``.
        """
        twist_numbers = twist.to_array()
        if not np.isfinite(twist_numbers).all():
            return JointStep(angles_rad, Twist.zero(), Hindrance.NOT_FINITE, None)
        if not twist_numbers.any():
            return JointStep(angles_rad, Twist.zero(), Hindrance(0), None)
        # Clipped at 1 km/s: larger numbers would overflow.
        twist_numbers = twist_numbers * min(1.0, _LARGEST / float(np.abs(twist_numbers).max()))
        jacobian = self.chain.at(angles_rad).jacobian
        speeds, hindrances = self._inverted(jacobian, twist_numbers, angles_rad)
        speeds, hurried = self._slowed(speeds)
        speeds, stopped, refusal = self._kept_from_stops(speeds, angles_rad)
        return JointStep(
            angles_rad + speeds * dt_s,
            Twist.from_array(jacobian @ speeds),
            hindrances | hurried | stopped,
            refusal,
        )

    def _inverted(
        self, jacobian: Array, wanted: Array, angles_rad: Array
    ) -> tuple[Array, Hindrance]:
        """Return the result of steps 1 and 2."""
        config = self._config
        left, values, right = np.linalg.svd(jacobian)
        short = np.maximum(0.0, 1.0 - (values / config.damped_below) ** 2)
        gains = values / (values**2 + config.largest_damping**2 * short + 1e-300)
        along = left[:, : len(values)].T @ wanted
        speeds = right[: len(values)].T @ (gains * along)
        faded = short.any() and bool(np.abs(along[short > 0.0]).max() > 1e-9)
        spare = right[len(values) :]
        if len(spare):
            reach = float(np.linalg.norm(speeds)) * config.spare_gain
            away = -(np.clip((angles_rad - self._middle) / self._half, -1.0, 1.0) ** 3)
            speeds = speeds + spare.T @ (spare @ away) * reach
        return speeds, Hindrance.SINGULAR if faded else Hindrance(0)

    def _slowed(self, speeds: Array) -> tuple[Array, Hindrance]:
        """Slow all joints down together (step 3 of the module's equations)."""
        excess = float(np.max(np.abs(speeds) / self.speeds_radps))
        if excess <= 1.0:
            return speeds, Hindrance(0)
        return speeds / excess, Hindrance.JOINT_SPEED

    def _kept_from_stops(
        self, speeds: Array, angles_rad: Array
    ) -> tuple[Array, Hindrance, str | None]:
        """Slow joints down towards their stops (step 4 of the module's equations)."""
        speeds = np.where(np.abs(speeds) < _RESTS_RADPS, 0.0, speeds)
        left = np.where(speeds > 0.0, self.upper_rad - angles_rad, angles_rad - self.lower_rad)
        allowed = np.maximum(0.0, left) / self._config.stop_time_s
        moving = np.abs(speeds)
        shares = np.where(moving > allowed, allowed / np.maximum(moving, 1e-300), 1.0)
        tightest = int(np.argmin(shares))
        share = float(shares[tightest])
        if share >= 1.0:
            return speeds, Hindrance(0), None
        refusal = self._refusal(tightest, angles_rad) if share < _STANDS else None
        return speeds * share, Hindrance.JOINT_LIMIT, refusal

    def _refusal(self, index: int, angles_rad: Array) -> str:
        low, high = math.degrees(self.lower_rad[index]), math.degrees(self.upper_rad[index])
        return (
            f"joint {self.chain.joints[index].name} is at {math.degrees(angles_rad[index]):.1f} "
            f"degrees, expected {low:.1f} to {high:.1f} (limits less the margin); move back"
        )
