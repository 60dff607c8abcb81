"""URDF of a simulated arm, as ``robot_state_publisher`` would publish it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, euler_zyx_from_quaternion
from der_ros.sim.arm import Arm, Triple


def describe(arm: Arm, joint_names: Sequence[str], base_link: str, tip_link: str) -> str:
    """Return a kinematic URDF: joints with position and speed limits, links without shape or mass.

    Args:
        arm: Arm in the cell.
        joint_names: Names of the joints, from the base on.
        base_link: Name of the base link.
        tip_link: Name of the flange link.

    Raises:
        ConfigurationError: The number of names is not the number of axes.
    """
    if len(joint_names) != len(arm.axes):
        raise ConfigurationError(
            f"joint_names: expected {len(arm.axes)} for the {arm.name}, got {list(joint_names)}"
        )
    robot = ET.Element("robot", name=arm.name)
    ET.SubElement(robot, "link", name=base_link)
    parent = base_link
    for axis, name in zip(arm.axes, joint_names, strict=True):
        child = f"{name}_link"
        joint = _joint(robot, name, "revolute", parent, child)
        ET.SubElement(joint, "origin", xyz=_numbers(axis.origin), rpy="0 0 0")
        ET.SubElement(joint, "axis", xyz=_numbers(axis.direction))
        ET.SubElement(
            joint,
            "limit",
            lower=repr(axis.lower_rad),
            upper=repr(axis.upper_rad),
            velocity=repr(axis.speed_limit_radps),
            effort="0",
        )
        parent = child
    flange = _joint(robot, "flange_joint", "fixed", parent, tip_link)
    _origin(flange, arm.last_from_flange)
    return ET.tostring(robot, encoding="unicode")


def _joint(robot: ET.Element, name: str, kind: str, parent: str, child: str) -> ET.Element:
    ET.SubElement(robot, "link", name=child)
    joint = ET.SubElement(robot, "joint", name=name, type=kind)
    ET.SubElement(joint, "parent", link=parent)
    ET.SubElement(joint, "child", link=child)
    return joint


def _origin(joint: ET.Element, pose: Pose) -> None:
    yaw, pitch, roll = euler_zyx_from_quaternion(pose.quaternion)
    x, y, z = pose.position.tolist()
    ET.SubElement(joint, "origin", xyz=_numbers((x, y, z)), rpy=_numbers((roll, pitch, yaw)))


def _numbers(values: Triple) -> str:
    return " ".join(repr(float(value)) for value in values)
