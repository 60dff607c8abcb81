"""Compliance of the cell: an impact acts on a mass on a spring, a load deflects the spring."""

import math

import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, Twist
from der_ros.sim.compliance import Compliance
from der_ros.sim.robots import find_robot
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import InitialState, make_task
from support.mechanics import impact

TASK = make_task("lap_joint")
STIFFNESS = 2.5e5
GIVES = Compliance(stiffness_n_per_m=STIFFNESS, stiffness_nm_per_rad=6e3)
TOUCH_M = 0.035  # two crossed timbers, one beside the notch of the other


def at(height_m):
    return InitialState(
        Pose(np.array((0.003, 0.003, height_m)), Pose.identity().quaternion), Pose.identity()
    )


@pytest.mark.parametrize("physics_s", [0.004, 0.002])
@pytest.mark.parametrize("speed_mps", [0.005, 0.05])
@pytest.mark.parametrize(
    ("robot", "cycle_s"),
    [("robotless", 0.004), ("iiwa", 0.004), ("kr60", 0.004), ("kr60", 0.012)],
)
def test_an_impact_is_a_mass_on_a_spring(robot, cycle_s, speed_mps, physics_s):
    found = impact(robot, speed_mps, physics_s, cycle_s)
    assert found.speed_mps == pytest.approx(speed_mps, rel=0.2)
    assert found.ratio == pytest.approx(1.0, abs=0.15)


def test_the_mass_of_an_impact_is_that_of_the_tool():
    found = impact("robotless", 0.02, 0.002, 0.002)
    assert found.mass_kg == pytest.approx(find_robot("robotless").servo.effective_mass_kg, rel=0.02)


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
