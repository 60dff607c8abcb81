"""Counterparts of the paper's Fig. 4 and 5: success and return, one column per structure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from der_ros.training.metrics.comparison import mean_band
from der_ros.training.metrics.plot_file import new_figure, save_figure
from der_ros.training.study.cells import ARM_TITLES, STRUCTURE_TITLES, TASK_TITLES
from der_ros.training.study.design import STUDIES
from der_ros.training.study.resampling import Array
from der_ros.training.study.run_record import RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMN_IN, _HEIGHT_IN, _DPI = 3.6, 5.6, 110
_MOST_INSIDE = 3
"""Largest number of arms with a legend inside the panel; a longer one covers the curves."""


def draw_panels(study: str, task: str, records: Sequence[RunRecord], path: Path) -> bool:
    """Draw success and return of a task's runs.

    Args:
        study: A name in ``STUDIES``.
        task: Task of the drawn runs.
        records: Records of any runs; those of other studies and tasks are ignored.
        path: Path of the image, .png.

    Returns:
        False, without writing a file, if no run of the task is finished.

    Raises:
        ConfigurationError: The image cannot be written.
    """
    chosen = [record for record in records if (record.run.study, record.run.task) == (study, task)]
    structures = [name for name in STUDIES[study].structures if _of(chosen, name)]
    if not structures:
        return False
    figure = new_figure(1.4 + _COLUMN_IN * len(structures), _HEIGHT_IN)
    grid = figure.subplots(2, len(structures), sharex=True, sharey="row", squeeze=False)
    for column, structure in enumerate(structures):
        _draw_success(grid[0, column], study, _of(chosen, structure))
        grid[0, column].label_outer()
        _draw_return(grid[1, column], study, _of(chosen, structure))
        grid[0, column].set_title(STRUCTURE_TITLES[structure])
        grid[1, column].set_xlabel("environment steps (1000)")
    entries = grid[0, 0].get_legend_handles_labels()
    if len(entries[0]) > _MOST_INSIDE:
        figure.legend(*entries, loc="outside lower center", ncols=2, fontsize="small")
    grid[1, 0].set(ylabel="return of an episode")
    figure.suptitle(f"{TASK_TITLES[task]}, {_settings(study)}\nmean over seeds and its 95 % band")
    save_figure(figure, path, _DPI)
    return True


def draw_answer(records: Sequence[RunRecord], path: Path) -> bool:
    """Draw success with the paper's settings and no demonstrations, one column per task.

    Args:
        records: Records of any runs; those of other studies and structures are ignored.
        path: Path of the image, .png.

    Returns:
        False, without writing a file, if there is no such run.

    Raises:
        ConfigurationError: The image cannot be written.
    """
    chosen = [r for r in records if (r.run.study, r.run.structure) == ("paper", "no_demos")]
    tasks = [task for task in STUDIES["paper"].budgets if task in {r.run.task for r in chosen}]
    if not tasks:
        return False
    figure = new_figure(1.4 + _COLUMN_IN * len(tasks), _HEIGHT_IN / 2.0)
    for axes, task in zip(figure.subplots(1, len(tasks), squeeze=False)[0], tasks, strict=True):
        _draw_success(axes, "paper", [record for record in chosen if record.run.task == task])
        axes.set_title(f"{TASK_TITLES[task]}, {_settings('paper')}")
        axes.set_xlabel("environment steps (1000)")
    save_figure(figure, path, _DPI)
    return True


def _settings(study: str) -> str:
    """Return the preset of a study, with its algorithm if that is not the preset's."""
    algorithm = STUDIES[study].settings.get("algorithm")
    preset = f"preset {STUDIES[study].preset}"
    return f"{preset}, {str(algorithm).upper()}" if algorithm else preset


def _of(records: Sequence[RunRecord], structure: str) -> list[RunRecord]:
    return [record for record in records if record.run.structure == structure]


def _draw_success(axes: Axes, study: str, records: Sequence[RunRecord]) -> None:
    for label, group in _by_arm(study, records).items():
        rates = 100.0 * np.array([record.success_rate for record in group])
        _draw_band(axes, group[0].steps, rates, label, (0.0, 100.0))
    axes.set(ylabel="success (%)", ylim=(-3, 103))
    if len(axes.lines) <= _MOST_INSIDE:
        axes.legend(loc="upper left", fontsize="small")


def _draw_return(axes: Axes, study: str, records: Sequence[RunRecord]) -> None:
    for label, group in _by_arm(study, records).items():
        returns = np.array([record.mean_return for record in group])
        # With few runs the band can be wider than the range of all returns.
        _draw_band(axes, group[0].steps, returns, label, (returns.min(), returns.max()))


def _by_arm(study: str, records: Sequence[RunRecord]) -> dict[str, list[RunRecord]]:
    """Return the records of each arm that has some, by the label of its curve."""
    arms = {
        arm: [record for record in records if record.run.arm == arm] for arm in STUDIES[study].arms
    }
    return {
        f"{ARM_TITLES[arm]} ({len(group)} {'run' if len(group) == 1 else 'runs'})": group
        for arm, group in arms.items()
        if group
    }


def _draw_band(
    axes: Axes, steps: Array, values: Array, label: str, bounds: tuple[float, float]
) -> None:
    mean, half = mean_band(values)
    (line,) = axes.plot(steps / 1000.0, mean, label=label)
    low, high = (mean - half).clip(*bounds), (mean + half).clip(*bounds)
    axes.fill_between(steps / 1000.0, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    axes.grid(alpha=0.3)
    axes.set_xlim(0, None)
