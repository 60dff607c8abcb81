"""Restriction of topics and services to the nodes that may provide them.

A publisher is identified by its node name and by its identifier (GID), which comes with each
message. The GID distinguishes two nodes of one name: the newer one counts, as the successor of one
that ended. If the older one publishes again, both are alive, which is a fault.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Container
from enum import Enum
from typing import NamedTuple

from rclpy.node import Node

from der_ros.nodes.shared.taking import GID_BYTES

# Name that the middleware gives to a node just discovered, or about to leave.
NAMELESS = "_NODE_NAME_UNKNOWN_"
# A publisher that stays without a name for longer does not belong to a ROS node. Names come on a
# topic of their own; Fast DDS repeats a lost message of it after 3 s.
_NAMING_PATIENCE_S = 5.0
_FORGOTTEN_S = 10.0
_NO_NODE = "a publisher that is no ROS node"
ANY_ONE = "?"
"""Owner of a topic that any one node, but only one at a time, may publish."""
_ONE = "one"


class SenderVerdict(Enum):
    """Decision about a message, by its publisher."""

    BELIEVED = "believed"
    FOREIGN = "foreign"
    UNDECIDED = "undecided"  # the publisher's name is not known yet


class Publishers(NamedTuple):
    """Unexpected publishers of a topic.

    Attributes:
        foreign: Names of nodes that may not publish the topic.
        repeated: Names of rightful nodes that appear more than once. A killed node counts until
            the middleware's lease ends, after tens of seconds.
    """

    foreign: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()


def full_name(namespace: str, name: str) -> str:
    """Return the fully qualified name of a node."""
    return name if name.startswith("/") else f"{namespace.rstrip('/')}/{name}"


def shown(node: Node, name: str) -> str:
    """Return a full node name, without its namespace if that is the namespace of ``node``."""
    own = f"{node.get_namespace().rstrip('/')}/"
    rest = name.removeprefix(own)
    return name if "/" in rest else rest


class Succession:
    """Selection of the newest publisher in roles that only one living publisher may have.

    Attributes:
        living_twice: Pairs of GIDs, older and newer, by role, both heard alternately.
    """

    def __init__(self) -> None:
        self._newest: dict[str, bytes] = {}
        self._superseded: dict[bytes, bytes] = {}
        self.living_twice: dict[str, tuple[bytes, bytes]] = {}

    def takes(self, role: str, gid: bytes) -> bool:
        """Return True if a message counts; note an older publisher that publishes again.

        Args:
            role: Role, such as a node name, that allows only one living publisher.
            gid: Identifier of the message's publisher.
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
        """Forget all publishers that are not in ``there``."""
        for gid in [gid for gid in list(self._superseded) if gid not in there]:
            self._superseded.pop(gid, None)
        for role, gid in list(self._newest.items()):
            if gid not in there:
                self._newest.pop(role, None)
        for role, pair in list(self.living_twice.items()):
            if not all(gid in there for gid in pair):
                self.living_twice.pop(role, None)


class RightfulTopic:
    """Watch over the publishers of a topic.

    ``judge`` may be called from one thread and ``check`` from another.

    Args:
        node: Node whose view of the ROS graph is used.
        topic: Topic name, resolved by ``node``.
        owners: Names, separated by spaces, of the nodes that may publish the topic, relative to the
            namespace of ``node`` unless they begin with a slash; ``ANY_ONE``; empty for any nodes.

    Attributes:
        refused: Number of messages judged to be foreign.
        wrong: Problem found by the latest ``check``; empty for none.
        owners: Full names of the nodes that may publish the topic.
        seen: Unexpected publishers found by the latest ``check``.
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
        """Return the full name of the node that owns a publisher; empty if not known yet."""
        return "" if gid is None else self._names.get(gid, "")

    def gids(self) -> frozenset[bytes]:
        """Return the GIDs of all publishers whose node name is known."""
        return frozenset(self._names)

    def judge(self, gid: bytes | None) -> SenderVerdict:
        """Accept or refuse a message by its publisher; count a foreign one.

        Args:
            gid: Identifier of the publisher; None, if the middleware gives none, is accepted.
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
        """True if two living publishers were heard where only one is allowed."""
        return bool(self._succession.living_twice)

    @property
    def undecided(self) -> bool:
        """True while a message waits for its publisher's name."""
        return bool(self._nameless_s)

    def check(self) -> str | None:
        """Update the publishers from the ROS graph; return the problem found, or None."""
        wrong = self._find_wrong()
        self.wrong = wrong or ""
        return wrong

    def _find_wrong(self) -> str | None:
        infos = self._node.get_publishers_info_by_topic(self.topic)
        named = [info for info in infos if info.node_name != NAMELESS]
        self._names = {
            bytes(info.endpoint_gid)[:GID_BYTES]: full_name(info.node_namespace, info.node_name)
            for info in named
        }
        self._forget_the_gone()
        if not self.owners:
            return self._two_of_any()
        counts = Counter(full_name(info.node_namespace, info.node_name) for info in named)
        self.seen = Publishers(
            tuple(sorted(shown(self._node, name) for name in counts.keys() - self.owners)),
            tuple(
                sorted(
                    shown(self._node, name)
                    for name in counts
                    if name in self.owners and counts[name] > 1
                )
            ),
        )
        return self._wrong()

    def _wrong(self) -> str | None:
        foreign = self.seen.foreign
        now_s = time.monotonic()
        # Copied, because ``judge`` may add an entry in another thread.
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
        """Forget publishers that are no longer in the ROS graph."""
        for gid in list(self._nameless_s):
            if gid in self._names or time.monotonic() - self._nameless_s[gid] > _FORGOTTEN_S:
                self._nameless_s.pop(gid, None)
        self._succession.forget(self._names)


def servers(node: Node, service: str) -> list[str]:
    """Return the full names of the nodes that offer a service, one entry per server.

    The list is empty with a middleware that hides the topics behind a service.
    """
    replies = f"rr{node.resolve_service_name(service)}Reply"
    infos = node.get_publishers_info_by_topic(replies, no_mangle=True)
    return [
        full_name(info.node_namespace, info.node_name)
        for info in infos
        if info.node_name != NAMELESS
    ]


class RightfulService:
    """Watch over the servers of a service.

    Args:
        node: Node whose view of the ROS graph is used.
        service: Service name, resolved by ``node``.
        owners: Names of the nodes that may offer the service, as in ``RightfulTopic``; empty for
            any nodes.
    """

    def __init__(self, node: Node, service: str, owners: str) -> None:
        self._node, self.service = node, service
        self.owners = frozenset(full_name(node.get_namespace(), name) for name in owners.split())

    def check(self) -> str | None:
        """Look up the servers in the ROS graph; return the problem found, or None."""
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
