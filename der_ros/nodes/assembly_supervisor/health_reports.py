"""Reads the health of other nodes on ``/diagnostics``, from those nodes alone.

All nodes of a ROS domain publish there. A status under the name of a node counts only if that node
published it. Another publisher of such a status, for instance a bag that is played, is a fault.
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
    """Errors and warnings of some nodes.

    Args:
        node: that subscribes.
        names: of the nodes, in the namespace of ``node``.
        trusted: full names of nodes that may publish for any of them.
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

    @property
    def wrong(self) -> tuple[str, ...]:
        """One sentence for each node that publishes under the name of another one."""
        return tuple(self._impostors.values())

    @property
    def refused(self) -> int:
        """Number of messages refused for their stamp."""
        return self._messages.refused_stamps

    def take(self) -> None:
        """Read new messages; one whose publisher has no name yet waits until it has."""
        came = [*self._waiting, *self._messages.take()]
        unknown = any(not self._publishers.sender(each.gid) for each in came)
        if unknown or self._impostors:
            self._look()
        self._waiting = []
        for received in came:
            if received.gid is not None and not self._publishers.sender(received.gid):
                self._waiting = [*self._waiting[1 - _DEPTH :], received]
            else:
                self._accept(received)

    def _look(self) -> None:
        """Look up the publishers; forget impostors that are gone."""
        self._publishers.look()
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
        """Keep an error or a warning under the node's name without its namespace."""
        title = f"{name}:{status.name.partition(':')[2]}"
        self.faults.pop(title, None)
        self.warnings.pop(title, None)
        if status.level == bytes([Level.ERROR]):
            self.faults[title] = f"{title}: {status.message}"
        elif status.level == bytes([Level.WARN]):
            self.warnings[title] = status.message
