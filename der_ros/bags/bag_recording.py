"""A bag recording that buffers messages while the disk blocks, and counts those it loses."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

from der_ros.bags.pauses import PAUSED, Pause, pauses_to_text
from der_ros.bags.recorder import BagWriter
from der_ros.errors import BagError, described
from der_ros.threads import JobThread

SAVE_S = 0.4
"""Interval between saves, s, so that a killed recorder loses at most 0.5 s: a batch comes later."""
# Approximate memory overhead of a message, beside its own bytes.
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
    """Recording that accepts messages at once and writes them in a disk thread.

    Args:
        writer: Open writer; from now on only the disk thread uses it.
        disk: Thread for calls that may block.
        buffer_bytes: Memory for messages that wait for the disk; messages beyond it are lost.

    Attributes:
        failure: Reason why the bag stays incomplete; empty while recording works.
        pauses: Finished pauses, in order.
        paused_since_ns: Bag time at which the present pause began, ns since the epoch; None while
            recording.
    """

    def __init__(self, writer: BagWriter, disk: JobThread, buffer_bytes: int) -> None:
        self.failure = ""
        self.pauses: list[Pause] = []
        self.paused_since_ns: int | None = None
        self._writer, self._disk, self._buffer_bytes = writer, disk, buffer_bytes
        self._lock = threading.Lock()
        self._waiting: list[_Entry] = []
        self._waiting_bytes = 0
        self._lost: Counter[str] = Counter()
        self._job: Future[None] | None = None
        self._saved_s = time.monotonic()

    @property
    def path(self) -> Path:
        """Folder of the completed bag."""
        return self._writer.path

    @property
    def messages(self) -> int:
        """Number of messages written so far."""
        return self._writer.messages

    @property
    def waiting_bytes(self) -> int:
        """Memory of the messages that wait for the disk, bytes."""
        return self._waiting_bytes

    @property
    def lost(self) -> dict[str, int]:
        """Number of messages missing from the bag, by topic."""
        with self._lock:
            return dict(self._lost)

    def offer(self, topic: str, data: bytes, stamp_ns: int) -> None:
        """Queue one serialized message, or count it as lost if the buffer is full.

        During a pause the message is neither written nor counted.
        """
        if self.paused_since_ns is not None:
            return
        entry = _Entry(topic, data, stamp_ns)
        with self._lock:
            if self.failure or self._waiting_bytes + entry.size > self._buffer_bytes:
                self._lost[topic] += 1
                return
            self._waiting.append(entry)
            self._waiting_bytes += entry.size

    def lose(self, topic: str, count: int) -> None:
        """Count messages that were lost before they reached the recorder, except in a pause."""
        if count and self.paused_since_ns is None:
            with self._lock:
                self._lost[topic] += count

    def pause(self, now_ns: int) -> None:
        """Write no further message until ``resume``; without effect during a pause.

        Args:
            now_ns: Bag time, ns since the epoch.
        """
        if self.paused_since_ns is None:
            self.paused_since_ns = now_ns

    def resume(self, now_ns: int) -> bool:
        """End a pause; return False if there is none.

        Args:
            now_ns: Bag time, ns since the epoch.
        """
        if self.paused_since_ns is None:
            return False
        self.pauses.append(Pause(self.paused_since_ns, max(now_ns, self.paused_since_ns)))
        self.paused_since_ns = None
        return True

    def flush(self) -> None:
        """Queue a write of the waiting messages, saved every ``SAVE_S``; never blocks."""
        if not self.failure and (self._job is None or self._job.done()):
            self._job = self._disk.submit(self._drain)

    def finish(self) -> Future[Path]:
        """Queue the completion of the bag.

        Returns:
            Future of the bag's folder; it raises a BagError if the bag cannot be completed.
        """
        return self._disk.submit(self._finish)

    def _drain(self) -> None:
        """Write all waiting messages; runs in the disk thread."""
        with self._lock:
            batch, self._waiting = self._waiting, []
        try:
            for entry in batch:
                self._writer.write(*entry)
            if time.monotonic() - self._saved_s >= SAVE_S:
                self._writer.save()
                self._saved_s = time.monotonic()
        except Exception as error:
            self._fail(error)
        finally:
            with self._lock:
                self._waiting_bytes -= sum(entry.size for entry in batch)

    def _finish(self) -> Path:
        """Close the writer; runs in the disk thread."""
        self._drain()
        if self.failure:
            raise BagError(self.failure)
        self._writer.lost = self.lost
        if self.pauses:
            self._writer.custom[PAUSED] = pauses_to_text(self.pauses)
        try:
            return self._writer.close()
        except Exception as error:
            self._fail(error)
            raise BagError(self.failure) from error

    def _fail(self, error: Exception) -> None:
        """Abort the bag, whatever the error is: messages are missing from it."""
        self._writer.abort()
        expected = isinstance(error, BagError)
        reason = str(error) if expected else f"bag {self.path}: {described(error)}"
        with self._lock:
            self.failure = reason


class SequenceGaps:
    """Counts a topic's missing messages by the sequence numbers of its publishers.

    Args:
        publishers: Returns the current number of publishers of the topic.
    """

    def __init__(self, publishers: Callable[[], int]) -> None:
        self._publishers = publishers
        self._newest: list[int] = []

    def missed(self, number: int) -> int:
        """Return the number of messages missing before this one.

        Args:
            number: Publication sequence number, from 1, of an unknown publisher; 0 if the
                middleware provides none.
        """
        if number <= 0:
            return 0
        before = max((n for n in self._newest if n < number), default=0)
        is_next = before == number - 1 and before > 0
        if not before or (not is_next and len(self._newest) < self._publishers()):
            # First message seen of a publisher: earlier ones are unknown.
            self._newest = [*self._newest, number][-_STREAMS:]
            return 0
        self._newest[self._newest.index(before)] = number
        return number - before - 1
