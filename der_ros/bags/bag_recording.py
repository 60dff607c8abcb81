"""One bag that is being recorded: taking goes on while the disk blocks, and losses are counted."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

from der_ros.bags.recorder import BagWriter
from der_ros.errors import BagError
from der_ros.threads import JobThread

SAVE_S = 0.5
"""Longest loss of a recorder that is killed, s."""
# What a message occupies in memory beside its own bytes, about.
_OVERHEAD_BYTES = 250
_STREAMS = 32


class _Entry(NamedTuple):
    topic: str
    data: bytes
    stamp_ns: int

    @property
    def size(self) -> int:
        return len(self.data) + _OVERHEAD_BYTES


class BagRecording:
    """Recording that accepts messages at once and writes them in the disk's thread.

    Args:
        writer: open; it is the disk thread's from now on.
        disk: runs what may block.
        buffer_bytes: what may wait for the disk; a message beyond it is lost, and counted.

    Attributes:
        failure: why the bag ends incomplete; empty while it does not.
    """

    def __init__(self, writer: BagWriter, disk: JobThread, buffer_bytes: int) -> None:
        self.failure = ""
        self._writer, self._disk, self._buffer_bytes = writer, disk, buffer_bytes
        self._lock = threading.Lock()
        self._waiting: list[_Entry] = []
        self._waiting_bytes = 0
        self._lost: Counter[str] = Counter()
        self._job: Future[None] | None = None
        self._saved_s = time.monotonic()

    @property
    def path(self) -> Path:
        """The bag's folder, once complete."""
        return self._writer.path

    @property
    def messages(self) -> int:
        """Number of messages written so far."""
        return self._writer.messages

    @property
    def waiting_bytes(self) -> int:
        """Memory of what waits for the disk, bytes."""
        return self._waiting_bytes

    @property
    def lost(self) -> dict[str, int]:
        """Messages that did not come into the bag, by topic."""
        with self._lock:
            return dict(self._lost)

    def offer(self, topic: str, data: bytes, stamp_ns: int) -> None:
        """Take one serialized message, or count it as lost where the buffer is full."""
        entry = _Entry(topic, data, stamp_ns)
        with self._lock:
            if self.failure or self._waiting_bytes + entry.size > self._buffer_bytes:
                self._lost[topic] += 1
                return
            self._waiting.append(entry)
            self._waiting_bytes += entry.size

    def lose(self, topic: str, count: int) -> None:
        """Count messages that were lost before they could be taken."""
        if count:
            with self._lock:
                self._lost[topic] += count

    def flush(self) -> None:
        """Have what waits written, and twice a second brought into the file; never blocks."""
        if not self.failure and (self._job is None or self._job.done()):
            self._job = self._disk.submit(self._drain)

    def finish(self) -> Future[Path]:
        """Have the bag completed.

        Returns:
            The bag's folder, or a BagError.
        """
        return self._disk.submit(self._finish)

    def _drain(self) -> None:
        """Write all waiting messages; runs in the disk's thread."""
        with self._lock:
            batch, self._waiting = self._waiting, []
        try:
            for entry in batch:
                self._writer.write(*entry)
            if time.monotonic() - self._saved_s >= SAVE_S:
                self._writer.save()
                self._saved_s = time.monotonic()
        except BagError as error:
            self._fail(str(error))
        finally:
            with self._lock:
                self._waiting_bytes -= sum(entry.size for entry in batch)

    def _finish(self) -> Path:
        """Close the writer; runs in the disk's thread."""
        self._drain()
        if self.failure:
            raise BagError(self.failure)
        self._writer.lost = self.lost
        try:
            return self._writer.close()
        except BagError as error:
            self._fail(str(error))
            raise

    def _fail(self, reason: str) -> None:
        self._writer.abort()
        with self._lock:
            self.failure = reason


class SequenceGaps:
    """Counts a topic's missing messages by the numbers that each publisher gives its own.

    Args:
        publishers: how many there are now.
    """

    def __init__(self, publishers: Callable[[], int]) -> None:
        self._publishers = publishers
        self._newest: list[int] = []

    def missed(self, number: int) -> int:
        """Return how many are missing before this message.

        Args:
            number: from 1 on, of a publisher that is not named; 0 where the middleware gives none.
        """
        if number <= 0:
            return 0
        before = max((n for n in self._newest if n < number), default=0)
        is_next = before == number - 1 and before > 0
        if not before or (not is_next and len(self._newest) < self._publishers()):
            # The first message of a publisher: of those before nobody can know.
            self._newest = [*self._newest, number][-_STREAMS:]
            return 0
        self._newest[self._newest.index(before)] = number
        return number - before - 1
