"""The last seconds of all recorded topics in bounded memory, written as a bag on request."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from der_ros.bags.recorder import BagWriter

REASON = "snapshot_reason"
"""Name of the custom data that says why a snapshot was written."""
# What a message occupies in memory beside its own bytes, about.
_OVERHEAD_BYTES = 250


class Kept(NamedTuple):
    """One message of the black box.

    Attributes:
        arrived_s: ``time.monotonic``.
        topic: its full name.
        data: CDR.
    """

    arrived_s: float
    topic: str
    data: bytes


class BlackBox:
    """Keeps the newest messages, as long and as many as its limits allow.

    Args:
        span_s: age at which a message is forgotten, s; 0 keeps none.
        most_bytes: memory for all messages; beyond it the oldest are forgotten.
        latched: topics whose newest forgotten message belongs to each snapshot.
    """

    def __init__(self, span_s: float, most_bytes: int, latched: Iterable[str] = ()) -> None:
        self._span_s, self._most_bytes = span_s, most_bytes
        self._latched = frozenset(latched)
        self._kept: deque[Kept] = deque()
        self._before: dict[str, bytes] = {}
        self.size_bytes = 0

    def add(self, batch: Iterable[Kept]) -> None:
        """Take messages in the order of their arrival, and forget what is too old or too much."""
        for each in batch:
            self._kept.append(each)
            self.size_bytes += len(each.data) + _OVERHEAD_BYTES
        if not self._kept:
            return
        oldest_s = self._kept[-1].arrived_s - self._span_s
        while self._kept and (
            self._kept[0].arrived_s <= oldest_s or self.size_bytes > self._most_bytes
        ):
            gone = self._kept.popleft()
            self.size_bytes -= len(gone.data) + _OVERHEAD_BYTES
            if gone.topic in self._latched:
                self._before[gone.topic] = gone.data

    def contents(self) -> list[Kept]:
        """Return all messages, oldest first, behind the latched ones that were there before."""
        kept = list(self._kept)
        begin_s = kept[0].arrived_s if kept else 0.0
        return [Kept(begin_s, *entry) for entry in self._before.items()] + kept if kept else []


def write_snapshot(
    begin: Callable[[], BagWriter], contents: Iterable[Kept], at_ns: Callable[[float], int]
) -> Path:
    """Write the messages as a bag.

    Args:
        begin: opens the bag.
        contents: of the black box.
        at_ns: returns the bag time of an arrival.

    Raises:
        BagError: the disk does not take it; what was written stays in ``.part``.
    """
    with begin() as writer:
        for each in contents:
            writer.write(each.topic, each.data, at_ns(each.arrived_s))
    return writer.path
