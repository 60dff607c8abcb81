"""Refuses to start a node beside a living one of the same name.

Two launches in one ROS domain would answer each other's services and end each other's attempts.
"""

from __future__ import annotations

import logging
import os
import time
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from der_ros.errors import ConfigurationError

logger = logging.getLogger(__name__)

LOOK_S = 0.4
"""Time to hear who is in the ROS domain, s."""
LISTEN_S = 2.5
"""A living node publishes on /diagnostics within this, s: it does so once a second."""
_POLL_S = 0.05


def refuse_a_twin(node: Node) -> None:
    """Return if no living node of the same full name is in the ROS domain.

    A node that was killed is seen for as long as the middleware's lease, tens of seconds. It
    publishes nothing, so its successor waits ``LISTEN_S`` for it and goes on.

    Raises:
        ConfigurationError: there is one.
    """
    if not _is_seen(node):
        return
    own = f"{node.get_namespace()}/{node.get_name()}".strip("/")
    if _is_heard(node, own):
        raise ConfigurationError(
            f"another {own} is alive in ROS domain {os.environ.get('ROS_DOMAIN_ID') or 0}: end it, "
            "or choose another ROS_DOMAIN_ID, or a namespace (namespace:=)"
        )
    logger.warning("a node %s that was killed is still known in this ROS domain", own)


def _is_seen(node: Node) -> bool:
    """Look for a second node of the same full name."""
    own = (node.get_name(), node.get_namespace())
    deadline_s = time.monotonic() + LOOK_S
    while time.monotonic() < deadline_s:
        if node.get_node_names_and_namespaces().count(own) > 1:
            return True
        time.sleep(_POLL_S)
    return False


def _is_heard(node: Node, own: str) -> bool:
    """Listen for a status under the node's name; ``node`` itself publishes none yet."""
    heard: list[str] = []

    def take(message: Any) -> None:
        heard.extend(status.name.partition(":")[0] for status in message.status)

    subscription = node.create_subscription(DiagnosticArray, "/diagnostics", take, 50)
    deadline_s = time.monotonic() + LISTEN_S
    try:
        while own not in heard and time.monotonic() < deadline_s:
            rclpy.spin_once(node, timeout_sec=_POLL_S)
    finally:
        node.destroy_subscription(subscription)
    return own in heard
