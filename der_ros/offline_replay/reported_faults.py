"""Faults that the nodes reported in the diagnostics of a bag, as the supervisor reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from der_ros.bags.reader import BagReader
from der_ros.control.status import Level

DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"
_WATCHED = ("kuka_bridge", "ft_bridge", "policy_server")


class ReportedFault(NamedTuple):
    """Errors of the watched nodes at the time of one report.

    Attributes:
        at_ns: Bag time of the report, ns since the epoch.
        text: Texts of all errors at that time, as in the reason of a verdict.
    """

    at_ns: int
    text: str


def diagnostics_topic(reader: BagReader) -> str:
    """Return the name of the topic with the nodes' diagnostics; empty if the bag has none."""
    kinds = reader.types.items()
    return next((n for n, kind in kinds if n.endswith("/diagnostics") and kind == DIAGNOSTICS), "")


def reported_faults(reader: BagReader) -> tuple[ReportedFault, ...]:
    """Return the reported errors of an open bag, one entry for each change."""
    topic = diagnostics_topic(reader)
    faults: dict[str, str] = {}
    found: list[ReportedFault] = []
    for each in reader.messages(topic) if topic else ():
        _keep(faults, each.message.status)
        text = "; ".join(faults.values())
        if text != (found[-1].text if found else ""):
            found.append(ReportedFault(each.stamp_ns, text))
    return tuple(found)


def _keep(faults: dict[str, str], statuses: Iterable[Any]) -> None:
    """Store or clear the errors of watched nodes, by the status's name without namespace."""
    for status in statuses:
        node, _, what = status.name.partition(":")
        name = node.rpartition("/")[2]
        if name not in _WATCHED:
            continue
        title = f"{name}:{what}"
        faults.pop(title, None)
        if int(status.level) == Level.ERROR:
            faults[title] = f"{title}: {status.message}"
