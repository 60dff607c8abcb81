"""Drives of a simulated iiwa: they follow feasible commands and stop on others."""

import math

import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, angle_between
from der_ros.sim.arm_kinematics import ArmKinematics
from der_ros.sim.iiwa import IIWA
from der_ros.sim.joint_drives import DriveState, JointDrives
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import make_task

CYCLE_S = 0.008
TASK = make_task("peg_in_hole")


@pytest.fixture
def world():
    with AssemblyWorld(TASK, robot="iiwa") as it:
        yield it


@pytest.fixture
def drives(world):
    return JointDrives(world, CYCLE_S)


def ticks(drives, count):
    for _ in range(count):
        drives.tick()


def test_without_a_command_the_arm_stands(drives, world):
    before, joints = world.held_pose(), drives.positions_rad
    ticks(drives, 100)
    np.testing.assert_allclose(drives.positions_rad, joints, atol=1e-6)
    np.testing.assert_allclose(world.held_pose().position, before.position, atol=1e-6)


def test_every_joint_follows_its_command(drives, world):
    world.place_ground(Pose(np.array((0, 0, -1.0)), np.array((0, 0, 0, 1.0))))
    start = drives.positions_rad
    for cycle in range(250):
        drives.command(start + 0.05 * math.sin(0.01 * cycle) * np.array((1, 0.3, 1, -1, 1, 1, 2)))
        drives.tick()
    ticks(drives, 100)
    end = start + 0.05 * math.sin(0.01 * 249) * np.array((1, 0.3, 1, -1, 1, 1, 2))
    np.testing.assert_allclose(drives.positions_rad, end, atol=2e-3)
    assert drives.state is DriveState.FOLLOWING


def moved(index, by):
    def change(angles):
        angles = angles.copy()
        angles[index] += by
        return angles

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (moved(1, 0.2), "joint_a2 is told to jump by 11.5 degrees"),
        (moved(6, 6.0), "joint_a7 is told to go to"),
        (moved(0, math.nan), "not finite"),
        (lambda angles: angles[:3], "3 positions for 7 joints"),
    ],
)
def test_impossible_commands_stop_them_until_restart(drives, change, reason):
    start = drives.positions_rad
    drives.command(change(start))
    assert drives.state is DriveState.STOPPED
    assert reason in drives.stop_reason
    drives.command(start + 0.01)
    ticks(drives, 20)
    np.testing.assert_allclose(drives.positions_rad, start, atol=1e-3)
    drives.restart()
    assert drives.stop_reason == ""
    drives.command(start + 0.01)
    ticks(drives, 100)
    np.testing.assert_allclose(drives.positions_rad, start + 0.01, atol=2e-3)


def test_an_arm_that_is_blocked_stops(drives, world):
    world.place_ground(TASK.start_pose @ Pose(np.array((0.02, 0, -0.08)), np.array((0, 0, 0, 1.0))))
    down = TASK.start_pose.moved(np.array((0, 0, -0.25)), np.zeros(3))
    start, end = drives.positions_rad, ArmKinematics(IIWA).inverse(down)
    for share in np.linspace(0.0, 1.0, 800):
        drives.command(start + share * (end - start))
        drives.tick()
    assert drives.state is DriveState.STOPPED
    assert "behind its command" in drives.stop_reason


def test_a_program_brings_the_piece_to_its_start(drives, world):
    rng = np.random.default_rng(3)
    for _ in range(4):
        initial = TASK.sample_initial_state(rng)
        drives.run_program(initial.held)
        before = drives.positions_rad
        while drives.state is DriveState.PROGRAM:
            drives.command(before)
            drives.tick()
            assert np.abs(drives.positions_rad - before).max() < 1.1 * CYCLE_S
            before = drives.positions_rad
        ticks(drives, 20)
        held = world.held_pose()
        np.testing.assert_allclose(held.position, initial.held.position, atol=1e-5)
        assert angle_between(held.quaternion, initial.held.quaternion) < 1e-4


def test_a_world_without_an_arm_is_refused(world):
    with AssemblyWorld(TASK) as bare, pytest.raises(ConfigurationError, match="expected an arm"):
        JointDrives(bare, CYCLE_S)
    with pytest.raises(ConfigurationError, match=r"multiple of 0\.004"):
        JointDrives(world, 0.01)
