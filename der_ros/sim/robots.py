"""Robots of the simulation: an arm, or none, and its servo."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose
from der_ros.sim.arm import Arm
from der_ros.sim.compliance import Compliance
from der_ros.sim.iiwa import IIWA
from der_ros.sim.kr60 import KR60
from der_ros.sim.servo import ServoConfig


@dataclass(frozen=True)
class Robot:
    """Robot that ``robot=`` selects.

    Attributes:
        name: Name of the robot.
        servo: Stiffness, damping and force limits. The effective inertias, for which the damping is
            designed, lie between those of the arm's lightest and heaviest directions.
        structure: Compliance of links and gears at the tool; see ``sim.compliance``.
        arm: Kinematics and dynamics of the arm; None for a free tool.
        max_linear_speed_mps: Upper bound of the motion governor's linear speed limit, m/s,
            whatever the task allows.
        contact_stiffness_n_per_m: Stiffness in an impact for force budgets, N/m: structure,
            gripper, sensor and timber in series.
        felt_mass_kg: Mass that the ground feels in an impact, kg; 0: the servo's effective mass.
    """

    name: str
    servo: ServoConfig
    structure: Compliance
    arm: Arm | None = None
    max_linear_speed_mps: float = math.inf
    contact_stiffness_n_per_m: float = 2.65e5
    felt_mass_kg: float = 0.0

    @property
    def contact_mass_kg(self) -> float:
        """Mass of the arm in an impact, kg, for force budgets."""
        return self.felt_mass_kg or self.servo.effective_mass_kg

    @property
    def pressing_stiffness_n_per_m(self) -> float:
        """Stiffness in quasi-static pressing, N/m: contact and servo in series."""
        drives = self.servo.stiffness_n_per_m
        contact = self.contact_stiffness_n_per_m
        return round(drives * contact / (drives + contact), -2)

    def standing(self, base_from_task: Pose, flange_from_tcp: Pose, posture_rad: Array) -> Robot:
        """Return this robot placed in another cell.

        Args:
            base_from_task: Pose of the task frame in the robot's base frame.
            flange_from_tcp: Pose of the held piece (the tcp) in the flange frame.
            posture_rad: Joint angles, (axes,) rad, that hold the piece near the task origin and
                parallel to the task frame.
        """
        if self.arm is None:
            return self
        arm = replace(
            self.arm,
            base_from_task=base_from_task,
            flange_from_tcp=flange_from_tcp,
            postures_rad=(tuple(posture_rad.tolist()),),
        )
        return replace(self, arm=arm)


_STIFF = Compliance(stiffness_n_per_m=4e5, stiffness_nm_per_rad=3e4)
_LIGHT = Compliance(stiffness_n_per_m=1.5e5, stiffness_nm_per_rad=4e3)

_ROBOTS = {
    robot.name: robot
    for robot in (
        Robot("robotless", ServoConfig.kr60(), _STIFF),
        Robot(
            "iiwa",
            replace(ServoConfig.soft(), effective_mass_kg=8.0, effective_inertia_kgm2=0.8),
            _LIGHT,
            IIWA,
            contact_stiffness_n_per_m=1.26e5,
            felt_mass_kg=14.0,
        ),
        Robot(
            "kr60",
            replace(
                ServoConfig.kr60(),
                damping_ratio=1.0,
                effective_mass_kg=80.0,
                effective_inertia_kgm2=10.0,
            ),
            _STIFF,
            KR60,
            # The effective mass at the tool is up to 80 kg: at 0.05 m/s one first contact in eight
            # exceeds the governor's hard limit.
            max_linear_speed_mps=0.03,
        ),
    )
}

ROBOT_NAMES: tuple[str, ...] = tuple(_ROBOTS)


def find_robot(name: str) -> Robot:
    """Return a robot of the simulation by its name.

    Raises:
        ConfigurationError: No robot has that name.
    """
    if name not in ROBOT_NAMES:
        raise ConfigurationError(f"robot: expected one of {', '.join(ROBOT_NAMES)}, got {name!r}")
    return _ROBOTS[name]
