"""Contacts of the key with its slot occur at the true surfaces of both."""

from __future__ import annotations

import math

import numpy as np
import pytest

from der_ros.geometry import Pose, Twist, quaternion_from_rotation_vector
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import InitialState, KeySlot
from der_ros.tasks.key_slot import KEY_THICKNESS_M, KEY_WIDTH_M, SLOT_DEPTH_M


def pose(x=0.0, y=0.0, z=0.0, yaw=0.0):
    return Pose(np.array((x, y, z)), quaternion_from_rotation_vector((0.0, 0.0, yaw)))


def pushed(world, held, twist, steps, ground=None):
    """Return the pose of the held piece after a push, at rest."""
    world.reset(InitialState(held, ground if ground is not None else Pose.identity()))
    world.advance(Twist.from_array(np.array(twist, dtype=float)), steps)
    world.advance(Twist.zero(), 250)
    return world.held_pose()


@pytest.fixture
def world():
    with AssemblyWorld(KeySlot()) as opened:
        yield opened


@pytest.mark.parametrize("yaw", [0.0, math.pi])
@pytest.mark.parametrize("direction", [(1, 0), (0, 1), (-1, 0), (0, -1)])
def test_the_play_is_half_the_clearance_each_way(world, yaw, direction):
    x, y = direction
    moved = pushed(world, pose(z=0.004, yaw=yaw), (0.03 * x, 0.03 * y, 0, 0, 0, 0), 15).position
    assert np.linalg.norm(world.contact_wrench().force) > 20.0
    assert moved[:2] @ direction == pytest.approx(world.task.clearance_m / 2, abs=1e-5)


def test_it_turns_in_the_slot_until_its_corners_touch(world):
    turned = pushed(world, pose(z=0.004), (0, 0, 0, 0, 0, 0.05), 250)
    x, y, play = KEY_WIDTH_M, KEY_THICKNESS_M, world.task.clearance_m
    # Corner to corner: x sin(a) + y cos(a) is the width of the slot.
    angles = np.linspace(0.0, 0.2, 20001)
    expected = angles[np.argmax(x * np.sin(angles) + y * np.cos(angles) > y + play)]
    assert abs(world.contact_wrench().torque[2]) > 1.0
    # Under many newton metres the corners yield by 0.02 mm at most.
    assert 2 * math.asin(turned.quaternion[2]) == pytest.approx(expected, abs=3e-3)


@pytest.mark.parametrize("ground", [pose(x=0.001), pose(y=0.001), pose(yaw=0.1)])
def test_beyond_the_clearance_it_stands_on_the_plate(world, ground):
    rest = pushed(world, pose(z=0.02), (0, 0, -0.05, 0, 0, 0), 60, ground)
    assert world.contact_wrench().force[2] > 100.0
    assert rest.position[2] == pytest.approx(SLOT_DEPTH_M, abs=1e-5)


def test_the_other_way_round_it_goes_home_as_well(world):
    rest = pushed(world, pose(z=0.02, yaw=math.pi), (0, 0, -0.05, 0, 0, 0), 120)
    assert rest.position[2] == pytest.approx(0.0, abs=1e-5)
