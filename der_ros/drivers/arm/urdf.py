"""Parser for the chain between two links of a URDF (wiki.ros.org/urdf/XML/joint)."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import numpy as np

from der_ros.documents import shortened
from der_ros.drivers.arm.chain import Chain, Joint
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, quaternion_from_euler_zyx
from der_ros.settings import NUMBER

_LARGEST = 10_000_000
# No known arm exceeds these; an arm whose limits are in degrees would have none.
_OF_ANY_ARM = (("lower", 20.0, "rad"), ("upper", 20.0, "rad"), ("velocity", 40.0, "rad/s"))
_LONGEST_M = 10.0
_MOST_JOINTS = 200
_MOST_NAMED = 50
_TURNING = ("revolute", "continuous")


def chain_from_urdf(text: str, base_link: str, tip_link: str) -> Chain:
    """Return the chain of joints between two links of a URDF.

    Args:
        text: URDF with xacro expanded, as on the topic ``robot_description``.
        base_link: Name of the link that poses refer to.
        tip_link: Name of the flange, or of the link that carries the tool.

    Raises:
        ConfigurationError: The text is not a URDF, the links do not form one chain, or a joint
            between them is incomplete or neither revolute, continuous nor fixed.
    """
    root = parsed(text)
    joint_to = {attribute(joint, "child", "link"): joint for joint in root.findall("joint")}
    line: list[ET.Element] = []
    link = tip_link
    while link != base_link:
        joint = joint_to.get(link)
        if joint is None or len(line) > len(joint_to):
            links = sorted(filter(None, (each.get("name") for each in root.findall("link"))))
            raise ConfigurationError(
                f"URDF: expected a chain of joints from base_link {base_link!r} to tip_link "
                f"{tip_link!r}, but it breaks off at {link!r}; the URDF has the links "
                f"{', '.join(links[:_MOST_NAMED])}{' …' if len(links) > _MOST_NAMED else ''}"
            )
        if len(line) >= _MOST_JOINTS:
            raise ConfigurationError(
                f"URDF: expected at most {_MOST_JOINTS} joints from base_link {base_link!r} to "
                f"tip_link {tip_link!r}, got more"
            )
        line.insert(0, joint)
        link = attribute(joint, "parent", "link")
    return _folded(line)


def parsed(text: str) -> ET.Element:
    """Parse a URDF and return its root element.

    Raises:
        ConfigurationError: The text is not XML, is too long, has a DOCTYPE, or is not a
            ``<robot>``.
    """
    # Protects the parser from entity expansion attacks.
    if len(text) > _LARGEST or "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ConfigurationError("URDF: expected a plain XML text below 10 MB, without DOCTYPE")
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, ValueError, LookupError) as error:
        raise ConfigurationError(f"URDF: expected XML, got an error: {error}") from error
    if root.tag != "robot":
        raise ConfigurationError(f"URDF: expected the element <robot>, got <{root.tag}>")
    return root


def _folded(line: list[ET.Element]) -> Chain:
    """Merge each fixed joint into the origin of the next joint."""
    joints: list[Joint] = []
    offset = Pose.identity()
    for element in line:
        kind, name = element.get("type"), element.get("name", "")
        offset = offset @ origin_of(element, f"joint {name}")
        if kind == "fixed":
            continue
        if kind not in _TURNING or element.find("mimic") is not None:
            raise ConfigurationError(
                f"URDF: joint {name}: expected a revolute, continuous or fixed one, got a "
                f"{'mimic' if kind in _TURNING else kind} joint"
            )
        joints.append(_joint(element, name, offset))
        offset = Pose.identity()
    return Chain(joints, offset)


def _joint(element: ET.Element, name: str, origin: Pose) -> Joint:
    endless = element.get("type") == "continuous"
    for which, most, unit in _OF_ANY_ARM if not endless else _OF_ANY_ARM[-1:]:
        value = _limit(element, which, name)
        if abs(value) > most:
            raise ConfigurationError(
                f"URDF: joint {name}: expected {which} of at most {most:g} {unit}, got {value:g}; "
                "is it in degrees?"
            )
    return Joint(
        name=name,
        origin=origin,
        direction=axis_of(element),
        lower_rad=-math.inf if endless else _limit(element, "lower", name),
        upper_rad=math.inf if endless else _limit(element, "upper", name),
        speed_limit_radps=_limit(element, "velocity", name),
    )


def axis_of(joint: ET.Element) -> Array:
    """Return the unit vector of a joint's ``<axis>``, (3,), joint frame; by default x.

    Raises:
        ConfigurationError: ``xyz`` is not three finite numbers, or zero.
    """
    axis, owner = joint.find("axis"), f"joint {joint.get('name', '')}"
    direction = numbers(None if axis is None else axis.get("xyz"), "1 0 0", owner)
    length = float(np.linalg.norm(direction))
    if length == 0.0:
        raise ConfigurationError(
            f"URDF: {owner}: expected an axis of length 1 or any other but 0, got 0"
        )
    return direction / length


def origin_of(element: ET.Element, owner: str) -> Pose:
    """Return the pose in an element's ``<origin>``; the identity if there is none.

    Args:
        element: Joint or shape.
        owner: Joint or link that the element belongs to, for error messages.

    Raises:
        ConfigurationError: ``xyz`` or ``rpy`` is not three finite numbers.
    """
    origin = element.find("origin")
    xyz = numbers(None if origin is None else origin.get("xyz"), "0 0 0", owner)
    if max(abs(value) for value in xyz.tolist()) > _LONGEST_M:
        raise ConfigurationError(
            f"URDF: {owner}: expected an origin within {_LONGEST_M:g} m, got "
            f"{xyz.tolist()}; is it in millimetres?"
        )
    roll, pitch, yaw = numbers(None if origin is None else origin.get("rpy"), "0 0 0", owner)
    return Pose(xyz, quaternion_from_euler_zyx(float(yaw), float(pitch), float(roll)))


def numbers(text: str | None, default: str, owner: str) -> Array:
    """Parse an attribute with as many numbers as its default has.

    Args:
        text: Value of the attribute; None or empty for the default.
        default: Default value.
        owner: Joint or link that the attribute belongs to, for error messages.

    Raises:
        ConfigurationError: The text has another number of numbers, or one is not finite.
    """
    found = [_number(word, owner) for word in (text or default).split()]
    if len(found) != len(default.split()):
        raise ConfigurationError(
            f"URDF: {owner}: expected {len(default.split())} numbers, got {shortened(text)}"
        )
    return np.array(found)


def _limit(element: ET.Element, which: str, joint: str) -> float:
    limit = element.find("limit")
    text = None if limit is None else limit.get(which)
    if text is None and which != "velocity" and limit is not None:
        return 0.0  # URDF's own default
    if text is None:
        raise ConfigurationError(f"URDF: joint {joint}: expected <limit {which}=...>, got none")
    return _number(text.strip(), f"joint {joint}")


def _number(text: str, owner: str) -> float:
    number = float(text) if NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise ConfigurationError(f"URDF: {owner}: expected a finite number, got {shortened(text)}")
    return number


def attribute(element: ET.Element, child: str, name: str) -> str:
    """Return an attribute of an element's child.

    Raises:
        ConfigurationError: The attribute is missing or empty.
    """
    part = element.find(child)
    value = None if part is None else part.get(name)
    if not value:
        raise ConfigurationError(
            f"URDF: joint {element.get('name')}: expected <{child} {name}=...>, got none"
        )
    return value
