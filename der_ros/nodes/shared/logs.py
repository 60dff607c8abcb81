"""Python's log records as a node's log: on the console, in the log file and on ``/rosout``.

Drivers, bags and policies import no ROS and log with Python's ``logging``. While a node runs, all
records go through the node's logger. A thread that logs only puts the record into a queue: a slow
terminal or a full disk delays no answer to a robot.
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
"""Format of a record that is logged before there is a node."""
_WAITING_RECORDS = 1000
_ENDING_S = 1.0


def log_to_console() -> None:
    """Send log records to standard error until there is a node."""
    logging.basicConfig(level=logging.INFO, format=CONSOLE_FORMAT)


@contextmanager
def logged_by(node: Any) -> Iterator[None]:
    """Send the log records of all modules through the logger of ``node`` while inside."""
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
    """Queues a record, or drops it if the queue is full: no thread waits for a log."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Drop the record: the queue is full."""


class _Listener(logging.handlers.QueueListener):
    """Takes records from the queue in a thread; one that hangs does not keep the process alive."""

    _thread: threading.Thread | None

    def stop(self) -> None:
        """Handle the queued records, within a deadline, and end the thread."""
        thread, self._thread = self._thread, None
        with suppress(queue.Full):
            self.queue.put(self._sentinel, timeout=_ENDING_S)  # type: ignore[attr-defined]
        if thread is not None:
            thread.join(timeout=_ENDING_S)


class _NodeHandler(logging.Handler):
    """Hand each record to a node's logger, with its severity."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self._logger = node.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record; after the end of the ROS context it is dropped without an error."""
        try:
            self._log(record.levelno, self.format(record))
        except Exception:
            self.handleError(record)

    def _log(self, level: int, text: str) -> None:
        # rclpy allows one severity for each line that logs.
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
