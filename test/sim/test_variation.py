from __future__ import annotations

import math

import numpy as np
import pybullet
import pytest

from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, Twist
from der_ros.sim.ground_cache import KEPT_PIECES
from der_ros.sim.tool import GRAVITY_M_PER_S2
from der_ros.sim.units import PER_KGM2
from der_ros.sim.variation import Variation
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import InitialState, LapJoint, make_task

WIDE = LapJoint(clearance_m=0.004).ground


def at(z, x=0.0):
    held = Pose(np.array((0.0, 0.0, z)), np.array((0, 0, 0, 1.0)))
    return InitialState(held, Pose(np.array((x, 0.0, 0.0)), np.array((0, 0, 0, 1.0))))


@pytest.fixture
def world():
    with AssemblyWorld(LapJoint()) as opened:
        yield opened


def depth_reached(world, variation=None):
    """Return the final depth of a blind push, 1.2 mm beside the notch."""
    world.reset(at(0.04, x=0.0012), *([variation] if variation else []))
    world.advance(Twist(np.array((0, 0, -0.05)), np.zeros(3)), 260)
    return world.held_pose().position[2]


def test_a_heavier_piece_weighs_more_and_does_not_sag(world):
    world.reset(at(0.3), Variation(mass_scale=1.5))
    world.advance(Twist.zero(), 250)
    weight_n = 1.5 * world.task.held.mass_kg * GRAVITY_M_PER_S2
    assert world.sensor_wrench().force[2] == pytest.approx(-weight_n, abs=1e-4)
    assert world.held_pose().position[2] == pytest.approx(0.3, abs=1e-7)


def test_the_pieces_inertia_scales_with_its_mass(world):
    for scale in (1.0, 2.0):
        world.reset(at(0.3), Variation(mass_scale=scale))
        told = pybullet.getDynamicsInfo(world.scene.tool, 0, world.client)[2]
        assert told == pytest.approx(PER_KGM2 * np.diag(world.task.held.inertia) * scale)


def test_a_stiffer_servo_presses_more_for_the_same_way(world):
    forces = []
    for scale in (1.0, 1.3):
        world.reset(at(0.0), Variation(stiffness_scale=scale))
        world.advance(Twist(np.array((0, 0, -0.02)), np.zeros(3)), 25)
        world.advance(Twist.zero(), 250)
        forces.append(world.contact_wrench().force[2])
    assert forces[1] == pytest.approx(1.3 * forces[0], rel=0.02)


def test_another_ground_piece_lasts_one_episode(world):
    assert depth_reached(world) > 0.017
    assert depth_reached(world, Variation(ground=WIDE)) < 1e-4
    assert depth_reached(world) > 0.017


def test_grounds_are_kept_and_do_not_pile_up(world):
    pieces = [LapJoint(clearance_m=0.001 + 1e-4 * k).ground for k in range(2 * KEPT_PIECES)]
    for piece in pieces:
        world.reset(at(0.04), Variation(ground=piece))
    assert pybullet.getNumBodies(world.client) == 1 + KEPT_PIECES
    bodies = set()
    for _ in range(3):
        for piece in pieces[-KEPT_PIECES:]:
            world.reset(at(0.04), Variation(ground=piece))
            bodies.add(world.scene.ground)
    assert len(bodies) == KEPT_PIECES


@pytest.mark.parametrize("name", ["lap_joint", "peg_in_hole"])
def test_earlier_variations_do_not_matter(name):
    def trace(world):
        world.reset(at(0.036, x=0.001), Variation(mass_scale=1.1, ground=wide))
        for _ in range(40):
            world.advance(Twist(np.array((0.01, 0.01, -0.05)), np.array((0, 0, 0.05))), 6)
        return world.held_pose().position.tolist() + world.sensor_wrench().to_array().tolist()

    wide = make_task(name, clearance_m=0.004).ground
    with AssemblyWorld(make_task(name)) as world:
        first = trace(world)
        for k in range(KEPT_PIECES + 2):
            other = make_task(name, clearance_m=0.001 + 1e-4 * k).ground
            world.reset(at(0.0), Variation(friction_scale=0.2, stiffness_scale=0.7, ground=other))
            world.advance(Twist(np.array((0, 0, -0.05)), np.zeros(3)), 30)
        assert trace(world) == first
        snapshot = world.save()
        world.reset(at(0.0))
        world.restore(snapshot)
        assert world.save() == snapshot


def test_a_too_stiff_servo_leaves_the_world_usable(world):
    world.reset(at(0.3))
    with pytest.raises(ConfigurationError, match="lower it or the physics step"):
        world.reset(at(0.3), Variation(stiffness_scale=100.0))
    world.advance(Twist.zero(), 100)
    assert world.held_pose().position[2] == pytest.approx(0.3, abs=1e-7)


@pytest.mark.parametrize("name", ["friction_scale", "mass_scale", "stiffness_scale"])
@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_impossible_scales_are_refused(name, value):
    with pytest.raises(ConfigurationError, match=name):
        Variation(**{name: value})
