"""Refuses to start a node beside a living one of the same name.

Two launches in one ROS domain would answer each other's services and stop each other's attempts.

Each node claims its name on ``/der_ros/alive``, latched, so that another node hears the claim
as soon as it is discovered, and never from a node that was killed. Of two nodes that start at the
same time the one that began first goes on.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from der_ros.errors import ConfigurationError
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.steady import steady_timer

logger = logging.getLogger(__name__)

ALIVE_TOPIC = "/der_ros/alive"
LOOK_S = 0.4
"""Time to discover the nodes of the ROS domain, s."""
LISTEN_S = 2.5
"""Longest time until the claim of a living node of the same name has come, s."""
SETTLING_S = 10.0
"""Time after its start in which a node gives way to one that began earlier, s."""
_POLL_S = 0.05
# Every node of the domain has one latched claim.
_CLAIMS = 100
_DIGITS = 20


class NameClaim(NamedTuple):
    """A node's claim to its name; the lesser of two claims wins.

    Attributes:
        starting: the node has not begun its work yet: one that has is never displaced.
        began_ns: when the node began, wall clock.
        token: tells two nodes apart that began at the same time.
    """

    starting: bool
    began_ns: int
    token: str


class Name:
    """A node's name, claimed; only one living node may have it.

    Args:
        node: that starts.
        name: its name with its namespace, as ``status_name`` returns it.
    """

    def __init__(self, node: Node, name: str) -> None:
        self._node, self._name = node, name
        self._claim = NameClaim(True, time.time_ns(), uuid.uuid4().hex)
        self._others: dict[str, NameClaim] = {}
        self._publisher = node.create_publisher(DiagnosticStatus, ALIVE_TOPIC, _latched(1))
        self._claims = PolledSubscription(node, DiagnosticStatus, ALIVE_TOPIC, _latched(_CLAIMS))
        self._publish()

    def refuse_a_twin(self) -> None:
        """Return if no other living node has the name, or all others start later.

        A node that was killed is seen for as long as the middleware's lease, tens of seconds. It
        claims nothing, so its successor waits ``LISTEN_S`` for it and goes on.

        Raises:
            ConfigurationError: another node has the name.
        """
        started_s = time.monotonic()
        while (twins := self._twins()) or time.monotonic() - started_s < LOOK_S:
            self.refuse_an_earlier_claim()
            if twins and len(self._others) >= twins:
                return  # each twin is alive and gives way
            if time.monotonic() - started_s > LISTEN_S:
                logger.warning(
                    "a node %s that was killed is still known in this ROS domain", self._name
                )
                return
            time.sleep(_POLL_S)

    def settle(self, on_refused: Callable[[str], None]) -> None:
        """Start the work under the name: a node that starts later may not take it.

        Args:
            on_refused: takes the reason when another node turns out to have it, in the executor's
                thread; a busy computer finds a node that started at the same time late.
        """
        self._claim = self._claim._replace(starting=False)
        self._publish()
        ends_s = time.monotonic() + SETTLING_S

        def look() -> None:
            try:
                self.refuse_an_earlier_claim()
            except ConfigurationError as error:
                timer.cancel()
                on_refused(str(error))
            if time.monotonic() > ends_s:
                timer.cancel()

        timer = steady_timer(self._node, _POLL_S, look)

    def refuse_an_earlier_claim(self) -> None:
        """Return if no node that was heard so far has an earlier claim.

        Raises:
            ConfigurationError: another node has it.
        """
        for received in self._claims.take():
            self._hear(received.message)
        if any(other < self._claim for other in self._others.values()):
            raise ConfigurationError(
                f"another {self._name} is alive in ROS domain "
                f"{os.environ.get('ROS_DOMAIN_ID') or 0}: end it, or choose another "
                "ROS_DOMAIN_ID, or a namespace (namespace:=)"
            )

    def _twins(self) -> int:
        """Count the other nodes of the same full name, alive or not."""
        own = (self._node.get_name(), self._node.get_namespace())
        return max(0, int(self._node.get_node_names_and_namespaces().count(own)) - 1)

    def _publish(self) -> None:
        values = {"began_ns": str(self._claim.began_ns), "token": self._claim.token}
        self._publisher.publish(
            DiagnosticStatus(
                name=self._name,
                message="starting" if self._claim.starting else "running",
                values=[KeyValue(key=key, value=value) for key, value in values.items()],
            )
        )

    def _hear(self, message: Any) -> None:
        values = {each.key: each.value for each in message.values}
        token, began_ns = values.get("token", ""), values.get("began_ns", "")
        is_time = began_ns.isdecimal() and len(began_ns) <= _DIGITS
        if message.name != self._name or token == self._claim.token or not is_time:
            return
        self._others[token] = NameClaim(message.message == "starting", int(began_ns), token)


def _latched(depth: int) -> QoSProfile:
    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )
