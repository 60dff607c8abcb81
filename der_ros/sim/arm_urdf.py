"""URDF of the package's arms, for kinematics and viewers, with simple shapes to scale.

``python -m der_ros.sim.arm_urdf config/robots`` writes the files that the package ships.
"""

from __future__ import annotations

import math
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from der_ros.geometry import Pose, euler_zyx_from_quaternion
from der_ros.sim.arm import Arm, JointAxis, Rod
from der_ros.sim.iiwa import IIWA
from der_ros.sim.kr60 import KR60
from der_ros.whole_files import write_whole

ARMS = (KR60, IIWA)
_NOTE = " Written by der_ros.sim.arm_urdf from the arm's figures; do not edit. "


def arm_urdf(arm: Arm) -> str:
    """Return an arm's URDF: links ``base_link``, ``link_1`` to ``link_n`` and ``flange``."""
    robot = ET.Element("robot", name=arm.name)
    robot.append(ET.Comment(_NOTE))
    _add_visuals(ET.SubElement(robot, "link", name="base_link"), arm.base_visuals)
    parent = "base_link"
    for number, axis in enumerate(arm.axes, 1):
        link = ET.SubElement(robot, "link", name=f"link_{number}")
        _add_visuals(link, axis.visuals)
        _add_inertia(link, axis)
        _add_joint(robot, axis, parent, f"link_{number}")
        parent = f"link_{number}"
    ET.SubElement(robot, "link", name="flange")
    joint = ET.SubElement(robot, "joint", name="joint_flange", type="fixed")
    _connect(joint, arm.last_from_flange, parent, "flange")
    ET.indent(robot)
    return ET.tostring(robot, encoding="unicode") + "\n"


def write_urdfs(folder: Path) -> None:
    """Write ``<name>.urdf`` of every arm into a folder."""
    for arm in ARMS:
        write_whole(folder / f"{arm.name}.urdf", arm_urdf(arm))


def _add_visuals(link: ET.Element, visuals: Sequence[Rod]) -> None:
    for rod in visuals:
        start, end = np.array(rod.start, dtype=float), np.array(rod.end, dtype=float)
        along = end - start
        length = float(np.linalg.norm(along))
        x, y, z = (along / length).tolist()
        # A URDF cylinder lies along z; pitch, then yaw, align it with the rod.
        middle = Pose(0.5 * (start + end), np.array((0.0, 0.0, 0.0, 1.0)))
        visual = ET.SubElement(link, "visual")
        rpy = (0.0, math.atan2(math.hypot(x, y), z), math.atan2(y, x))
        ET.SubElement(visual, "origin", xyz=_text(middle.position.tolist()), rpy=_text(rpy))
        size = {"radius": _number(rod.radius_m), "length": _number(length)}
        ET.SubElement(ET.SubElement(visual, "geometry"), "cylinder", size)
        material = ET.SubElement(visual, "material", name="_".join(map(_number, rod.rgba)))
        ET.SubElement(material, "color", rgba=_text(rod.rgba))


def _add_inertia(link: ET.Element, axis: JointAxis) -> None:
    inertial = ET.SubElement(link, "inertial")
    ET.SubElement(inertial, "origin", xyz=_text(axis.center_of_mass), rpy="0 0 0")
    ET.SubElement(inertial, "mass", value=_number(axis.mass_kg))
    x, y, z = map(_number, axis.inertia_kgm2)
    ET.SubElement(inertial, "inertia", ixx=x, ixy="0", ixz="0", iyy=y, iyz="0", izz=z)


def _add_joint(robot: ET.Element, axis: JointAxis, parent: str, child: str) -> None:
    joint = ET.SubElement(robot, "joint", name=axis.name, type="revolute")
    origin = Pose(np.array(axis.origin, dtype=float), np.array((0.0, 0.0, 0.0, 1.0)))
    _connect(joint, origin, parent, child)
    ET.SubElement(joint, "axis", xyz=_text(axis.direction))
    ET.SubElement(
        joint,
        "limit",
        lower=_number(axis.lower_rad),
        upper=_number(axis.upper_rad),
        velocity=_number(axis.speed_limit_radps),
        # The data sheets give no torques; 0 would mean an undriven joint.
        effort="1000",
    )


def _connect(joint: ET.Element, origin: Pose, parent: str, child: str) -> None:
    yaw, pitch, roll = euler_zyx_from_quaternion(origin.quaternion)
    ET.SubElement(joint, "parent", link=parent)
    ET.SubElement(joint, "child", link=child)
    xyz = _text(origin.position.tolist())
    ET.SubElement(joint, "origin", xyz=xyz, rpy=_text((roll, pitch, yaw)))


def _text(numbers: Sequence[float]) -> str:
    return " ".join(map(_number, numbers))


def _number(value: float) -> str:
    short = f"{value:.12g}"
    return short if float(short) == value else repr(float(value))


if __name__ == "__main__":
    write_urdfs(Path(sys.argv[1]))
