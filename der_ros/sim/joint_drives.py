"""Joint drives of a simulated arm, which follow commanded joint positions.

The stiffness at the tool remains that of the arm's servo (see ``CartesianServo``): its setpoint
follows the tool pose of the commanded joint positions. The redundant axis of a seven-axis arm has a
separate position controller.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import Enum

import numpy as np
import pybullet

from der_ros.errors import ConfigurationError
from der_ros.geometry import (
    Array,
    Pose,
    Twist,
    Wrench,
    quaternion_conjugate,
    quaternion_multiply,
    rotation_vector_from_quaternion,
)
from der_ros.rotation import ZERO6
from der_ros.sim.arm import Arm
from der_ros.sim.arm_kinematics import ArmKinematics
from der_ros.sim.tool import motion_at
from der_ros.sim.units import PER_NM
from der_ros.sim.world import AssemblyWorld, WorldSnapshot

PROGRAM_SPEED_RADPS = 1.0
SHORTEST_PROGRAM_S = 0.5
MAX_LEAD_RAD = 0.15
"""Maximum following error, rad. Beyond it a drive counts as blocked and the drives stop."""
COMMAND_TIME_S = 0.05
"""Time, s. A command further away than a drive moves at full speed in this time is a jump."""
# Controller of the redundant axis, which does not move the tool and so does not affect contacts.
_SPARE_GAIN = 0.1
_SPARE_TORQUE_NM = 300.0


class DriveState(Enum):
    """State of the simulated drives."""

    FOLLOWING = "following"
    PROGRAM = "in a program of their own"
    STOPPED = "stopped"


class JointDrives:
    """Drives that follow joint position commands; see the module. Not thread-safe.

    Args:
        world: Open world with an arm.
        cycle_s: Period of ``tick``, a multiple of the physics step, s.

    Raises:
        ConfigurationError: The world has no arm, or the cycle is not a multiple of the physics
            step.
    """

    def __init__(self, world: AssemblyWorld, cycle_s: float) -> None:
        arm = world.robot.arm
        if arm is None:
            raise ConfigurationError(f"robot: expected an arm, got {world.robot.name}")
        self._steps = round(cycle_s / world.physics_dt_s)
        if self._steps < 1 or abs(self._steps * world.physics_dt_s - cycle_s) > 1e-9:
            raise ConfigurationError(
                f"cycle_s: expected a multiple of {world.physics_dt_s} s, got {cycle_s}"
            )
        self.arm: Arm = arm
        self._world = world
        self._cycle_s = cycle_s
        self._kinematics = ArmKinematics(arm)
        self._program: Iterator[Array] = iter(())
        self.state = DriveState.FOLLOWING
        self.stop_reason = ""
        self._setpoint = self._target = self.positions_rad

    @property
    def positions_rad(self) -> Array:
        """Measured joint positions, (joints,) rad."""
        return np.array(self._world.joint_positions())

    def command(self, angles_rad: Array) -> None:
        """Set the target joint positions; stop the drives if the command is invalid.

        Commands are ignored while a program runs or the drives are stopped.

        Args:
            angles_rad: Target positions, (joints,) rad.
        """
        if self.state is not DriveState.FOLLOWING:
            return
        problem = self._problem(angles_rad)
        if problem is None:
            self._target = angles_rad
        else:
            self._stop(problem)

    def tick(self) -> None:
        """Run one cycle of the drives and of the physics."""
        if self.state is DriveState.PROGRAM:
            self._run_program()
            return
        if self.state is DriveState.FOLLOWING:
            self._follow()
        else:
            self._world.advance(Twist.zero(), self._steps)

    def run_program(self, held: Pose) -> None:
        """Start a synchronised joint motion that brings the held piece to a pose.

        Args:
            held: Target pose of the held piece, task frame.

        Raises:
            ConfigurationError: The arm does not reach the pose.
        """
        end, start = self._kinematics.inverse(held), self.positions_rad
        longest = float(np.max(np.abs(end - start)))
        # The smoothstep profile peaks at 1.5 times its mean speed.
        duration_s = max(SHORTEST_PROGRAM_S, 1.5 * longest / PROGRAM_SPEED_RADPS)
        self._program = _smooth(start, end, math.ceil(duration_s / self._cycle_s))
        self.state, self.stop_reason = DriveState.PROGRAM, ""

    def restart(self) -> None:
        """Follow commands again from the measured position, if the drives are stopped."""
        if self.state is DriveState.STOPPED:
            self._begin_to_follow()

    def sensor_wrench(self) -> Wrench:
        """Return the sensor's wrench in the sensor frame, weight of the held piece included."""
        return self._world.sensor_wrench()

    def _problem(self, angles_rad: Array) -> str | None:
        """Return the reason to refuse a command, or None."""
        if angles_rad.shape != (len(self.arm.axes),):
            return f"a command of {angles_rad.size} positions for {len(self.arm.axes)} joints"
        if not np.isfinite(angles_rad).all():
            return "a command that is not finite"
        reach = self.arm.speed_limits_radps * COMMAND_TIME_S
        for i, axis in enumerate(self.arm.axes):
            angle, away = float(angles_rad[i]), float(abs(angles_rad[i] - self._setpoint[i]))
            if not axis.lower_rad <= angle <= axis.upper_rad:
                return f"{axis.name} is told to go to {math.degrees(angle):.1f} degrees"
            if away > reach[i]:
                return f"{axis.name} is told to jump by {math.degrees(away):.1f} degrees"
        return None

    def _follow(self) -> None:
        most = self.arm.speed_limits_radps * self._cycle_s
        setpoint = self._setpoint + np.clip(self._target - self._setpoint, -most, most)
        twist = self._twist_to(self._kinematics.forward(setpoint))
        self._setpoint = setpoint
        self._lead_spare_axis(setpoint)
        self._world.advance(twist, self._steps)
        self._check_lead()

    def _twist_to(self, pose: Pose) -> Twist:
        """Return the twist that brings the servo's setpoint to a pose within one cycle.

        It starts from the actual setpoint, which a servo at its force limit holds back.
        """
        stretch, dt_s = np.array(self._world.servo_stretch()), self._world.physics_dt_s
        held, moving = self._world.held_pose(), self._world.held_twist()
        setpoint = held.moved(
            stretch[:3] - moving.linear * dt_s, stretch[3:] - moving.angular * dt_s
        )
        turn = quaternion_multiply(pose.quaternion, quaternion_conjugate(setpoint.quaternion))
        return Twist(
            (pose.position - setpoint.position) / self._cycle_s,
            rotation_vector_from_quaternion(turn) / self._cycle_s,
        )

    def _lead_spare_axis(self, angles_rad: Array) -> None:
        spare = self.arm.spare_axis
        if spare is None:
            return
        pybullet.setJointMotorControl2(
            self._world.scene.tool,
            spare,
            pybullet.POSITION_CONTROL,
            targetPosition=float(angles_rad[spare]),
            positionGain=_SPARE_GAIN,
            force=PER_NM * _SPARE_TORQUE_NM,
            physicsClientId=self._world.client,
        )

    def _check_lead(self) -> None:
        lead = np.abs(self._setpoint - self.positions_rad)
        worst = int(np.argmax(lead))
        if lead[worst] > MAX_LEAD_RAD:
            name = self.arm.axes[worst].name
            self._stop(f"{name} is {math.degrees(lead[worst]):.1f} degrees behind its command")

    def _run_program(self) -> None:
        """Run one cycle of the program. The arm is placed directly, without dynamics."""
        angles = next(self._program, None)
        if angles is None:
            self._begin_to_follow()
            return
        now = self._world.save()
        pose = self._kinematics.forward(angles)
        joints = tuple((angle, 0.0) for angle in angles.tolist())
        self._world.restore(
            WorldSnapshot(motion_at(pose), joints, ZERO6, now.ground, now.variation)
        )
        self._lead_spare_axis(angles)
        self._world.advance(Twist.zero(), self._steps)

    def _begin_to_follow(self) -> None:
        self.state, self.stop_reason = DriveState.FOLLOWING, ""
        self._setpoint = self._target = self.positions_rad

    def _stop(self, reason: str) -> None:
        self.state, self.stop_reason = DriveState.STOPPED, reason


def _smooth(start: Array, end: Array, cycles: int) -> Iterator[Array]:
    """Yield the joint angles of each cycle along a smoothstep, at rest at both ends."""
    for cycle in range(1, cycles + 1):
        share = cycle / cycles
        share *= share * (3.0 - 2.0 * share)
        yield start + share * (end - start)
