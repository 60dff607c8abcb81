"""SROS2 policy of the running stack: permissions of each node for topics and services.

The format is that of SROS2 policy files, version 0.2.0 (design.ros2.org, "ROS 2 Access Control
Policies"), with one enclave for all nodes.
"""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

import rclpy
from rclpy.node import Node, NodeNameNonExistentError

from der_ros.errors import ConfigurationError
from der_ros.nodes.shared.middleware import keep_processes_apart

ENCLAVE = "/der_ros"
_VERSION = "0.2.0"
_PERIOD_S = 0.2
_STEADY_PERIODS = 5


class Permission(NamedTuple):
    """One permission of a node for a topic or service.

    Attributes:
        list: Kind of the resource, ``topics`` or ``services``.
        right: Permitted use: ``publish``, ``subscribe``, ``reply`` or ``request``.
        name: Fully qualified name of the topic or service.
    """

    list: str
    right: str
    name: str


NodePermissions = Mapping[str, frozenset[Permission]]
"""Permissions by fully qualified node name."""


def read_graph(names: Iterable[str], patience_s: float) -> dict[str, frozenset[Permission]]:
    """Return the permissions that the named nodes currently use, once the ROS graph is stable.

    Args:
        names: Node names without namespace.
        patience_s: Longest time to wait, s.

    Raises:
        ConfigurationError: None of the nodes is found within ``patience_s``.
    """
    wanted = frozenset(names)
    keep_processes_apart()
    rclpy.init(args=[])
    node = Node("security_policy", enable_rosout=False, start_parameter_services=False)
    try:
        return _steady(node, wanted, time.monotonic() + patience_s)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def _steady(
    node: Node, names: frozenset[str], deadline_s: float
) -> dict[str, frozenset[Permission]]:
    """Look until the result is unchanged for one second, or until the deadline."""
    permissions: dict[str, frozenset[Permission]] = {}
    unchanged = 0
    while unchanged < _STEADY_PERIODS or not permissions:
        if time.monotonic() > deadline_s:
            break
        time.sleep(_PERIOD_S)
        current = {
            f"{space.rstrip('/')}/{name}": _permissions(node, name, space)
            for name, space in node.get_node_names_and_namespaces()
            if name in names
        }
        unchanged = unchanged + 1 if current == permissions else 0
        permissions = current
    if not permissions:
        raise ConfigurationError(
            f"expected a running deployment in this ROS domain (nodes {', '.join(sorted(names))}),"
            " found none; start one first"
        )
    return permissions


def _permissions(node: Node, name: str, space: str) -> frozenset[Permission]:
    lookups = (
        ("topics", "publish", node.get_publisher_names_and_types_by_node),
        ("topics", "subscribe", node.get_subscriber_names_and_types_by_node),
        ("services", "reply", node.get_service_names_and_types_by_node),
        ("services", "request", node.get_client_names_and_types_by_node),
    )
    permissions: set[Permission] = set()
    for kind, right, lookup in lookups:
        # The lookup fails for a node that has just ended.
        with suppress(NodeNameNonExistentError):
            permissions |= {Permission(kind, right, topic) for topic, _ in lookup(name, space)}
    return frozenset(permissions)


def merged(*policies: NodePermissions) -> dict[str, frozenset[Permission]]:
    """Return for every node the union of its permissions in all policies."""
    nodes = sorted({name for policy in policies for name in policy})
    empty: frozenset[Permission] = frozenset()
    return {name: empty.union(*(p.get(name, empty) for p in policies)) for name in nodes}


def lacking(policy: NodePermissions, needed: NodePermissions) -> list[str]:
    """Return one line for each permission in ``needed`` that ``policy`` lacks."""
    return [
        f"{node}: {permission.right} {permission.name}"
        for node, permissions in sorted(needed.items())
        for permission in sorted(permissions - policy.get(node, frozenset()))
    ]


def to_xml(policy: NodePermissions) -> str:
    """Return the text of a policy file, sorted, so that equal policies give equal text."""
    root = ET.Element("policy", version=_VERSION)
    enclave = ET.SubElement(ET.SubElement(root, "enclaves"), "enclave", path=ENCLAVE)
    profiles = ET.SubElement(enclave, "profiles")
    for name, permissions in sorted(policy.items()):
        space, _, node = name.rpartition("/")
        profile = ET.SubElement(profiles, "profile", ns=space or "/", node=node)
        for kind, right in sorted({(one.list, one.right) for one in permissions}):
            group = ET.SubElement(profile, kind, {right: "ALLOW"})
            for permission in sorted(permissions):
                if (permission.list, permission.right) == (kind, right):
                    ET.SubElement(group, kind[:-1]).text = permission.name
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def from_xml(text: str) -> dict[str, frozenset[Permission]]:
    """Parse the text of a policy file that ``to_xml`` has written.

    Raises:
        ConfigurationError: The text is no such policy file.
    """
    if "<!DOCTYPE" in text:
        raise ConfigurationError("policy file: expected XML without a document type")
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, ValueError, LookupError) as error:
        raise ConfigurationError(f"policy file: expected XML ({error})") from error
    if root.tag != "policy" or root.get("version") != _VERSION:
        raise ConfigurationError(f"policy file: expected an SROS2 policy of version {_VERSION}")
    return {
        f"{(profile.get('ns') or '').rstrip('/')}/{profile.get('node')}": frozenset(
            Permission(group.tag, right, (item.text or "").strip())
            for group in profile
            for right, verdict in group.attrib.items()
            if verdict == "ALLOW"
            for item in group
        )
        for profile in root.iter("profile")
    }
