"""Routing of Python's ``logging`` to a node's logger: console, log file and ``/rosout``.

Drivers, bags and policies import no ROS and use Python's ``logging``. While a node runs, all
records go through its logger. A logging thread only puts the record into a queue, so a slow
terminal or a full disk never delays an answer to the robot.
"""

from __future__ import annotations

import logging
import logging.handlers
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

CONSOLE_FORMAT = "[%(levelname)s] [%(name)s]: %(message)s"
"""Format of records that are logged before the node exists."""
_WAITING_RECORDS = 1000
_ENDING_S = 1.0


def log_to_console() -> None:
    """Send log records to standard error until the node exists."""
    logging.basicConfig(level=logging.INFO, format=CONSOLE_FORMAT)


@contextmanager
def logged_by(node: Any) -> Iterator[None]:
    """Send the log records of all modules through the logger of ``node`` inside the context."""
    root = logging.getLogger()
    before = root.handlers[:]
    records: queue.Queue[logging.LogRecord] = queue.Queue(_WAITING_RECORDS)
    listener = _Listener(records, _NodeHandler(node))
    root.handlers[:] = [_DroppingQueueHandler(records)]
    listener.start()
    try:
        yield
    finally:
        root.handlers[:] = before
        listener.stop()


class _DroppingQueueHandler(logging.handlers.QueueHandler):
    """Log handler that queues a record, or drops it if the queue is full, and never blocks."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Drop the record, because the queue is full."""


class _Listener(logging.handlers.QueueListener):
    """Queue listener whose ``stop`` has a deadline, so a blocked handler cannot stall the exit."""

    _thread: threading.Thread | None

    def stop(self) -> None:
        """Handle the queued records within a deadline and stop the thread."""
        thread, self._thread = self._thread, None
        with suppress(queue.Full):
            self.queue.put(self._sentinel, timeout=_ENDING_S)  # type: ignore[attr-defined]
        if thread is not None:
            thread.join(timeout=_ENDING_S)


class _NodeHandler(logging.Handler):
    """Log handler that passes each record to a node's logger with its severity."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self._logger = node.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record; pass any exception to ``handleError``."""
        try:
            self._log(record.levelno, self.format(record))
        except Exception:
            self.handleError(record)

    def _log(self, level: int, text: str) -> None:
        # rclpy allows only one severity per calling line of code.
        if level >= logging.CRITICAL:
            self._logger.fatal(text)
        elif level >= logging.ERROR:
            self._logger.error(text)
        elif level >= logging.WARNING:
            self._logger.warning(text)
        elif level >= logging.INFO:
            self._logger.info(text)
        else:
            self._logger.debug(text)
