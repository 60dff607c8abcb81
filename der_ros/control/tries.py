"""Tries of an attempt: outcomes that are retried, and the start offset of a retry."""

from __future__ import annotations

import math
from dataclasses import dataclass

from der_ros.geometry import Pose
from der_ros.policy.attempt import AttemptResult, Outcome
from der_ros.tasks import Task

TRIED_AGAIN = (Outcome.JAMMED, Outcome.MISSED, Outcome.TIMEOUT)
"""Outcomes that are retried from another start; not faults, stops or stalls."""
LEAST_OFFSET_M = 0.002


@dataclass(frozen=True)
class Try:
    """One try of an attempt and its start offset.

    Attributes:
        attempt: Number of the attempt, from 1.
        retry: Number of the retry; 0 for the first try.
        offset_m: Offset of the start pose from the task's along x and y, task axes, m.
    """

    attempt: int
    retry: int = 0
    offset_m: tuple[float, float] = (0.0, 0.0)

    def __str__(self) -> str:
        """Return the name of the try in logs."""
        return f"attempt {self.attempt}" + (f", retry {self.retry}" if self.retry else "")

    def following(self, outcome: Outcome, ended: Pose, task: Task, retries: int) -> Try | None:
        """Return the next try of the same attempt, or None.

        Its start is offset, by the range of the ground piece, to the side opposite to the end of
        this try, so that the piece meets the rim at another point.

        Args:
            outcome: Outcome of this try.
            ended: Pose of the held piece at the verdict, task frame.
            task: Task to assemble.
            retries: Maximum number of retries per attempt.
        """
        if outcome not in TRIED_AGAIN or self.retry >= retries:
            return None
        x, y = (float(value) for value in ended.position[:2])
        length, reach_m = math.hypot(x, y), max(LEAST_OFFSET_M, task.ground_reach_m)
        aside = (-x / length, -y / length) if length > 1e-6 else (1.0, 0.0)
        offset_m = (reach_m * aside[0], reach_m * aside[1])
        return Try(self.attempt, self.retry + 1, offset_m)


def summary(results: list[AttemptResult]) -> str:
    """Return the summary line of a run: attempts, successes and successes after a retry."""
    last = {result.attempt: result for result in results}
    done = [result for result in last.values() if result.outcome is Outcome.SUCCESS]
    line = f"{len(done)} of {len(last)} attempts succeeded"
    retries = sum(result.retry > 0 for result in results)
    if not retries:
        return line
    late = sum(result.retry > 0 for result in done)
    tries = "1 retry" if retries == 1 else f"{retries} retries"
    return f"{line}, {late} of them by a retry ({tries})"
