"""Who publishes a topic that only certain nodes may publish."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from rclpy.node import Node

# A participant that was only just discovered, or that is going, has no name for a moment.
_NAMELESS = "_NODE_NAME_UNKNOWN_"


class Publishers(NamedTuple):
    """The publishers of a topic.

    Attributes:
        foreign: names of nodes that were not expected.
        repeated: names of expected nodes that are there more than once. One that died without a
            word is still counted for as long as the middleware's lease, tens of seconds.
    """

    foreign: tuple[str, ...]
    repeated: tuple[str, ...]


def publishers_of(node: Node, topic: str, expected: frozenset[str]) -> Publishers:
    """Compares who publishes ``topic`` with the names ``expected``; nobody has to be there.

    Without any expected name everybody is welcome.
    """
    if not expected:
        return Publishers((), ())
    found = Counter(info.node_name for info in node.get_publishers_info_by_topic(topic))
    del found[_NAMELESS]
    return Publishers(
        tuple(sorted(name for name in found if name not in expected)),
        tuple(sorted(name for name, times in found.items() if times > 1 and name in expected)),
    )


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
        self.seen = publishers_of(self._node, self._topic, self._expected)
        if not self.seen.foreign:
            return None
        return (
            f"{self._topic} is also published by {', '.join(self.seen.foreign)}, "
            f"expected only {', '.join(sorted(self._expected))}; end it"
        )
