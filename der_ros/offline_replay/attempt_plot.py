"""One picture of an attempt: force, pose, twist and verdict over time."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array
from der_ros.offline_replay.attempt_replay import AttemptReplay, ReplayTick
from der_ros.offline_replay.recorded_stream import Cycle

_MOST_POINTS = 20_000


class AttemptPlot:
    """Collects the cycles of a replay, thinned out where there are many, and draws them."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, ...]] = []
        self._every = self._count = 0
        self._force_n = 0.0

    def add(
        self, cycle: Cycle, force_n: float, rebuilt: ReplayTick, changed: ReplayTick | None
    ) -> None:
        """Take one cycle; ``force_n`` is the newest force."""
        self._count += 1
        self._force_n = max(self._force_n, force_n)
        if self._count <= self._every:
            return
        self._count = 0
        other = _speed(changed.applied) if changed is not None else math.nan
        position = cycle.pose.numbers.values[:3]
        self._rows.append(
            (
                rebuilt.time_s,
                self._force_n,
                _speed(cycle.applied),
                _speed(rebuilt.applied),
                other,
                *position,
            )
        )
        self._force_n = 0.0
        if len(self._rows) > _MOST_POINTS:
            self._rows = self._rows[::2]
            self._every = 2 * self._every + 1

    def draw(self, path: Path, title: str, replay: AttemptReplay) -> None:
        """Write the picture.

        Raises:
            ConfigurationError: matplotlib is not installed, or the file cannot be written.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ConfigurationError("--plot: expected matplotlib, it is not installed") from error
        figure = Figure(figsize=(9.0, 7.5), layout="constrained")
        axes = figure.subplots(3, 1, sharex=True)
        rows = np.array(self._rows).reshape(-1, 8)
        self._draw_rows(axes, rows, replay)
        figure.suptitle(title)
        try:
            figure.savefig(path, dpi=100)
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"--plot: cannot write {path} ({error})") from error

    def _draw_rows(self, axes: Array, rows: Array, replay: AttemptReplay) -> None:
        time_s, limits = rows[:, 0], replay.setup.limits
        force, place, speed = axes
        force.plot(time_s, rows[:, 1], color="tab:red", label="force")
        force.axhline(limits.soft_force_n, color="tab:orange", ls="--", label="soft limit")
        force.set_ylabel("force (N)")
        held = (rows[:, 5:] - replay.setup.base_from_task.position) @ _rotation(replay)
        for axis, name in enumerate("xyz"):
            place.plot(time_s, 1e3 * held[:, axis], label=name)
        place.set_ylabel("piece in task frame (mm)")
        speed.plot(time_s, 1e3 * rows[:, 2], color="black", lw=2.5, alpha=0.4, label="recorded")
        speed.plot(time_s, 1e3 * rows[:, 3], color="tab:blue", lw=1.0, label="rebuilt")
        if replay.changed_side is not None:
            speed.plot(time_s, 1e3 * rows[:, 4], color="tab:green", lw=1.0, label="what if")
        speed.set_ylabel("applied speed (mm/s)")
        speed.set_xlabel("time (s)")
        self._mark_verdicts(axes, replay)
        for each in axes:
            each.grid(alpha=0.3)
            each.legend(loc="upper left", fontsize="small")

    def _mark_verdicts(self, axes: Array, replay: AttemptReplay) -> None:
        marks = [("rebuilt", replay.recorded_side.verdict, "tab:blue")]
        if replay.changed_side is not None:
            marks.append(("what if", replay.changed_side.verdict, "tab:green"))
        for name, verdict, color in marks:
            if verdict.outcome is None:
                continue
            for each in axes:
                each.axvline(verdict.at_s, color=color, ls=":")
            label = f"{name}: {verdict.outcome.value} ({verdict.reason})"
            axes[0].plot([], [], color=color, ls=":", label=label)


def _speed(twist: tuple[float, ...]) -> float:
    return math.hypot(*twist[:3])


def _rotation(replay: AttemptReplay) -> Array:
    return replay.setup.base_from_task.rotation
