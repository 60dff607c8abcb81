"""The peg's contact surface, within 0.1 mm: its tip is a mesh, not a box."""

from __future__ import annotations

import math

import numpy as np
import pytest
from poses import pose

from der_ros.geometry import Pose, Twist
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import InitialState, PegInHole
from der_ros.tasks.peg_in_hole import HOLE_DEPTH_M, PEG_WIDTH_M

TRUE_WITHIN_M = 1e-4


def pushed(world, held, velocity, steps):
    """Return the pose of the held piece after a push, at rest."""
    world.reset(InitialState(held, Pose.identity()))
    world.advance(Twist(np.array(velocity, dtype=float), np.zeros(3)), steps)
    world.advance(Twist.zero(), 250)
    return world.held_pose()


@pytest.fixture
def world():
    with AssemblyWorld(PegInHole()) as opened:
        yield opened


@pytest.mark.parametrize("yaw", [0.0, 0.4, 2.0])
@pytest.mark.parametrize(("x", "y"), [(0.032, 0.0), (-0.033, 0.03), (0.0, 0.034)])
def test_a_pressed_peg_rests_on_the_plates_surface(world, x, y, yaw):
    rest = pushed(world, pose(x, y, 0.031, (0, 0, yaw)), (0, 0, -0.05), 15)
    assert world.contact_wrench().force[2] > 100.0
    assert rest.position[2] == pytest.approx(HOLE_DEPTH_M, abs=1e-5)


@pytest.mark.parametrize("yaw", [0.0, math.pi / 2, -math.pi / 2, math.pi])
def test_an_assembled_peg_rests_on_the_board(world, yaw):
    rest = pushed(world, pose(z=0.002, rotation=(0, 0, yaw)), (0, 0, -0.05), 20)
    assert world.contact_wrench().force[2] > 100.0
    assert rest.position[2] == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("clearance", [0.0002, 0.0012, 0.005])
@pytest.mark.parametrize("yaw", [0.2, 0.3, math.pi / 4, math.pi / 2 + 0.4, 5.0])
def test_a_turned_tip_enters_until_it_meets_the_rim(clearance, yaw):
    turned = yaw % (math.pi / 2)
    widest = 0.5 * (PEG_WIDTH_M + clearance) / (math.cos(turned) + math.sin(turned))
    with AssemblyWorld(PegInHole(clearance_m=clearance)) as world:
        tip = 0.5 * PEG_WIDTH_M - world.task.tip_height_m
        expected = HOLE_DEPTH_M - (widest - tip)
        rest = pushed(world, pose(z=0.031, rotation=(0, 0, yaw)), (0, 0, -0.05), 35)
        assert world.contact_wrench().force[2] > 20.0
        assert rest.position[2] == pytest.approx(expected, abs=TRUE_WITHIN_M)


@pytest.mark.parametrize("height", [0.01, 0.0265])
@pytest.mark.parametrize("direction", [(1, 0), (0, -1)])
def test_the_play_in_the_hole_is_the_clearance(world, height, direction):
    velocity = (0.05 * direction[0], 0.05 * direction[1], 0.0)
    moved = pushed(world, pose(z=height), velocity, 15).position
    play = 0.5 * world.task.clearance_m
    # If only the tip is in the hole, its slope adds play, and a push lifts the peg along it.
    play += max(0.0, moved[2] - (HOLE_DEPTH_M - world.task.tip_height_m))
    assert np.linalg.norm(world.contact_wrench().force) > 20.0
    assert moved[:2] @ direction == pytest.approx(play, abs=TRUE_WITHIN_M)


@pytest.mark.parametrize("yaw", [0.0, 0.03, math.pi / 2 - 0.03])
def test_a_peg_with_yaw_within_the_clearance_enters(world, yaw):
    # (cos + sin - 1) * 17.5 mm is 0.52 mm at 0.03 rad, of 0.6 mm of play.
    rest = pushed(world, pose(z=0.04, rotation=(0, 0, yaw)), (0, 0, -0.05), 215)
    assert rest.position[2] < 1e-4


@pytest.mark.parametrize("yaw", [0.05, -0.05, math.pi / 4, math.pi / 2 + 0.06])
def test_a_peg_with_too_much_yaw_sticks_at_its_chamfer(world, yaw):
    rest = pushed(world, pose(z=0.04, rotation=(0, 0, yaw)), (0, 0, -0.02), 600)
    assert rest.position[2] > HOLE_DEPTH_M - world.task.tip_height_m - TRUE_WITHIN_M


def test_the_chamfer_pushes_a_peg_towards_the_hole(world):
    moved = pushed(world, pose(0.003, 0, 0.0285), (0, 0, -0.05), 12).position
    force = world.contact_wrench().force
    assert force[2] > 20.0
    assert force[0] < -0.2 * force[2]
    # The arm yields sideways by force over stiffness.
    assert moved[0] - 0.003 == pytest.approx(force[0] / 1e5, rel=0.1)
