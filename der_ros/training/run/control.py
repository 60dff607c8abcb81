"""What other threads, and signal handlers, may ask of a run."""

from __future__ import annotations

import threading


class RunControl:
    """Stop, pause, and requests that the run's own thread serves between two turns."""

    def __init__(self) -> None:
        """Running, nothing wanted."""
        self._stop = threading.Event()
        self._paused = threading.Event()
        self._checkpoint_wanted = threading.Event()
        self._export_wanted = threading.Event()
        self._at_work = False  # on a request that is no longer wanted but not done either
        self._done = threading.Condition()

    def stop(self) -> None:
        """Ends the run soon: checkpoint, export, and out."""
        self._stop.set()

    def pause(self) -> None:
        """Holds learning; workers wait for the learner. Time in pauses is not counted."""
        self._paused.set()

    def resume(self) -> None:
        """Goes on after ``pause``."""
        self._paused.clear()

    @property
    def paused(self) -> bool:
        """Whether it is held."""
        return self._paused.is_set()

    def request_checkpoint(self) -> None:
        """Writes a checkpoint at the next opportunity."""
        self._checkpoint_wanted.set()

    def request_export(self) -> None:
        """Exports the policy at the next opportunity."""
        self._export_wanted.set()

    def wait_for_requests(self, timeout_s: float) -> bool:
        """Waits until what was requested has been done; False if that took too long."""
        with self._done:
            return self._done.wait_for(self._nothing_wanted, timeout_s)

    def _nothing_wanted(self) -> bool:
        wanted = self._checkpoint_wanted.is_set() or self._export_wanted.is_set()
        return not (wanted or self._at_work)

    def _set_at_work(self, at_work: bool) -> None:
        with self._done:
            self._at_work = at_work
            self._done.notify_all()
