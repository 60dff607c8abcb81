"""The last seconds of all recorded topics in bounded memory, written as a bag on request."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from der_ros.bags.recorder import BagWriter

REASON = "snapshot_reason"
"""Custom data key for the reason of a snapshot."""
# Approximate memory overhead of a message, beside its own bytes.
_OVERHEAD_BYTES = 250


class Kept(NamedTuple):
    """One message in the black box.

    Attributes:
        arrived_s: Arrival time by ``time.monotonic``, s.
        topic: Full name of the topic.
        data: Serialized message (CDR).
    """

    arrived_s: float
    topic: str
    data: bytes


class BlackBox:
    """Ring buffer of the newest messages, limited in time and memory.

    Args:
        span_s: Age at which a message is dropped, s; 0 keeps none.
        most_bytes: Memory for all messages; beyond it the oldest are dropped.
        latched: Topics whose last dropped message is still part of each snapshot.
    """

    def __init__(self, span_s: float, most_bytes: int, latched: Iterable[str] = ()) -> None:
        self._span_s, self._most_bytes = span_s, most_bytes
        self._latched = frozenset(latched)
        self._kept: deque[Kept] = deque()
        self._before: dict[str, bytes] = {}
        self.size_bytes = 0

    def add(self, batch: Iterable[Kept]) -> None:
        """Add messages in order of arrival, then drop those beyond the limits."""
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
        """Return the last dropped latched messages, then all kept messages, oldest first."""
        kept = list(self._kept)
        begin_s = kept[0].arrived_s if kept else 0.0
        return [Kept(begin_s, *entry) for entry in self._before.items()] + kept if kept else []


def write_snapshot(
    begin: Callable[[], BagWriter], contents: Iterable[Kept], at_ns: Callable[[float], int]
) -> Path:
    """Write the messages as a bag and return its folder.

    Args:
        begin: Opens the bag.
        contents: Contents of the black box.
        at_ns: Converts an arrival time, s, to bag time, ns since the epoch.

    Raises:
        BagError: The disk is full or failing; the messages written so far stay in ``.part``.
    """
    with begin() as writer:
        for each in contents:
            writer.write(each.topic, each.data, at_ns(each.arrived_s))
    return writer.path
