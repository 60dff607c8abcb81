"""Threads that stop within a timeout and report every failure."""

from __future__ import annotations

import logging
import queue
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import TypeVar

from der_ros.errors import described

Result = TypeVar("Result")
Started = TypeVar("Started", bound="Startable")
logger = logging.getLogger(__name__)


class Startable(ABC):
    """Base class of objects that start and stop a thread; also their context manager.

    A constructor does no I/O: `start` opens sockets and starts threads. `stop` may be called
    without `start`, and repeatedly.
    """

    @abstractmethod
    def start(self) -> None:
        """Open resources and start the thread."""

    @abstractmethod
    def stop(self) -> object:
        """Stop the thread and close resources."""

    def __enter__(self: Started) -> Started:
        """Start, and return this object."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, also after an exception."""
        self.stop()


class Worker(Startable):
    """Thread that runs a function until it is stopped.

    An exception in the function is a failure, and so is a return before the thread is stopped. A
    failure is stored in ``failure``, logged and passed to ``on_failure``.

    Args:
        name: Name of the thread, also used in messages.
        body: Function to run; it must return soon after ``stopping`` is set.
        on_failure: Called in the failed thread with the reason of a failure.
        finite: Accept the return of the function as a normal end.
        daemon: Let the process end while the thread runs.
        join_s: Timeout of ``stop``, s.

    Attributes:
        name: Name of the thread.
        stopping: Event that tells the function to return; wait on it instead of sleeping.
        failure: Reason of the failure; empty if there is none.
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
        """Start the thread, also again after ``stop``.

        Raises:
            RuntimeError: The previous thread still runs.
        """
        if self.alive:
            raise RuntimeError(f"the thread {self.name} still runs; stop it first")
        self.stopping.clear()
        self.failure = ""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=self._daemon)
        self._thread.start()

    def stop(self, join_s: float | None = None) -> bool:
        """Tell the function to return, and wait until the thread ends.

        Args:
            join_s: Timeout instead of the constructor's, s.

        Returns:
            True if the thread ended or was never started; False after the timeout, or if the
            thread stops itself, as it cannot wait for its own end.
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

    def _run(self) -> None:
        try:
            self._body()
        except BaseException as error:
            self._fail(described(error), error)
        else:
            if not self._finite and not self.stopping.is_set():
                self._fail("its function returned, expected it to run until stopped", None)

    def _fail(self, cause: str, error: BaseException | None) -> None:
        self.failure = f"the thread {self.name} has ended: {cause}"
        logger.error("%s", self.failure, exc_info=error)
        if self._on_failure is None:
            return
        try:
            self._on_failure(self.failure)
        except Exception:
            logger.exception("the failure of the thread %s was not handled", self.name)


class JobThread:
    """Thread that runs jobs one after another, for callers that wait with a timeout.

    A job may block forever, for example on an unreachable disk. The thread is a daemon, so a
    hanging job does not keep the process alive.

    Args:
        name: Name of the thread.
    """

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._worker = Worker(name, self._work)

    def submit(self, job: Callable[[], Result]) -> Future[Result]:
        """Queue ``job`` and return the future of its result or exception."""
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


def call_on_signals(numbers: Iterable[int], action: Callable[[int], object]) -> None:
    """Call ``action`` with its number for each received signal of ``numbers``, in one thread.

    A signal handler may interrupt the main thread while it holds a lock that ``action`` needs, and
    deadlock. This handler takes no lock.
    """
    came: queue.SimpleQueue[int] = queue.SimpleQueue()

    def work() -> None:
        while True:
            action(came.get())

    Worker("signals", work).start()
    for number in numbers:
        signal.signal(number, lambda number, _frame: came.put(number))
