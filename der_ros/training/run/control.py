"""Requests to a run from other threads and signal handlers."""

from __future__ import annotations

import threading


class RunControl:
    """Thread-safe stop, pause and requests, served by the run's thread between two turns."""

    def __init__(self) -> None:
        """Start without any pending request."""
        self._stop = threading.Event()
        self._paused = threading.Event()
        self._checkpoint_wanted = threading.Event()
        self._export_wanted = threading.Event()
        self._at_work = False  # a request has been started but is not finished
        self._done = threading.Condition()

    def stop(self) -> None:
        """End the run soon, with a checkpoint and an export."""
        self._stop.set()

    def pause(self) -> None:
        """Pause learning; the workers wait, and the elapsed time stands still."""
        self._paused.set()

    def resume(self) -> None:
        """Continue the run after ``pause``."""
        self._paused.clear()

    @property
    def paused(self) -> bool:
        """True while the run is paused."""
        return self._paused.is_set()

    def request_checkpoint(self) -> None:
        """Request a checkpoint between two turns."""
        self._checkpoint_wanted.set()

    def request_export(self) -> None:
        """Request an export of the policy between two turns."""
        self._export_wanted.set()

    def wait_for_requests(self, timeout_s: float) -> bool:
        """Wait until all requests are done; return False after ``timeout_s``."""
        with self._done:
            return self._done.wait_for(self._nothing_wanted, timeout_s)

    def _nothing_wanted(self) -> bool:
        wanted = self._checkpoint_wanted.is_set() or self._export_wanted.is_set()
        return not (wanted or self._at_work)

    def _set_at_work(self, at_work: bool) -> None:
        with self._done:
            self._at_work = at_work
            self._done.notify_all()
