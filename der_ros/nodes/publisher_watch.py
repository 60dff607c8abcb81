"""Who publishes a topic that only certain nodes may publish."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from rclpy.node import Node

# A participant that was only just discovered, or that is going, has no name for a moment.
_NAMELESS = "_NODE_NAME_UNKNOWN_"


class Publishers(NamedTuple):
    """Those of a topic that are one too many.

    Attributes:
        foreign: names of nodes that were not expected.
        repeated: names of expected nodes that are there more than once. One that died without a
            word is still counted for as long as the middleware's lease, tens of seconds.
    """

    foreign: tuple[str, ...]
    repeated: tuple[str, ...]


class PublisherWatch:
    """Watches that a topic has no other publishers than it should have.

    Two that command, or two that tell the force, are one too many: which one counts is chance.

    Args:
        node: of the ROS graph.
        topic: to watch.
        expected: names of the only nodes that may publish it, between blanks; empty: any may.
    """

    def __init__(self, node: Node, topic: str, expected: str) -> None:
        self._node, self._topic = node, topic
        self._expected = frozenset(expected.split())
        self.seen = Publishers((), ())

    def look(self) -> str | None:
        """Who publishes it now; returns what is wrong with that, or None."""
        if not self._expected:
            return None
        found = Counter(
            info.node_name for info in self._node.get_publishers_info_by_topic(self._topic)
        )
        del found[_NAMELESS]
        self.seen = Publishers(
            tuple(sorted(found.keys() - self._expected)),
            tuple(sorted(name for name in found.keys() & self._expected if found[name] > 1)),
        )
        if not self.seen.foreign:
            return None
        return (
            f"{self._topic} is also published by {', '.join(self.seen.foreign)}, "
            f"expected only {', '.join(sorted(self._expected))}; end it"
        )
