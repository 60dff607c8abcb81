"""A kinematic chain read from a URDF, compared with PyBullet on the same robots."""

import math
from pathlib import Path

import numpy as np
import pybullet
import pybullet_data
import pytest
from arm_models import NAMES, POSTURE, iiwa

from der_ros.drivers.arm.urdf import chain_from_urdf
from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, angle_between
from der_ros.sim.arm_kinematics import ArmKinematics
from der_ros.sim.iiwa import IIWA

DATA = Path(pybullet_data.getDataPath())
# Arms with rotated joint origins, fixed joints in the chain, and axes other than z.
PEERS = {
    "kuka_iiwa/model.urdf": ("lbr_iiwa_link_0", "lbr_iiwa_link_7"),
    "franka_panda/panda.urdf": ("panda_link0", "panda_hand"),
    "xarm/xarm6_robot.urdf": ("link_base", "link6"),
}


@pytest.mark.parametrize("name", PEERS)
def test_pose_and_jacobian_are_those_of_pybullet(name):
    base, tip = PEERS[name]
    chain = chain_from_urdf((DATA / name).read_text(), base, tip)
    rng = np.random.default_rng(7)
    client = pybullet.connect(pybullet.DIRECT)
    try:
        body = pybullet.loadURDF(str(DATA / name), useFixedBase=True, physicsClientId=client)
        links = {
            pybullet.getJointInfo(body, i, client)[12].decode(): i
            for i in range(pybullet.getNumJoints(body, client))
        }
        joints = {pybullet.getJointInfo(body, i, client)[1].decode(): i for i in links.values()}
        movable = [i for i in links.values() if pybullet.getJointInfo(body, i, client)[2] != 4]
        for _ in range(20):
            angles = rng.uniform(-2.5, 2.5, len(chain.joints))
            for joint, angle in zip(chain.names, angles.tolist(), strict=True):
                pybullet.resetJointState(body, joints[joint], angle, 0.0, client)
            state = pybullet.getLinkState(body, links[tip], 0, 1, client)
            placed = chain.at(angles)
            np.testing.assert_allclose(placed.tip.position, state[4], atol=1e-6)
            assert angle_between(placed.tip.quaternion, np.array(state[5])) < 1e-6
            positions = [pybullet.getJointState(body, i, client)[0] for i in movable]
            zeros = [0.0] * len(movable)
            # (0, 0, 0) is the origin of the link's frame, although the manual says centre of mass.
            linear, angular = pybullet.calculateJacobian(
                body, links[tip], (0.0, 0.0, 0.0), positions, zeros, zeros, client
            )
            columns = [movable.index(joints[joint]) for joint in chain.names]
            theirs = np.vstack((linear, angular))[:, columns]
            np.testing.assert_allclose(placed.jacobian, theirs, atol=1e-5)
    finally:
        pybullet.disconnect(client)


def test_the_jacobian_is_the_derivative_of_the_pose():
    chain, angles, step = iiwa(), np.array(POSTURE) + 0.2, 1e-6
    jacobian = chain.at(angles).jacobian
    for i in range(7):
        ahead, behind = (chain.forward(angles + sign * step * np.eye(7)[i]) for sign in (1.0, -1.0))
        slope = (ahead.position - behind.position) / (2.0 * step)
        np.testing.assert_allclose(jacobian[:3, i], slope, atol=1e-8)


def test_limits_and_names_are_those_of_the_description():
    chain = iiwa()
    assert chain.names == tuple(NAMES)
    np.testing.assert_allclose(chain.lower_rad, IIWA.lower_limits_rad)
    np.testing.assert_allclose(chain.speed_limits_radps, IIWA.speed_limits_radps)
    held = IIWA.base_from_task.inverse() @ chain.forward(np.array(POSTURE))
    simulated = ArmKinematics(IIWA).forward(np.array(POSTURE))
    np.testing.assert_allclose(held.position, simulated.position, atol=1e-9)
    assert angle_between(held.quaternion, simulated.quaternion) < 1e-9


def joint(text):
    return f"<robot><link name='a'/><link name='b'/>{text}</robot>"


LIMIT = "<limit lower='-1' upper='1' velocity='1'/>"
ENDS = "<parent link='a'/><child link='b'/>"


# b is the child of 1, 1 of 2, and so on.
LONG = "".join(
    f"<joint name='j' type='fixed'><parent link='{n + 1}'/><child link='{n or 'b'}'/></joint>"
    for n in range(1000)
)


def turning(inside):
    return joint(f"<joint name='j' type='revolute'>{ENDS}{inside}</joint>")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected XML"),
        ("<robots/>", "<robot>"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><robot/>", "without DOCTYPE"),
        (joint(""), "it breaks off at 'b'; the URDF has the links a, b"),
        (joint(f"<joint name='j' type='prismatic'>{ENDS}{LIMIT}</joint>"), "prismatic"),
        (joint(f"<joint name='j' type='revolute'>{ENDS}</joint>"), "<limit lower=...>"),
        (joint(f"<joint name='j' type='revolute'>{ENDS}<limit/></joint>"), "<limit velocity"),
        (
            joint(f"<joint name='j' type='revolute'>{ENDS}<axis xyz='0 0 0'/>{LIMIT}</joint>"),
            "axis of length 1",
        ),
        (
            joint(f"<joint name='j' type='revolute'>{ENDS}<axis xyz='nan 0 0'/>{LIMIT}</joint>"),
            "finite number, got 'nan'",
        ),
        (
            joint(f"<joint name='j' type='revolute'>{ENDS}<mimic joint='k'/>{LIMIT}</joint>"),
            "mimic",
        ),
        (joint(f"<joint name='j' type='fixed'>{ENDS}</joint>"), "at least one turning joint"),
        (turning("<limit lower='-170' upper='170' velocity='1'/>"), "lower of at most 20 rad"),
        (turning("<limit lower='-1' upper='170' velocity='1'/>"), "upper of at most 20 rad"),
        (turning("<limit lower='-1' upper='1' velocity='98'/>"), "velocity of at most 40 rad/s"),
        (turning(f"<origin xyz='0 0 360'/>{LIMIT}"), "within 10 m, got .* is it in millimetres"),
        (turning("<limit lower='-1_0' upper='1' velocity='1'/>"), "finite number, got '-1_0'"),
        (joint(LONG), "at most 200 joints"),
        # A loop of links would never end.
        (
            joint(
                "<joint name='j' type='fixed'><parent link='c'/><child link='b'/></joint>"
                "<joint name='k' type='fixed'><parent link='b'/><child link='c'/></joint>"
            ),
            "it breaks off at",
        ),
    ],
)
def test_a_wrong_description_is_refused_by_reason(text, message):
    with pytest.raises(ConfigurationError, match=message):
        chain_from_urdf(text, "a", "b")


def test_a_continuous_joint_has_no_end_stops():
    text = joint(f"<joint name='j' type='continuous'>{ENDS}<limit velocity='2'/></joint>")
    chain = chain_from_urdf(text, "a", "b")
    assert chain.upper_rad.tolist() == [math.inf]
    quarter = chain.forward(np.array([0.5 * math.pi]))
    expected = Pose(np.zeros(3), np.array((math.sin(math.pi / 4), 0, 0, math.cos(math.pi / 4))))
    assert angle_between(quarter.quaternion, expected.quaternion) < 1e-9
