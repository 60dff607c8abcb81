"""Results and progress of ``evaluate``, as text or JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from der_ros.training.evaluation.episodes import EvaluationReport, median, wilson_interval

_EPISODES_BETWEEN_LINES = 50


class Contestant(NamedTuple):
    """Policy or controller to evaluate.

    Attributes:
        controller: ``policy``, ``oracle`` or ``blind``.
        policy: Path of the policy file; None for a scripted controller.
        policy_sha256: SHA-256 of the policy file; None for a scripted controller.
    """

    controller: str
    policy: str | None = None
    policy_sha256: str | None = None

    @property
    def label(self) -> str:
        """Short name for messages and videos."""
        return self.controller if self.policy is None else f"policy {Path(self.policy).stem}"


class Evaluation(NamedTuple):
    """Evaluation result of one contestant."""

    task: str
    robot: str
    controller: str
    policy: str | None
    policy_sha256: str | None
    complete: bool  # True if all requested episodes ended
    episodes: int
    successes: int
    success_rate: float
    success_interval: tuple[float, float]  # 95 % Wilson score interval
    median_duration_s: float | None  # successful episodes only; None without one
    peak_force_n: float  # maximum over all episodes
    p99_peak_force_n: float  # 99 % of the episodes' peaks are at most this
    median_peak_force_n: float | None  # median of the peaks of the episodes
    mean_return: float


def summarise(
    report: EvaluationReport,
    task: str,
    robot: str,
    contestant: Contestant,
    asked: int,
) -> Evaluation:
    """Return the evaluation result for a report of at least one episode.

    Args:
        report: Report of the finished episodes.
        task: Name of the task.
        robot: Name of the robot.
        contestant: Policy or controller that acted.
        asked: Number of requested episodes.
    """
    successes = sum(report.success)
    durations = [
        duration_s
        for duration_s, success in zip(report.duration_s, report.success, strict=True)
        if success
    ]
    return Evaluation(
        task,
        robot,
        *contestant,
        report.episodes == asked,
        report.episodes,
        successes,
        report.success_rate,
        wilson_interval(successes, report.episodes),
        median(durations),
        max(report.peak_force_n),
        float(np.percentile(report.peak_force_n, 99)),
        median(report.peak_force_n),
        report.mean_return,
    )


def show(result: Evaluation, as_json: bool) -> None:
    """Print the result as text or as one JSON object."""
    if as_json:
        print(json.dumps(result._asdict()))
        return
    low, high = result.success_interval
    if not result.complete:
        print("incomplete: interrupted after")
    print(
        f"{result.task} ({result.robot}): {result.successes} of {result.episodes} succeeded, "
        f"{result.success_rate:.1%} (95 % interval {low:.1%} to {high:.1%})"
    )
    if result.median_duration_s is not None:
        print(f"median duration of a success: {result.median_duration_s:.2f} s")
    print(
        f"peak force: {result.peak_force_n:.0f} N (median {result.median_peak_force_n:.0f} N, "
        f"99 % of the episodes below {result.p99_peak_force_n:.0f} N)"
    )


class EpisodeProgress:
    """Progress of an evaluation on standard error: a bar on a terminal, else occasional lines.

    Args:
        total: Total number of episodes.
        filmed: Number of filmed episodes at the start; they are slow, so each prints a line.
    """

    def __init__(self, total: int, filmed: int = 0) -> None:
        self._total, self._filmed = total, filmed
        self._bar = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(self._text(0, 0), total=total)

    def __enter__(self) -> EpisodeProgress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, report: EvaluationReport) -> None:
        """Update the bar, or print a line, with the results so far."""
        done = report.episodes
        text = self._text(done, sum(report.success))
        self._bar.update(self._task, completed=done, description=text)
        if self._bar.disable and (done <= self._filmed or done % _EPISODES_BETWEEN_LINES == 0):
            print(f"{done} of {self._total} episodes, {text}", file=sys.stderr, flush=True)

    def _text(self, done: int, successes: int) -> str:
        return f"{successes} succeeded" + (", filming" if done < self._filmed else "")
