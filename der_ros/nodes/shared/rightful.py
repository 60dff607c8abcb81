"""Restricts a topic to the nodes that may publish it, and drops the messages of others.

A publisher is identified by its node and by its identifier (GID), which comes with each message.
The GID tells two nodes of one name apart: the newer one counts, as the successor of one that ended;
if the older one is heard again, both are alive.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Container
from enum import Enum
from typing import NamedTuple

from rclpy.node import Node

from der_ros.nodes.shared.taking import GID_BYTES

# The middleware gives this name to a node that was just discovered, or that is leaving.
NAMELESS = "_NODE_NAME_UNKNOWN_"
# A publisher that sends for longer without a name does not belong to a ROS node.
_NAMING_PATIENCE_S = 2.0
_FORGOTTEN_S = 10.0
_NO_NODE = "a publisher that is no ROS node"
ANY_ONE = "?"
"""Owner of a topic that any node may publish, but only one at a time."""
_ONE = "one"


class SenderVerdict(Enum):
    """Decision about one message by its publisher."""

    BELIEVED = "believed"
    FOREIGN = "foreign"
    UNDECIDED = "undecided"  # its publisher's name is not known yet


class Publishers(NamedTuple):
    """Publishers of a topic that should not be there.

    Attributes:
        foreign: names of nodes that were not expected.
        repeated: names of expected nodes that appear more than once. A killed node still counts
            for the middleware's lease, tens of seconds.
    """

    foreign: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()


def full_name(namespace: str, name: str) -> str:
    """Return the fully qualified name of a node."""
    return name if name.startswith("/") else f"{namespace.rstrip('/')}/{name}"


def shown(node: Node, name: str) -> str:
    """Return a fully qualified name without the namespace that it shares with ``node``."""
    own = f"{node.get_namespace().rstrip('/')}/"
    rest = name.removeprefix(own)
    return name if "/" in rest else rest


class Succession:
    """Follows the newest of several publishers of which only one may be alive."""

    def __init__(self) -> None:
        self._newest: dict[str, bytes] = {}
        self._superseded: dict[bytes, bytes] = {}
        self.living_twice: dict[str, tuple[bytes, bytes]] = {}

    def takes(self, role: str, gid: bytes) -> bool:
        """Tell if a message counts; note an older publisher that is heard again.

        Args:
            role: of which there may be only one publisher.
            gid: of the message's publisher.
        """
        newest = self._newest.setdefault(role, gid)
        if newest == gid:
            return True
        if gid in self._superseded:
            self.living_twice[role] = (gid, newest)
            return False
        self._superseded[newest] = gid
        self._newest[role] = gid
        return True

    def forget(self, there: Container[bytes]) -> None:
        """Forget publishers that are gone."""
        for gid in [gid for gid in list(self._superseded) if gid not in there]:
            self._superseded.pop(gid, None)
        for role, gid in list(self._newest.items()):
            if gid not in there:
                self._newest.pop(role, None)
        for role, pair in list(self.living_twice.items()):
            if not all(gid in there for gid in pair):
                self.living_twice.pop(role, None)


class RightfulTopic:
    """Watches the publishers of a topic.

    ``judge`` may be called from any one thread, ``look`` from another.

    Args:
        node: of the ROS graph.
        topic: its name, as the node resolves it.
        owners: names of the only nodes that may publish it, between blanks, in the namespace of
            ``node`` unless they begin with a slash; empty: any node may; ``ANY_ONE``.

    Attributes:
        refused: number of messages that were judged to be foreign.
        wrong: what the latest look found to be wrong; empty for nothing.
    """

    def __init__(self, node: Node, topic: str, owners: str) -> None:
        self._node, self.topic = node, topic
        self.refused, self.wrong = 0, ""
        self._any_one = owners == ANY_ONE
        names = () if self._any_one else owners.split()
        self.owners = frozenset(full_name(node.get_namespace(), name) for name in names)
        self.seen = Publishers()
        self._names: dict[bytes, str] = {}
        self._succession = Succession()
        self._nameless_s: dict[bytes, float] = {}

    def sender(self, gid: bytes | None) -> str:
        """Return the full name of the node that owns a publisher; empty while it is not known."""
        return "" if gid is None else self._names.get(gid, "")

    def gids(self) -> frozenset[bytes]:
        """Return the identifiers of all publishers that have a name."""
        return frozenset(self._names)

    def judge(self, gid: bytes | None) -> SenderVerdict:
        """Decide about a message by its publisher; count a foreign one.

        Args:
            gid: of the publisher; None if the middleware does not know it: then the message counts.
        """
        verdict = self._verdict(gid)
        self.refused += verdict is SenderVerdict.FOREIGN
        return verdict

    def _verdict(self, gid: bytes | None) -> SenderVerdict:
        if gid is None or not (self.owners or self._any_one):
            return SenderVerdict.BELIEVED
        if self._any_one:
            return self._successor(_ONE, gid)
        name = self._names.get(gid)
        if name is None:
            self._nameless_s.setdefault(gid, time.monotonic())
            return SenderVerdict.UNDECIDED
        if name not in self.owners:
            return SenderVerdict.FOREIGN
        return self._successor(name, gid)

    def _successor(self, name: str, gid: bytes) -> SenderVerdict:
        taken = self._succession.takes(name, gid)
        return SenderVerdict.BELIEVED if taken else SenderVerdict.FOREIGN

    @property
    def contested(self) -> bool:
        """Tell whether two living publishers were heard where one may be."""
        return bool(self._succession.living_twice)

    @property
    def undecided(self) -> bool:
        """True while a message waits for its publisher's name."""
        return bool(self._nameless_s)

    def look(self) -> str | None:
        """Look up the publishers; return the problem that is found, or None."""
        wrong = self._look()
        self.wrong = wrong or ""
        return wrong

    def _look(self) -> str | None:
        infos = self._node.get_publishers_info_by_topic(self.topic)
        named = [info for info in infos if info.node_name != NAMELESS]
        self._names = {
            bytes(info.endpoint_gid)[:GID_BYTES]: full_name(info.node_namespace, info.node_name)
            for info in named
        }
        self._forget_the_gone()
        if not self.owners:
            return self._two_of_any()
        found = Counter(full_name(info.node_namespace, info.node_name) for info in named)
        self.seen = Publishers(
            tuple(sorted(shown(self._node, name) for name in found.keys() - self.owners)),
            tuple(
                sorted(
                    shown(self._node, name)
                    for name in found
                    if name in self.owners and found[name] > 1
                )
            ),
        )
        return self._wrong()

    def _wrong(self) -> str | None:
        foreign = self.seen.foreign
        now_s = time.monotonic()
        # ``judge`` may add an entry in another thread.
        if any(now_s - since_s > _NAMING_PATIENCE_S for since_s in list(self._nameless_s.values())):
            foreign = (*foreign, _NO_NODE)
        if foreign:
            expected = ", ".join(sorted(shown(self._node, name) for name in self.owners))
            return (
                f"{self.topic} is also published by {', '.join(foreign)}, "
                f"expected only {expected}; end it"
            )
        living_twice = list(self._succession.living_twice)
        if living_twice:
            twice = ", ".join(sorted(shown(self._node, name) for name in living_twice))
            return f"{self.topic} is published by two living nodes of the name {twice}; end one"
        return None

    def _two_of_any(self) -> str | None:
        pair = self._succession.living_twice.get(_ONE)
        if pair is None:
            return None
        names = [self.sender(gid) or _NO_NODE for gid in pair]
        both = " and ".join(shown(self._node, name) for name in names)
        return f"{self.topic} is published by {both}, expected only one of them; end the other"

    def _forget_the_gone(self) -> None:
        """Forget publishers that are gone."""
        for gid in list(self._nameless_s):
            if gid in self._names or time.monotonic() - self._nameless_s[gid] > _FORGOTTEN_S:
                self._nameless_s.pop(gid, None)
        self._succession.forget(self._names)


def servers(node: Node, service: str) -> list[str]:
    """Return the full names of the nodes that offer a service, one entry a server.

    The list is empty with a middleware that does not show the topics of a service.
    """
    replies = f"rr{node.resolve_service_name(service)}Reply"
    infos = node.get_publishers_info_by_topic(replies, no_mangle=True)
    return [
        full_name(info.node_namespace, info.node_name)
        for info in infos
        if info.node_name != NAMELESS
    ]


class RightfulService:
    """Watches the servers of a service.

    Args:
        node: of the ROS graph.
        service: its name, as the node resolves it.
        owners: names of the only nodes that may offer it, as of ``RightfulTopic``.
    """

    def __init__(self, node: Node, service: str, owners: str) -> None:
        self._node, self.service = node, service
        self.owners = frozenset(full_name(node.get_namespace(), name) for name in owners.split())

    def look(self) -> str | None:
        """Look up the servers; return the problem that is found, or None."""
        if not self.owners:
            return None
        foreign = sorted(set(servers(self._node, self.service)) - self.owners)
        if not foreign:
            return None
        names = ", ".join(shown(self._node, name) for name in foreign)
        expected = ", ".join(sorted(shown(self._node, name) for name in self.owners))
        return (
            f"the service {self.service} is also offered by {names}, "
            f"expected only {expected}; end it"
        )
