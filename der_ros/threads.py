"""Threads that start, stop by a deadline, and never end unseen."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import TypeVar

Result = TypeVar("Result")
logger = logging.getLogger(__name__)


class Worker:
    """A thread around a body; a context manager that starts and stops it.

    An exception that ends the body, and a body that returns although nobody stopped it, are a
    failure: kept in ``failure``, logged and handed to ``on_failure``.

    Args:
        name: of the thread, in messages too.
        body: what the thread runs; it returns soon after ``stopping`` is set.
        on_failure: takes the reason of a failure, in the failed thread.
        finite: the body's return is its regular end, not a failure.
        daemon: the process may end without the thread's end.
        join_s: how long ``stop`` waits for the thread, s.

    Attributes:
        name: of the thread.
        stopping: set when the body shall return; wait on it instead of sleeping.
        failure: why the thread ended although nobody stopped it; empty while it has not.
    """

    def __init__(
        self,
        name: str,
        body: Callable[[], None],
        on_failure: Callable[[str], None] | None = None,
        *,
        finite: bool = False,
        daemon: bool = True,
        join_s: float = 2.0,
    ) -> None:
        self.name = name
        self.stopping = threading.Event()
        self.failure = ""
        self._body, self._on_failure = body, on_failure
        self._finite, self._daemon, self._join_s = finite, daemon, join_s
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """True while the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread; after ``stop`` it may be started again.

        Raises:
            RuntimeError: the thread of an earlier start still runs.
        """
        if self.alive:
            raise RuntimeError(f"the thread {self.name} still runs; stop it first")
        self.stopping.clear()
        self.failure = ""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=self._daemon)
        self._thread.start()

    def stop(self, join_s: float | None = None) -> bool:
        """Ask the body to return and wait for it; do nothing where nothing was started.

        Args:
            join_s: how long to wait instead of the time given to the constructor, s.

        Returns:
            Whether the thread has ended. A thread that stops itself is not waited for.
        """
        self.stopping.set()
        thread = self._thread
        if thread is None:
            return True
        if thread is threading.current_thread():
            return False
        wait_s = self._join_s if join_s is None else join_s
        thread.join(timeout=wait_s)
        if thread.is_alive():
            logger.warning("the thread %s did not end within %g s", self.name, wait_s)
        return not thread.is_alive()

    def __enter__(self) -> Worker:
        """Start the thread."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the thread."""
        self.stop()

    def _run(self) -> None:
        try:
            self._body()
        except BaseException as error:
            self._fail(f"{type(error).__name__}: {error}", error)
        else:
            if not self._finite and not self.stopping.is_set():
                self._fail("its body returned", None)

    def _fail(self, cause: str, error: BaseException | None) -> None:
        self.failure = f"the thread {self.name} has ended: {cause}"
        logger.error("%s", self.failure, exc_info=error)
        if self._on_failure is None:
            return
        try:
            self._on_failure(self.failure)
        except Exception:
            logger.exception("the failure of the thread %s was not handed on", self.name)


class JobThread:
    """Runs jobs one after the other in a thread of its own, for callers that wait only so long.

    For what may block for ever, as a disk does that is gone. The thread is a daemon: a job that
    hangs does not keep the process from ending.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._worker = Worker(name, self._work)

    def submit(self, job: Callable[[], Result]) -> Future[Result]:
        """Run ``job`` after those before it; its result or its exception is the future's."""
        future: Future[Result] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(job())
            except BaseException as error:
                future.set_exception(error)

        if not self._worker.alive:
            self._worker.start()
        self._jobs.put(run)
        return future

    def _work(self) -> None:
        while True:
            self._jobs.get()()
