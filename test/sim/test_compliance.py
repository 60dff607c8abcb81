"""Compliance of the cell: an impact acts on a mass on a spring, a load deflects the spring."""

import math
from dataclasses import replace

import numpy as np
import pybullet
import pytest

from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, Twist
from der_ros.sim.compliance import Compliance
from der_ros.sim.servo import ServoConfig
from der_ros.sim.units import PER_KG, PER_M
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import InitialState, make_task

TASK = make_task("lap_joint")
STIFFNESS = 2.5e5
GIVES = Compliance(stiffness_n_per_m=STIFFNESS, stiffness_nm_per_rad=6e3)
# A nearly free tool, so that only its mass acts on the spring.
LOOSE = replace(ServoConfig.kr60(), stiffness_n_per_m=1.0, stiffness_nm_per_rad=1.0)
MASS_KG = LOOSE.effective_mass_kg
TOUCH_M = 0.035  # two crossed timbers, one beside the notch of the other


def at(height_m):
    return InitialState(
        Pose(np.array((0.003, 0.003, height_m)), Pose.identity().quaternion), Pose.identity()
    )


def peak_n(speed_mps, dt_s):
    """Return the peak force of an impact of the free tool, and its speed at that time."""
    with AssemblyWorld(TASK, LOOSE, dt_s, compliance=GIVES) as world:
        world.reset(at(TOUCH_M + 0.0005))
        weight = world.sensor_wrench().force
        place = (PER_M * world.held_pose().position).tolist()
        push = (0.0, 0.0, -PER_M * PER_KG * MASS_KG * speed_mps / dt_s)
        pybullet.applyExternalForce(
            world.scene.tool,
            world.scene.held_link,
            push,
            place,
            pybullet.WORLD_FRAME,
            world.client,
        )
        world.advance(Twist.zero(), 1)
        came_mps = -float(world.held_twist().linear[2])
        down = Twist(np.array((0.0, 0.0, -speed_mps)), np.zeros(3))
        forces = []
        for _ in range(round((0.1 + 0.001 / speed_mps) / dt_s)):
            world.advance(down, 1)
            forces.append(float(np.linalg.norm(world.sensor_wrench().force - weight)))
    return max(forces), came_mps


@pytest.mark.parametrize("speed_mps", [0.01, 0.05])
def test_an_impact_is_a_mass_on_a_spring(speed_mps):
    peak, came_mps = peak_n(speed_mps, 0.002)
    assert came_mps == pytest.approx(speed_mps, rel=0.2)
    assert peak == pytest.approx(came_mps * math.sqrt(MASS_KG * STIFFNESS), rel=0.15)


def test_the_physics_step_does_not_set_the_peak():
    coarse, fine = peak_n(0.05, 0.004), peak_n(0.05, 0.002)
    assert coarse[0] / coarse[1] == pytest.approx(fine[0] / fine[1], rel=0.15)


def test_a_load_moves_the_ground_by_its_spring():
    with AssemblyWorld(TASK, compliance=GIVES) as world:
        world.reset(at(0.0))
        before = world.sensor_wrench().force[2]
        world.advance(Twist(np.array((0.0, 0.0, -0.01)), np.zeros(3)), 25)
        world.advance(Twist.zero(), 250)
        force = float(world.sensor_wrench().force[2] - before)
        way = -world.ground_displacement()[2]
    assert force > 20.0
    assert way == pytest.approx(force / STIFFNESS, rel=0.1)


def test_a_saved_state_goes_on_the_same():
    down = Twist(np.array((0.0, 0.0, -0.05)), np.zeros(3))
    with AssemblyWorld(TASK, compliance="cell") as world:
        world.reset(at(TOUCH_M + 0.001))
        world.advance(down, 8)
        saved = world.save()
        assert any(saved.displacement)
        world.advance(down, 5)
        ended = world.save()
        world.restore(saved)
        world.advance(down, 5)
        assert world.save() == ended


def test_the_ground_is_rigid_unless_asked_for():
    with AssemblyWorld(TASK) as world:
        assert world.compliance is None
        world.reset(at(0.0))
        world.advance(Twist(np.array((0.0, 0.0, -0.01)), np.zeros(3)), 25)
        assert not any(world.ground_displacement())


@pytest.mark.parametrize("choice", [2e5, "2e5", "200000"])
def test_a_stiffness_is_a_number_or_its_text(choice):
    with AssemblyWorld(TASK, compliance=choice) as world:
        assert world.compliance is not None
        assert world.compliance.stiffness_n_per_m == pytest.approx(2e5)


@pytest.mark.parametrize("wrong", ["soft", 0.0, -1e5, math.nan, True, "-1", "nan"])
def test_what_is_no_compliance_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="compliance"):
        AssemblyWorld(TASK, compliance=wrong)
