import numpy as np
import pytest

from der_ros.drivers.arm.links import Links, renamed
from der_ros.drivers.arm.urdf import chain_from_urdf
from der_ros.drivers.kuka import kr60_kinematics
from der_ros.errors import ConfigurationError
from der_ros.installation import package_folders
from der_ros.sim.arm_urdf import ARMS, arm_urdf
from der_ros.sim.iiwa import IIWA
from der_ros.sim.kr60 import KR60

FOLDER = [*package_folders("config")][-1] / "robots"
ANGLES = np.radians((10.0, -80.0, 95.0, 20.0, 30.0, -50.0, 15.0))


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_the_shipped_file_is_the_arms(arm):
    shipped = (FOLDER / f"{arm.name}.urdf").read_text()
    assert shipped == arm_urdf(arm), "run python -m der_ros.sim.arm_urdf config/robots"


def test_the_flange_is_where_the_controller_says():
    flange = Links(arm_urdf(KR60)).in_base(ANGLES[:6].tolist())["flange"]
    expected = kr60_kinematics.forward(ANGLES[:6])
    assert flange.position == pytest.approx(expected.position, abs=1e-9)
    assert abs(flange.quaternion @ expected.quaternion) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_links_and_chain_agree(arm):
    angles = ANGLES[: len(arm.axes)]
    chain = chain_from_urdf(arm_urdf(arm), "base_link", "flange")
    flange = Links(arm_urdf(arm)).in_base(angles.tolist())["flange"]
    assert flange.position == pytest.approx(chain.forward(angles).position, abs=1e-9)


def test_a_renamed_arm_has_the_simulations_figures():
    names = [f"lbr_A{number}" for number in range(1, 8)]
    text = renamed(arm_urdf(IIWA), "lbr_link_0", names, "lbr_link_ee")
    chain = chain_from_urdf(text, "lbr_link_0", "lbr_link_ee")
    assert chain.names == tuple(names)
    assert chain.upper_rad.tolist() == [axis.upper_rad for axis in IIWA.axes]
    assert chain.speed_limits_radps.tolist() == [axis.speed_limit_radps for axis in IIWA.axes]


def test_another_number_of_joint_names_is_refused():
    with pytest.raises(ConfigurationError, match="expected 7, got 6"):
        renamed(arm_urdf(IIWA), "base", ["a"] * 6)


def test_links_that_are_no_line_are_refused():
    with pytest.raises(ConfigurationError, match="in one chain"):
        Links('<robot><link name="a"/><link name="b"/></robot>')


def two_links(visual="", axis="0 0 1", kind="revolute"):
    return (
        f'<robot><link name="a">{visual}</link><link name="b"/><joint name="j" type="{kind}">'
        f'<parent link="a"/><child link="b"/><axis xyz="{axis}"/></joint></robot>'
    )


def shape(cylinder='radius="1" length="1"', colour="1 0 0 1", origin="0 0 0"):
    return (
        f'<visual><origin xyz="{origin}"/><geometry><cylinder {cylinder}/></geometry>'
        f'<material name="m"><color rgba="{colour}"/></material></visual>'
    )


def test_the_length_of_an_axis_changes_no_turn():
    turned = [Links(two_links(axis=axis)).in_base([0.5])["b"] for axis in ("0 0 1", "0 0 3")]
    assert turned[0].quaternion == pytest.approx(turned[1].quaternion)
    with pytest.raises(ConfigurationError, match="joint j: expected an axis of length 1"):
        Links(two_links(axis="0 0 0"))


def test_a_prismatic_joint_slides_along_its_axis():
    moved = Links(two_links(axis="0 3 0", kind="prismatic")).in_base([0.5])["b"]
    assert moved.position.tolist() == [0.0, 0.5, 0.0]
    assert moved.quaternion.tolist() == [0.0, 0.0, 0.0, 1.0]


def test_a_joint_of_two_directions_is_refused():
    with pytest.raises(ConfigurationError, match=r"joint j: .*prismatic, fixed, got 'planar'"):
        Links(two_links(kind="planar"))


def test_a_circle_beside_the_base_is_refused():
    circle = "".join(
        f'<link name="{parent}"/><joint name="{parent}" type="fixed"><parent link="{parent}"/>'
        f'<child link="{child}"/></joint>'
        for parent, child in ("bc", "cb")
    )
    with pytest.raises(ConfigurationError, match="in one chain, got 3 links, 2 joints"):
        Links(f'<robot><link name="base"/>{circle}</robot>')


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cylinder": 'radius="wide" length="1"'}, "a finite number, got 'wide'"),
        ({"cylinder": 'radius="1_0" length="1"'}, "a finite number, got '1_0'"),
        ({"colour": "1 0 0"}, "expected 4 numbers, got '1 0 0'"),
        ({"origin": "0 0 360"}, "an origin within 10 m"),
    ],
)
def test_a_shape_that_is_none_is_refused_by_link(wrong, message):
    assert Links(two_links(shape())).links[0].shapes[0].rgba == (1.0, 0.0, 0.0, 1.0)
    with pytest.raises(ConfigurationError, match=f"URDF: link a: .*{message}"):
        Links(two_links(shape(**wrong)))
