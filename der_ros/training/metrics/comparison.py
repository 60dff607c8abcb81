"""Learning curves of several runs in one plot, averaged over runs that differ only in the seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from der_ros.documents import read_yaml
from der_ros.errors import ConfigurationError
from der_ros.training.metrics.log import read_metrics
from der_ros.training.metrics.plot_file import new_figure, save_figure

ABSCISSAE = {
    "steps": ("time/env_steps", 1.0, "environment steps"),
    "minutes": ("time/elapsed_s", 1.0 / 60.0, "minutes"),
}
"""Abscissae of a curve by name: metric, factor from its unit to the plotted one, label."""

_POINTS = 200
# Settings that do not distinguish experiments.
_NOT_COMPARED = ("seed", "max_minutes", "max_env_steps", "run_dir", "resume")
_ENVIRONMENT = ("task", "env")
_SHORT_LABEL = 40  # characters; two labels of this length fit side by side
_MOST_SETTINGS = 4  # that a label lists individually
# Student's t, two-sided 95 %, for 1, 2, … degrees of freedom; beyond, its expansion.
_T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
_Z_95 = 1.959964

Array = NDArray[np.float64]


class Run(NamedTuple):
    """One run folder.

    Attributes:
        name: Name of the folder.
        config: Content of ``config.yaml``.
        x: Abscissa values, (n,), ascending.
        y: Values of the metric, (n,).
    """

    name: str
    config: Mapping[str, Any]
    x: Array
    y: Array

    @property
    def environment(self) -> str:
        """Name of the Gymnasium environment, else of the task."""
        return str(self.config.get("env") or self.config.get("task", self.name))


class Curve(NamedTuple):
    """Mean curve of the runs of one configuration.

    Attributes:
        label: Settings that distinguish this curve from the others.
        runs: Number of runs.
        x: Abscissa values, (m,).
        mean: Mean of the metric over the runs, (m,).
        low: Lower end of the mean's 95 % interval, (m,); the mean for a single run.
        high: Upper end of the mean's 95 % interval, (m,); the mean for a single run.
    """

    label: str
    runs: int
    x: Array
    mean: Array
    low: Array
    high: Array


def read_run(run_dir: Path, metric: str, abscissa: str) -> Run:
    """Read one metric of a run folder.

    Args:
        run_dir: Run folder with ``config.yaml`` and ``metrics.jsonl``.
        metric: Name of the metric in ``metrics.jsonl``.
        abscissa: One of ``ABSCISSAE``.

    Raises:
        ConfigurationError: ``run_dir`` is not a run folder or lacks the metric; the message lists
            the known ones.
    """
    try:
        config = read_yaml(run_dir / "config.yaml")
        lines = read_metrics(run_dir / "metrics.jsonl")
        if not all(isinstance(record, dict) for record in (config, *lines)):
            raise ValueError("expected names and values in both")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{run_dir}: expected a run folder with config.yaml and metrics.jsonl: {error}"
        ) from error
    x_metric, factor, _ = ABSCISSAE[abscissa]
    points = [
        (factor * line[x_metric], line[metric])
        for line in lines
        if metric in line and x_metric in line
    ]
    if not points:
        there = sorted({name for line in lines for name in line})
        raise ConfigurationError(
            f"{run_dir}: expected the metric {metric}, it has {', '.join(there) or 'none'}"
        )
    x, y = np.array(points, dtype=np.float64).T
    return Run(run_dir.resolve().name, config, x, y)


def group_runs(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Group runs by the settings in which they differ, in the order given.

    A label has the environment, if there are several, and the settings in which the runs of one
    environment differ. If these are too many, it has the name of the first run instead.
    """
    groups: dict[str, list[Run]] = {}
    environments = tuple(dict.fromkeys(run.environment for run in runs))
    for environment in environments:
        candidates = [run for run in runs if run.environment == environment]
        names = _differing(candidates)
        alike: dict[str, list[Run]] = {}
        for run in candidates:
            settings = ", ".join(f"{name}={run.config.get(name)}" for name in names)
            alike.setdefault(settings, []).append(run)
        for settings, group in alike.items():
            where = [environment] if len(environments) > 1 or not settings else []
            label = ", ".join([*where, group[0].name])
            if len(names) <= _MOST_SETTINGS or label in groups:
                label = ", ".join([*where, settings] if settings else where)
            groups[label] = group
    return groups


def _differing(runs: Sequence[Run]) -> list[str]:
    """Return the settings in which runs of one environment differ."""
    names = {name for run in runs for name in run.config} - {*_NOT_COMPARED, *_ENVIRONMENT}
    first = runs[0].config
    return sorted(
        name for name in names if any(r.config.get(name) != first.get(name) for r in runs)
    )


def mean_curve(label: str, runs: Sequence[Run]) -> Curve:
    """Return mean and 95 % interval over the runs, on the range that all runs cover.

    Raises:
        ConfigurationError: The runs have no common range.
    """
    start, end = max(run.x[0] for run in runs), min(run.x[-1] for run in runs)
    if end < start:
        raise ConfigurationError(
            f"{label}: expected runs that overlap, one begins at {start:g} after another ended "
            f"at {end:g}"
        )
    x = np.linspace(start, end, _POINTS)
    mean, half = mean_band(np.array([np.interp(x, run.x, run.y) for run in runs]))
    return Curve(label, len(runs), x, mean, mean - half, mean + half)


def mean_band(values: Array) -> tuple[Array, Array]:
    """Return the mean over runs and half the width of its 95 % band.

    Args:
        values: Values of each run, shape (runs, bins).

    Returns:
        Mean and half width, shape (bins,) each; a single run has a half width of 0.
    """
    runs = len(values)
    mean = values.mean(axis=0)
    if runs < 2:
        return mean, np.zeros_like(mean)
    return mean, t_95(runs - 1) * values.std(axis=0, ddof=1) / math.sqrt(runs)


def t_95(degrees_of_freedom: int) -> float:
    """Return the two-sided 95 % quantile of Student's t, for 1 degree of freedom or more."""
    if degrees_of_freedom <= len(_T_95):
        return _T_95[degrees_of_freedom - 1]
    return _Z_95 + (_Z_95**3 + _Z_95) / (4.0 * degrees_of_freedom)


def draw_curves(
    curves: Sequence[Curve], metric: str, abscissa: str, path: Path, title: str = ""
) -> None:
    """Draw the curves and write the plot.

    Args:
        curves: Curves to draw, at least one.
        metric: Name of the metric; a rate is drawn in percent.
        abscissa: Abscissa, one of ``ABSCISSAE``.
        path: Path of the image, .png.
        title: Title above the plot.

    Raises:
        ConfigurationError: The image cannot be written.
    """
    is_rate = metric.endswith("_rate")
    scale = 100.0 if is_rate else 1.0
    figure = new_figure(8.0, 4.5)
    axes = figure.add_subplot()
    for curve in curves:
        count = f" ({curve.runs} runs)" if curve.runs > 1 else ""
        style = "-" if curve.x[-1] > curve.x[0] else "o"
        (line,) = axes.plot(curve.x, scale * curve.mean, style, label=curve.label + count)
        if curve.runs > 1:
            low, high = scale * curve.low, scale * curve.high
            axes.fill_between(curve.x, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    ylabel = f"{metric} (%)" if is_rate else metric
    axes.set(xlabel=ABSCISSAE[abscissa][2], ylabel=ylabel, xlim=(0, None), title=title)
    if is_rate:
        axes.set_ylim(-3, 103)
    axes.grid(alpha=0.3)
    several = any(curve.runs > 1 for curve in curves)
    figure.legend(
        loc="outside lower center",
        ncols=2 if max(len(curve.label) for curve in curves) <= _SHORT_LABEL else 1,
        title="mean and its 95 % interval over runs" if several else None,
    )
    save_figure(figure, path, dpi=120)
