"""Log of errors that may repeat in every cycle of a real-time thread."""

from __future__ import annotations

import logging
import time

LOG_EVERY_S = 10.0
"""Shortest time between two log messages about the same error, s."""


class RepeatedErrors:
    """Log of one kind of error, which is written at once and then at most every 10 s.

    Args:
        logger: Logger that gets the messages.
        what: Beginning of each message, such as ``arm: a cycle failed``.
        traceback: Log an error with its traceback; False logs a warning of one line.

    Attributes:
        count: Number of errors so far.
    """

    def __init__(self, logger: logging.Logger, what: str, *, traceback: bool = True) -> None:
        self._logger, self._what, self._traceback = logger, what, traceback
        self._logged_s = float("-inf")
        self.count = 0

    def note(self, error: Exception) -> None:
        """Count an error, and log it unless one was logged within the last 10 s."""
        self.count += 1
        now_s = time.monotonic()
        if now_s - self._logged_s < LOG_EVERY_S:
            return
        self._logged_s = now_s
        level = logging.ERROR if self._traceback else logging.WARNING
        times = f" ({self.count} times so far)" if self.count > 1 else ""
        traced = error if self._traceback else None
        self._logger.log(level, "%s%s: %s", self._what, times, error, exc_info=traced)
