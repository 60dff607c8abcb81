"""Rightful sources: the nodes whose messages and services another node may act on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from rclpy.node import Node

from der_ros.control.status import Level, Status
from der_ros.errors import ConfigurationError
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.rightful import ANY_ONE, RightfulService, RightfulTopic, full_name
from der_ros.nodes.shared.steady import steady_timer
from der_ros.parameters.shared import RightfulSources

LOOK_S = 0.5
"""Longest time until a second source is found after its discovery, s."""
_TICK_S = 0.1
_ANY = "*"


class Sources:
    """Watches the rightful sources of a node, and declares the parameter that changes them.

    Args:
        node: that decides.
        topics: from each topic to the names of the nodes that may publish it, separated by blanks;
            empty: any nodes; ``ANY_ONE``: one node of any name.
        services: the same for services and the nodes that may offer them.
        on_wrong: takes each problem, in the executor's thread, after each look.

    Raises:
        ConfigurationError: an entry of the parameter that names no source of this node.
    """

    def __init__(
        self,
        node: Node,
        topics: Mapping[str, str],
        services: Mapping[str, str],
        on_wrong: Callable[[str], None] = lambda _wrong: None,
    ) -> None:
        entries = _declare_changes(node)
        owners = _with_changes(entries, {**topics, **services})
        self.trusted = _of_everything(node, entries)
        """Full names of the nodes that may be the source of everything."""
        self._topics = {name: RightfulTopic(node, name, owners[name]) for name in topics}
        self._services = {name: RightfulService(node, name, owners[name]) for name in services}
        self._on_wrong = on_wrong
        self._looked_s = float("-inf")
        self.wrong: tuple[str, ...] = ()
        steady_timer(node, _TICK_S, self._tick)

    def topic(self, name: str) -> RightfulTopic:
        """Return the watch of one topic, for a ``PolledSubscription``."""
        return self._topics[name]

    def server(self, name: str) -> str:
        """Return the problem with the servers of a service; empty without one."""
        watch = self._services.get(name)
        return "" if watch is None else watch.look() or ""

    @property
    def foreign(self) -> list[str]:
        """Names of the nodes that publish and are not rightful sources."""
        return [name for topic in self._topics.values() for name in topic.seen.foreign]

    @property
    def repeated(self) -> list[str]:
        """Names of rightful sources that appear more than once, alive or not."""
        return [name for topic in self._topics.values() for name in topic.seen.repeated]

    @property
    def refused(self) -> int:
        """Number of messages that were refused as foreign."""
        return sum(topic.refused for topic in self._topics.values())

    def look(self) -> tuple[str, ...]:
        """Look up publishers and servers; return the problems that are found."""
        self._looked_s = time.monotonic()
        self.wrong = tuple(wrong for wrong in self._all() if wrong is not None)
        for wrong in self.wrong:
            self._on_wrong(wrong)
        return self.wrong

    def _all(self) -> Iterator[str | None]:
        yield from (topic.look() for topic in self._topics.values())
        yield from (service.look() for service in self._services.values())

    def _tick(self) -> None:
        """Look twice a second; more often at topics with a message that waits for a name."""
        if time.monotonic() - self._looked_s >= LOOK_S:
            self.look()
            return
        for topic in self._topics.values():
            if topic.undecided:
                topic.look()

    def status(self) -> Status:
        """Return the state of the sources for the diagnostics."""
        values = {
            "foreign_publishers": " ".join(self.foreign),
            "repeated_publishers": " ".join(self.repeated),
            "refused_foreign": self.refused,
        }
        if self.wrong:
            return Status("sources", Level.ERROR, "; ".join(self.wrong), values)
        return Status("sources", Level.OK, "each topic and service has its one source", values)


def _declare_changes(node: Node) -> list[tuple[str, str]]:
    """Return the entries of ``rightful_sources``: a name and its nodes, between blanks."""
    entries = declare_settings(node, RightfulSources).rightful_sources
    parts = (entry.strip().partition(" ") for entry in entries if entry.strip())
    return [(name, nodes.strip()) for name, _, nodes in parts]


def _with_changes(entries: list[tuple[str, str]], owners: Mapping[str, str]) -> dict[str, str]:
    """Return the owners as the parameter changes them."""
    changed = dict(owners)
    for name, nodes in entries:
        if not nodes or (name not in owners and name != _ANY):
            raise ConfigurationError(
                f"parameter rightful_sources: expected a name and its nodes, the name one of "
                f"{', '.join(sorted(owners))}; got '{name} {nodes}'"
            )
        if name == _ANY:
            held = {each: known for each, known in changed.items() if known not in ("", ANY_ONE)}
            changed |= {each: f"{known} {nodes}" for each, known in held.items()}
        else:
            changed[name] = "" if nodes == _ANY else nodes
    return changed


def _of_everything(node: Node, entries: list[tuple[str, str]]) -> frozenset[str]:
    names = (each for name, nodes in entries if name == _ANY for each in nodes.split())
    return frozenset(full_name(node.get_namespace(), each) for each in names)
