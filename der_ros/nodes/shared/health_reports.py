"""Health of other nodes, read from ``/diagnostics``.

All nodes of a ROS domain publish there. A status that carries a node's name counts only if that
node published it. Another publisher of such a status, such as a played bag, is a fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from der_ros.control.status import Level
from der_ros.nodes.shared.polling import PolledSubscription, Received
from der_ros.nodes.shared.rightful import RightfulTopic, Succession, full_name, shown

_TOPIC = "/diagnostics"
_DEPTH = 50


class HealthReports:
    """Current errors and warnings of the watched nodes.

    Args:
        node: Subscribing node.
        names: Names of the watched nodes, in the namespace of ``node``.
        trusted: Full names of nodes that may publish a status for any of them.

    Attributes:
        faults: Error texts by status name.
        warnings: Warning texts by status name.
        messages: Newest texts of all levels by status name.
    """

    def __init__(self, node: Node, names: Sequence[str], trusted: frozenset[str]) -> None:
        self._node, self._trusted = node, trusted
        self._full = {name: full_name(node.get_namespace(), name) for name in names}
        self._publishers = RightfulTopic(node, _TOPIC, "")
        self._succession = Succession()
        self._waiting: list[Received] = []
        self._messages = PolledSubscription(node, DiagnosticArray, _TOPIC, _DEPTH)
        self._impostors: dict[bytes, str] = {}
        self.faults: dict[str, str] = {}
        self.warnings: dict[str, str] = {}
        self.messages: dict[str, str] = {}

    @property
    def wrong(self) -> tuple[str, ...]:
        """Error message for each node that publishes under another node's name."""
        return tuple(self._impostors.values())

    @property
    def refused(self) -> int:
        """Number of messages refused for an invalid stamp or content."""
        return self._messages.refused

    def take(self) -> None:
        """Read new messages; hold each until the name of its publisher is known."""
        came = [*self._waiting, *self._messages.take()]
        unknown = any(not self._publishers.sender(each.gid) for each in came)
        if unknown or self._impostors:
            self._check_publishers()
        self._waiting = []
        for received in came:
            if received.gid is not None and not self._publishers.sender(received.gid):
                self._waiting = [*self._waiting[1 - _DEPTH :], received]
            else:
                self._accept(received)

    def _check_publishers(self) -> None:
        """Update the publishers from the ROS graph; forget impostors that are gone."""
        self._publishers.check()
        there = self._publishers.gids()
        self._succession.forget(there)
        self._impostors = {gid: why for gid, why in self._impostors.items() if gid in there}

    def _accept(self, received: Received) -> None:
        for status in received.message.status:
            name = status.name.partition(":")[0].rpartition("/")[2]
            if name in self._full and self._is_believed(name, received.gid):
                self._keep(name, status)

    def _is_believed(self, name: str, gid: bytes | None) -> bool:
        sender = self._publishers.sender(gid)
        if gid is None or sender in self._trusted:
            return True
        if sender == self._full[name]:
            if self._succession.takes(name, gid):
                return True
            self._impostors[gid] = f"two living nodes have the name {name}; end one"
        elif sender.rpartition("/")[2] != name:
            # A node of the same name in another namespace is no impostor.
            self._impostors[gid] = (
                f"{shown(self._node, sender)} publishes on {_TOPIC} under the name of {name}; "
                "end it"
            )
        return False

    def _keep(self, name: str, status: Any) -> None:
        """Store or clear an error or warning, under the node's name without namespace."""
        title = f"{name}:{status.name.partition(':')[2]}"
        self.messages[title] = status.message
        self.faults.pop(title, None)
        self.warnings.pop(title, None)
        if status.level == bytes([Level.ERROR]):
            self.faults[title] = f"{title}: {status.message}"
        elif status.level == bytes([Level.WARN]):
            self.warnings[title] = status.message
