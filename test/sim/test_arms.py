"""The jointed arms: properties beyond the mechanics in ``test_mechanics.py``."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pybullet
import pybullet_data
import pytest
import yaml
from poses import pose, start

from der_ros.drivers.kuka import kr60_kinematics
from der_ros.drivers.kuka.plant import UPRIGHT_RAD
from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, Twist, angle_between, quaternion_from_rotation_vector
from der_ros.sim.arm_kinematics import ArmKinematics
from der_ros.sim.iiwa import IIWA
from der_ros.sim.kr60 import KR60
from der_ros.sim.robots import find_robot
from der_ros.sim.units import PER_M
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import make_task

DEPLOYMENT = Path(__file__).parents[2] / "config" / "deploy_kr60.yaml"
ARMS = ("iiwa", "kr60")
ORIENTATIONS = [(0, 0, 0), (0.7, 0, 0), (0, 0.6, 0), (0.2, -0.3, 2.0), (0, 0, math.pi)]


def moving(linear=(0, 0, 0), angular=(0, 0, 0)):
    return Twist(np.array(linear, dtype=float), np.array(angular, dtype=float))


@pytest.fixture(params=ARMS)
def world(request):
    with AssemblyWorld(make_task("lap_joint"), robot=request.param) as opened:
        yield opened


# -- pose of an arm ------------------------------------------------------------------------------


def test_the_kr60_is_the_robot_sides_kr60():
    rng, model = np.random.default_rng(0), ArmKinematics(KR60)
    for _ in range(50):
        axes = rng.uniform(KR60.lower_limits_rad, KR60.upper_limits_rad)
        expected = kr60_kinematics.forward(axes) @ KR60.flange_from_tcp
        got = KR60.base_from_task @ model.forward(axes)
        assert got.position == pytest.approx(expected.position, abs=1e-9)
        assert angle_between(got.quaternion, expected.quaternion) < 1e-9
    assert pytest.approx(kr60_kinematics.LOWER_LIMITS_RAD) == KR60.lower_limits_rad
    assert pytest.approx(kr60_kinematics.UPPER_LIMITS_RAD) == KR60.upper_limits_rad
    assert pytest.approx(kr60_kinematics.SPEED_LIMITS_RADPS) == KR60.speed_limits_radps


def test_a_kr60_in_another_cell_holds_the_piece():
    task = make_task("lap_joint")
    base_from_task = Pose(
        np.array((1.1, -0.4, 0.9)), quaternion_from_rotation_vector((0.1, -0.05, -0.6))
    )
    flange_from_tcp = Pose(np.array((0.02, 0.0, 0.25)), KR60.flange_from_tcp.quaternion)
    axes = kr60_kinematics.inverse(
        base_from_task @ task.start_pose @ flange_from_tcp.inverse(), UPRIGHT_RAD
    )
    robot = find_robot("kr60").standing(base_from_task, flange_from_tcp, axes)
    with AssemblyWorld(task, robot=robot) as world:
        assert world.joint_positions() == pytest.approx(axes, abs=1e-5)
        assert world.held_pose().position == pytest.approx(task.start_pose.position, abs=1e-5)


def test_the_kr60_stands_as_in_its_deployment():
    nodes = yaml.safe_load(DEPLOYMENT.read_text())
    task_frame = nodes["/**"]["ros__parameters"]["task_frame"]
    tool = nodes["/**/sim_cell"]["ros__parameters"]["flange_from_tcp"]
    for told, arm_pose in ((task_frame, KR60.base_from_task), (tool, KR60.flange_from_tcp)):
        expected = Pose.from_sequence(told)
        assert arm_pose.position == pytest.approx(expected.position, abs=1e-9)
        assert angle_between(arm_pose.quaternion, expected.quaternion) < 1e-7


def test_the_iiwas_links_are_those_of_pybullets_model():
    client = pybullet.connect(pybullet.DIRECT)
    path = f"{pybullet_data.getDataPath()}/kuka_iiwa/model.urdf"
    body = pybullet.loadURDF(path, useFixedBase=True, physicsClientId=client)
    rng, model = np.random.default_rng(0), ArmKinematics(IIWA)
    for _ in range(10):
        angles = rng.uniform(IIWA.lower_limits_rad, IIWA.upper_limits_rad)
        for joint, angle in enumerate(angles):
            pybullet.resetJointState(body, joint, angle, 0.0, physicsClientId=client)
        state = pybullet.getLinkState(body, 6, computeForwardKinematics=1, physicsClientId=client)
        base = pybullet.getBasePositionAndOrientation(body, client)[0]
        offset = pybullet.getDynamicsInfo(body, -1, client)[3]
        last = Pose(np.array(state[4]) - np.array(base) + np.array(offset), np.array(state[5]))
        expected = last @ IIWA.last_from_tcp
        got = IIWA.base_from_task @ model.forward(angles)
        assert got.position == pytest.approx(expected.position, abs=1e-5)
    masses = [pybullet.getDynamicsInfo(body, link, client)[0] for link in range(7)]
    assert masses == pytest.approx([axis.mass_kg for axis in IIWA.axes])
    pybullet.disconnect(client)


@pytest.mark.parametrize("name", ARMS)
def test_every_yaw_leaves_room_to_the_nearest_goal(name):
    arm = find_robot(name).arm
    model = ArmKinematics(arm)
    for yaw in np.linspace(0.0, 2.0 * math.pi, 73):
        wanted = pose(z=0.04, rotation=(0, 0, yaw))
        angles = model.inverse(wanted)
        reached = model.forward(angles)
        assert reached.position == pytest.approx(wanted.position, abs=1e-9)
        assert angle_between(reached.quaternion, wanted.quaternion) < 1e-9
        room = np.minimum(angles - arm.lower_limits_rad, arm.upper_limits_rad - angles)
        assert room[-1] > math.radians(60.0)
        assert room.min() > math.radians(15.0)


def test_a_pose_out_of_reach_is_refused(world):
    with pytest.raises(ConfigurationError, match=f"that the {world.robot.name} reaches"):
        world.reset(start(pose(z=3.0)))


@pytest.mark.parametrize("yaw", [0.0, 1.0, 3.0, 5.0])
def test_a_reset_places_the_held_piece_exactly(world, yaw):
    wanted = pose(0.003, -0.002, 0.04, (0, 0, yaw))
    world.reset(start(wanted))
    body, link = world.scene.tool, world.scene.held_link
    state = pybullet.getLinkState(body, link, 1, 1, world.client)
    assert np.array(state[4]) / PER_M == pytest.approx(wanted.position, abs=1e-6)
    assert angle_between(np.array(state[5]), wanted.quaternion) < 1e-6


def test_a_moving_piece_is_reported_where_it_is_now(world):
    world.reset(start(pose(z=0.2)))
    world.advance(moving((0.05, 0, 0), (0, 0, 0.05)), 250)
    told = world.held_pose()
    # Only by the joint angles, within 0.2 mm: one step at this speed.
    where = ArmKinematics(world.robot.arm).forward(np.array(world.joint_positions()))
    assert told.position == pytest.approx(where.position, abs=1e-6)
    assert angle_between(told.quaternion, where.quaternion) < 1e-6


# -- end stops -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sense", [1.0, -1.0])
def test_an_end_stop_holds_and_is_reported(world, sense):
    world.reset(start(pose(z=0.1, rotation=(0, 0, 0.5))))
    assert not world.joint_limit_reached()
    arm, steps = world.robot.arm, 0
    while not world.joint_limit_reached():
        world.advance(moving(angular=(0, 0, 2.0 * sense)), 3)
        steps += 1
        assert steps < 1000
    world.advance(moving(angular=(0, 0, 2.0 * sense)), 500)
    angles = np.array(world.joint_positions())
    assert (angles >= arm.lower_limits_rad - 0.01).all()
    assert (angles <= arm.upper_limits_rad + 0.01).all()


# -- repeatability -------------------------------------------------------------------------------


def trace(world):
    rows = []
    for k in range(20):
        world.advance(moving((0.02, -0.01 * k / 20, -0.05), (0.01, 0, 0.05)), 15)
        rows.append((*world.held_pose().position.tolist(), *world.sensor_wrench().force.tolist()))
    return rows


def test_saved_states_continue_bit_by_bit(world):
    initial = start(pose(z=0.036), pose(0.001, -0.002, 0, (0, 0, -0.02)))
    world.reset(initial)
    first = trace(world)
    assert max(abs(row[5]) for row in first) > 10.0
    snapshot = world.save()
    onwards = trace(world)
    world.reset(initial)
    assert trace(world) == first
    world.restore(snapshot)
    assert trace(world) == onwards
    with AssemblyWorld(world.task, robot=world.robot.name) as other:
        other.restore(snapshot)
        assert trace(other) == onwards
