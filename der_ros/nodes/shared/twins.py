"""Refusal to start a node beside a living node of the same name.

Two launches in one ROS domain would answer each other's services and stop each other's attempts.

Each node claims its name on the latched topic ``/der_ros/alive``. Another node receives the claim
as soon as it discovers the node, and receives none from a node that was killed. Of two nodes that
start at the same time, the one that began first continues.
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

from der_ros.errors import ConfigurationError
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.qos import LATCHED, LATCHED_AMONG_OTHERS
from der_ros.nodes.shared.steady import steady_timer

logger = logging.getLogger(__name__)

ALIVE_TOPIC = "/der_ros/alive"
DISCOVERY_S = 0.4
"""Time allowed to discover the nodes of the ROS domain, s."""
LISTEN_S = 2.5
"""Longest time to wait for the claim of a living node of the same name, s."""
SETTLING_S = 10.0
"""Time after its start in which a node yields to one that began earlier, s."""
_POLL_S = 0.05
_DIGITS = 20


class NameClaim(NamedTuple):
    """Claim of a node to its name; the lesser of two claims, compared as tuples, wins.

    Attributes:
        starting: True until the node is running; a running node wins over a starting one.
        began_ns: Start time of the node, wall clock, ns.
        token: Random identifier of the node, which also decides between equal start times.
    """

    starting: bool
    began_ns: int
    token: str


class UniqueName:
    """Claimed name of a node, which only one living node may have.

    Args:
        node: Node that starts.
        name: Full name of the node, as ``status_name`` returns it.
    """

    def __init__(self, node: Node, name: str) -> None:
        self._node, self._name = node, name
        self._claim = NameClaim(True, time.time_ns(), uuid.uuid4().hex)
        self._others: dict[str, NameClaim] = {}
        self._publisher = node.create_publisher(DiagnosticStatus, ALIVE_TOPIC, LATCHED)
        # Every node of the domain has one latched claim.
        self._claims = PolledSubscription(node, DiagnosticStatus, ALIVE_TOPIC, LATCHED_AMONG_OTHERS)
        self._publish()

    def refuse_a_twin(self) -> None:
        """Wait until it is certain that no living node with an earlier claim has the name.

        The middleware lists a killed node until its lease ends, after tens of seconds. It sends no
        claim, so its successor continues after ``LISTEN_S``.

        Raises:
            ConfigurationError: Another living node has the name.
        """
        started_s = time.monotonic()
        while (twins := self._twins()) or time.monotonic() - started_s < DISCOVERY_S:
            self.refuse_an_earlier_claim()
            if twins and len(self._others) >= twins:
                return  # all others are alive and have later claims
            if time.monotonic() - started_s > LISTEN_S:
                logger.warning(
                    "a node %s that was killed is still known in this ROS domain", self._name
                )
                return
            time.sleep(_POLL_S)

    def hold(self, on_refused: Callable[[str], None]) -> None:
        """Claim the name as a running node, and watch for an earlier claim for ``SETTLING_S``.

        A busy computer may discover a node that started at the same time late.

        Args:
            on_refused: Function that receives the reason, in the executor's thread, if another node
                has the earlier claim.
        """
        self._claim = self._claim._replace(starting=False)
        self._publish()
        ends_s = time.monotonic() + SETTLING_S

        def check() -> None:
            try:
                self.refuse_an_earlier_claim()
            except ConfigurationError as error:
                timer.cancel()
                on_refused(str(error))
            if time.monotonic() > ends_s:
                timer.cancel()

        timer = steady_timer(self._node, _POLL_S, check)

    def refuse_an_earlier_claim(self) -> None:
        """Check that no claim received so far is earlier than the node's own.

        Raises:
            ConfigurationError: Another node has an earlier claim.
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
        """Return the number of other nodes with the same full name, alive or not."""
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
