"""Restart policy of rollout workers: replace those that worked, not those that cannot start."""

from __future__ import annotations

from der_ros.training.engine.interface import WorkerFailed

MOST_DEATHS_IN_A_ROW = 3


class Restarts:
    """Counter of deaths per worker index since its last message."""

    def __init__(self, workers: int) -> None:
        """Start without deaths.

        Args:
            workers: Number of workers.
        """
        self._deaths = [0] * workers

    def heard_from(self, worker: int) -> None:
        """Reset the count of a worker that has sent a message."""
        self._deaths[worker] = 0

    def died(self, worker: int, reason: str) -> WorkerFailed | None:
        """Count a death.

        Args:
            worker: Index of the worker.
            reason: Description of its end.

        Returns:
            The failure that ends the run, if ``MOST_DEATHS_IN_A_ROW`` processes of this worker in a
            row have died before they sent anything; None if another one may start.
        """
        self._deaths[worker] += 1
        if self._deaths[worker] < MOST_DEATHS_IN_A_ROW:
            return None
        return WorkerFailed(
            worker,
            f"the worker's processes fail: {self._deaths[worker]} in a row ended before they sent "
            f"anything, the last with {reason}; check their output and the free memory, then "
            "resume the run",
        )
