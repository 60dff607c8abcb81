"""Poses and shapes of an arm's links for a viewer, from a URDF."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from der_ros.documents import shortened
from der_ros.drivers.arm.urdf import attribute, axis_of, numbers, origin_of, parsed
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, quaternion_from_rotation_vector

_GREY = "0.7 0.7 0.7 1.0"
_DRAWN = ("revolute", "continuous", "prismatic", "fixed")


class Cylinder(NamedTuple):
    """Visible cylinder along its z axis.

    Attributes:
        pose: Pose of the centre in the link frame.
        radius_m: Radius, m.
        length_m: Length, m.
        rgba: Colour, each component in [0, 1].
    """

    pose: Pose
    radius_m: float
    length_m: float
    rgba: tuple[float, ...]


@dataclass(frozen=True)
class Link:
    """Link and the joint that moves it.

    Attributes:
        name: Name of the link.
        parent: Name of the parent link; empty for the base.
        origin: Pose of the joint at zero in the parent's frame.
        joint: Name of the joint; empty for a fixed joint.
        slides: True for a prismatic joint, which moves along its axis; others turn about it.
        direction: Unit vector of the joint axis, (3,), joint frame; zero for a fixed joint.
        shapes: Visible shapes.
    """

    name: str
    parent: str
    origin: Pose
    joint: str
    slides: bool
    direction: Array
    shapes: tuple[Cylinder, ...]


class Links:
    """Links of a serial arm, from the base on.

    Args:
        text: URDF whose links form one chain.

    Raises:
        ConfigurationError: The text is not a URDF, its links do not form one chain, a joint is
            planar or floating, or a joint or shape is malformed.
    """

    def __init__(self, text: str) -> None:
        root = parsed(text)
        by_parent = {attribute(each, "parent", "link"): each for each in root.findall("joint")}
        shapes = {each.get("name", ""): _shapes(each) for each in root.findall("link")}
        children = {attribute(each, "child", "link") for each in root.findall("joint")}
        bases = [name for name in shapes if name not in children]
        self.links = [
            Link(name, "", Pose.identity(), "", False, np.zeros(3), shapes[name])
            for name in bases[:1]
        ]
        while self.links and (joint := by_parent.get(self.links[-1].name)) is not None:
            self.links.append(_link(joint, self.links[-1].name, shapes))
        # A circle of links is no part of the chain that begins at the base.
        if len(bases) != 1 or not len(self.links) == len(shapes) == len(by_parent) + 1:
            raise ConfigurationError(
                f"URDF: expected links in one chain, got {len(shapes)} links, {len(by_parent)} "
                f"joints, the bases {', '.join(bases) or 'none'}, and {len(self.links)} links from "
                "the first base on"
            )

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the movable joints, from the base on."""
        return tuple(link.joint for link in self.links if link.joint)

    def from_parents(self, positions: Sequence[float]) -> dict[str, Pose]:
        """Return the pose of each link except the base in its parent's frame, by name.

        Args:
            positions: Joint positions in the order of ``joint_names``, (joints,); rad, of prismatic
                joints m.
        """
        rest = iter(positions)
        return {
            link.name: link.origin @ _moved(link, next(rest)) if link.joint else link.origin
            for link in self.links[1:]
        }

    def in_base(self, positions: Sequence[float]) -> dict[str, Pose]:
        """Return the pose of each link in the base frame, by name; positions as above."""
        frames = {self.links[0].name: Pose.identity()}
        steps = self.from_parents(positions)
        for link in self.links[1:]:
            frames[link.name] = frames[link.parent] @ steps[link.name]
        return frames


def renamed(text: str, base_link: str, joint_names: Sequence[str], tip_link: str = "") -> str:
    """Return a URDF with the names that a robot's own driver uses.

    Args:
        text: URDF whose links form one chain.
        base_link: New name of the base link.
        joint_names: New names of the movable joints, from the base on; empty keeps the names.
        tip_link: New name of the last link; empty keeps the name.

    Raises:
        ConfigurationError: The text is not such a URDF, or the number of joints differs.
    """
    links, root = Links(text), parsed(text)
    if joint_names and len(joint_names) != len(links.joint_names):
        raise ConfigurationError(
            f"joint_names: expected {len(links.joint_names)}, got {len(joint_names)}"
        )
    new = dict(zip(links.joint_names, joint_names, strict=False)) | {links.links[0].name: base_link}
    if tip_link:
        new[links.links[-1].name] = tip_link
    for element in root.iter():
        for key in ("name", "link"):
            if (old := element.get(key)) in new:
                element.set(key, new[str(old)])
    return ET.tostring(root, encoding="unicode")


def _link(joint: ET.Element, parent: str, shapes: Mapping[str, tuple[Cylinder, ...]]) -> Link:
    name, child = joint.get("name", ""), attribute(joint, "child", "link")
    kind = joint.get("type")
    if kind not in _DRAWN:
        raise ConfigurationError(
            f"URDF: joint {name}: expected one of {', '.join(_DRAWN)}, got {shortened(kind)}"
        )
    moves = kind != "fixed"
    return Link(
        name=child,
        parent=parent,
        origin=origin_of(joint, f"joint {name}"),
        joint=name if moves else "",
        slides=kind == "prismatic",
        direction=axis_of(joint) if moves else np.zeros(3),
        shapes=shapes.get(child, ()),
    )


def _moved(link: Link, position: float) -> Pose:
    """Return the motion of a link's joint from zero to ``position``, rad or m."""
    along = position * link.direction
    if link.slides:
        return Pose(along, Pose.identity().quaternion)
    return Pose(np.zeros(3), quaternion_from_rotation_vector(along))


def _shapes(link: ET.Element) -> tuple[Cylinder, ...]:
    cylinders, owner = [], f"link {link.get('name', '')}"
    for visual in link.findall("visual"):
        cylinder = visual.find("geometry/cylinder")
        if cylinder is None:
            continue
        colour = visual.find("material/color")
        rgba = numbers(None if colour is None else colour.get("rgba"), _GREY, owner)
        radius, length = (
            float(numbers(cylinder.get(name), "0", owner)[0]) for name in ("radius", "length")
        )
        pose = origin_of(visual, owner)
        cylinders.append(Cylinder(pose, radius, length, tuple(rgba.tolist())))
    return tuple(cylinders)
