"""Contact surfaces of the round peg and its hole, both of which are polygons."""

from __future__ import annotations

import math

import numpy as np
import pytest
from poses import pose

from der_ros.geometry import Pose, Twist
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import InitialState, PegInHole
from der_ros.tasks.peg_in_hole import HOLE_DEPTH_M, HOLE_SIDES

# Corners and middles of the peg's 64 sides are within 0.01 mm of the circle. The mesh's edges are
# rounded by 0.08 mm at most, which has no effect on a round surface.
PEG_WITHIN_M = 2e-5


def pushed(world, held, velocity, steps, ground=None):
    """Return the pose of the held piece after a push, at rest."""
    world.reset(InitialState(held, ground if ground is not None else Pose.identity()))
    world.advance(Twist(np.array(velocity, dtype=float), np.zeros(3)), steps)
    world.advance(Twist.zero(), 250)
    return world.held_pose()


@pytest.fixture
def world():
    with AssemblyWorld(PegInHole(shape="round")) as opened:
        yield opened


@pytest.mark.parametrize("yaw", [0.0, 0.05, 2.0])
@pytest.mark.parametrize(("x", "y"), [(0.006, 0.0), (-0.01, 0.01), (0.0, 0.034)])
def test_it_rests_on_the_plate_where_the_plate_is(world, x, y, yaw):
    rest = pushed(world, pose(x, y, 0.031, (0, 0, yaw)), (0, 0, -0.05), 15)
    assert world.contact_wrench().force[2] > 100.0
    assert rest.position[2] == pytest.approx(HOLE_DEPTH_M, abs=1e-5)


@pytest.mark.parametrize("yaw", [0.0, 0.4, 3.0])
def test_assembled_it_reads_a_steady_force(world, yaw):
    rest = pushed(world, pose(z=0.002, rotation=(0, 0, yaw)), (0, 0, -0.05), 20)
    assert rest.position[2] == pytest.approx(0.0, abs=1e-5)
    wrenches = []
    for _ in range(100):
        world.advance(Twist.zero(), 3)
        wrenches.append(world.contact_wrench().to_array())
    mean, spread = np.mean(wrenches, axis=0), np.std(wrenches, axis=0)
    assert mean[2] > 100.0
    assert spread[:3].max() < 0.01
    # The engine keeps four contacts of the tip's 64 corners; at yaw 0 they alternate.
    assert spread[3:].max() < 0.1
    # The few contacts carry the peg near its middle, as its whole face would.
    assert np.abs(mean[3:]).max() < 0.002 * mean[2]


@pytest.mark.parametrize("clearance", [0.0002, 0.0012, 0.005])
@pytest.mark.parametrize("direction", np.linspace(0.0, 2.0 * math.pi, 9).tolist())
def test_the_play_is_half_the_clearance_all_round(clearance, direction):
    with AssemblyWorld(PegInHole(shape="round", clearance_m=clearance)) as world:
        along = np.array((math.cos(direction), math.sin(direction), 0.0))
        held = pose(z=0.01, rotation=(0, 0, 3.0 * direction))
        moved = pushed(world, held, 0.05 * along, 10 + round(10 * clearance / 0.002)).position
        assert np.linalg.norm(world.contact_wrench().force) > 20.0
        play = 0.5 * clearance
        assert moved @ along > play - PEG_WITHIN_M
        assert moved @ along < play / math.cos(math.pi / HOLE_SIDES) + PEG_WITHIN_M


@pytest.mark.parametrize("clearance", [0.0002, 0.0012, 0.005])
@pytest.mark.parametrize("direction", [0.3, 2.0, 4.1])
def test_within_the_clearance_it_enters_at_any_yaw(clearance, direction):
    off = 0.9 * clearance / 2
    ground = pose(off * math.cos(direction), off * math.sin(direction))
    with AssemblyWorld(PegInHole(shape="round", clearance_m=clearance)) as world:
        held = pose(z=0.04, rotation=(0, 0, 2.0 * direction))
        assert pushed(world, held, (0, 0, -0.05), 220, ground).position[2] < 1e-4


@pytest.mark.parametrize("direction", [0.0, 0.2, 1.7, 4.0])
def test_three_millimetres_off_it_does_not_enter(world, direction):
    ground = pose(0.003 * math.cos(direction), 0.003 * math.sin(direction))
    rest = pushed(world, pose(z=0.04), (0, 0, -0.05), 500, ground)
    assert rest.position[2] == pytest.approx(HOLE_DEPTH_M, abs=5e-5)


def test_the_chamfer_pushes_towards_the_hole():
    with AssemblyWorld(PegInHole(shape="round", chamfer_m=0.005)) as world:
        moved = pushed(world, pose(0.003, 0, 0.0285), (0, 0, -0.05), 12).position
        force = world.contact_wrench().force
    assert force[2] > 20.0
    assert force[0] < -0.2 * force[2]
    # The arm yields sideways by force over stiffness.
    assert moved[0] - 0.003 == pytest.approx(force[0] / 1e5, rel=0.1)


@pytest.mark.parametrize("speed", [0.01, 0.05])
@pytest.mark.parametrize("x", [0.0, 0.0008, 0.0014, 0.003])
def test_penetration_is_small_at_the_force_limit(world, x, speed):
    world.reset(InitialState(pose(z=0.031), pose(x, 0.3 * x)))
    depths, forces = [], []
    for _ in range(round(0.05 / speed / 0.004)):
        world.advance(Twist(np.array((0, 0, -speed)), np.zeros(3)), 1)
        depths.append(world.penetration_m())
        forces.append(float(np.linalg.norm(world.sensor_wrench().force)))
    assert forces[-1] > 500.0
    assert depths[-1] < 1e-5
    # The peg sticks and slips on the chamfer; then the facets of the two polygons pass.
    assert max(depths) < 2e-5
