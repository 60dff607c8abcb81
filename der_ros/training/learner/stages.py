"""How fast each stage of training is while it is at work, to see which one holds up the others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from der_ros.training.engine.messages import Report

_LEARNER_STAGES = ("receive", "sample", "update")


class Stages:
    """Seconds and counts since the last ``metrics``."""

    def __init__(self) -> None:
        self._start_over()

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Counts what is inside as one piece of ``stage``: receive, sample or update."""
        started = time.perf_counter()
        yield
        self._seconds[stage] += time.perf_counter() - started
        self._counts[stage] += 1

    def acted(self, report: Report) -> None:
        """A worker took steps."""
        self._acting_s += report.acting_s
        self._steps += report.env_steps

    def metrics(self) -> dict[str, float]:
        """Rates while at work, and the learner's share of the time for each; starts over."""
        passed = max(1e-9, time.perf_counter() - self._since)
        result = {f"time/{name}_share": s / passed for name, s in self._seconds.items()}
        for name in ("sample", "update"):
            if self._counts[name]:
                result[f"time/{name}_batches_per_s"] = self._counts[name] / self._seconds[name]
        if self._acting_s:
            result["time/rollout_steps_per_s"] = self._steps / self._acting_s
        self._start_over()
        return result

    def _start_over(self) -> None:
        self._since = time.perf_counter()
        self._seconds = dict.fromkeys(_LEARNER_STAGES, 0.0)
        self._counts = dict.fromkeys(_LEARNER_STAGES, 0)
        self._acting_s, self._steps = 0.0, 0
