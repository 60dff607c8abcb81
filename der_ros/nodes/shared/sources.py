"""Rightful sources: nodes whose messages and services a node may act on."""

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

CHECK_S = 0.5
"""Longest time from the discovery of a wrong source until it is reported, s."""
_TICK_S = 0.1
_ANY = "*"


class Sources:
    """Watch over the rightful sources of a node, with the parameter ``rightful_sources``.

    Args:
        node: Node that acts on the topics and services.
        topics: Names, separated by spaces, of the nodes that may publish each topic; empty for any
            nodes, ``ANY_ONE`` for one node of any name.
        services: Names of the nodes that may offer each service; empty for any nodes.
        on_wrong: Function that receives each problem, in the executor's thread, after each check.
        also_check: Function that each check also calls; it returns a problem, or None.

    Attributes:
        wrong: Problems found by the latest check.

    Raises:
        ConfigurationError: An entry of the parameter names no topic or service of this node, or
            has no nodes.
    """

    def __init__(
        self,
        node: Node,
        topics: Mapping[str, str],
        services: Mapping[str, str],
        on_wrong: Callable[[str], None] = lambda _wrong: None,
        also_check: Callable[[], str | None] = lambda: None,
    ) -> None:
        entries = _declare_changes(node)
        owners = _with_changes(entries, {**topics, **services})
        self.trusted = _of_everything(node, entries)
        """Full names of the nodes that may provide every topic and service."""
        self._topics = {name: RightfulTopic(node, name, owners[name]) for name in topics}
        self._services = {name: RightfulService(node, name, owners[name]) for name in services}
        self._on_wrong, self._also_check = on_wrong, also_check
        self._checked_s = float("-inf")
        self.wrong: tuple[str, ...] = ()
        steady_timer(node, _TICK_S, self._tick)

    def topic(self, name: str) -> RightfulTopic:
        """Return the watch over one topic, for a ``PolledSubscription``."""
        return self._topics[name]

    def server(self, name: str) -> str:
        """Return the problem with the servers of a service; empty if there is none."""
        watch = self._services.get(name)
        return "" if watch is None else watch.check() or ""

    @property
    def foreign(self) -> list[str]:
        """Names of the nodes that publish a topic without being a rightful source."""
        return [name for topic in self._topics.values() for name in topic.seen.foreign]

    @property
    def repeated(self) -> list[str]:
        """Names of rightful sources that appear more than once, whether alive or not."""
        return [name for topic in self._topics.values() for name in topic.seen.repeated]

    @property
    def refused(self) -> int:
        """Number of messages refused as foreign, over all topics."""
        return sum(topic.refused for topic in self._topics.values())

    def check(self) -> tuple[str, ...]:
        """Look up all publishers and servers; report and return the problems found."""
        self._checked_s = time.monotonic()
        self.wrong = tuple(wrong for wrong in self._all() if wrong is not None)
        for wrong in self.wrong:
            self._on_wrong(wrong)
        return self.wrong

    def _all(self) -> Iterator[str | None]:
        yield from (topic.check() for topic in self._topics.values())
        yield from (service.check() for service in self._services.values())
        yield self._also_check()

    def _tick(self) -> None:
        """Look twice a second, and at each tick at topics with undecided messages."""
        if time.monotonic() - self._checked_s >= CHECK_S:
            self.check()
            return
        for topic in self._topics.values():
            if topic.undecided:
                topic.check()

    def status(self) -> Status:
        """Return the diagnostic status of the sources."""
        values = {
            "foreign_publishers": " ".join(self.foreign),
            "repeated_publishers": " ".join(self.repeated),
            "refused_foreign": self.refused,
        }
        if self.wrong:
            return Status("sources", Level.ERROR, "; ".join(self.wrong), values)
        return Status("sources", Level.OK, "each topic and service has its one source", values)


def _declare_changes(node: Node) -> list[tuple[str, str]]:
    """Declare ``rightful_sources``; return its entries as (name, nodes separated by spaces)."""
    entries = declare_settings(node, RightfulSources).rightful_sources
    parts = (entry.strip().partition(" ") for entry in entries if entry.strip())
    return [(name, nodes.strip()) for name, _, nodes in parts]


def _with_changes(entries: list[tuple[str, str]], owners: Mapping[str, str]) -> dict[str, str]:
    """Return the owners by topic or service, changed by the entries of the parameter.

    Raises:
        ConfigurationError: An entry names no known topic or service, or has no nodes.
    """
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
