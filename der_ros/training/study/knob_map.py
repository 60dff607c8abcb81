"""Success by insertion interval and zone size, the two settings that the paper leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from der_ros.training.metrics.plot_file import new_figure, save_figure
from der_ros.training.study.arms import DER_OFF, DER_ON, INTERVALS, PRESET_KNOBS, ZONES, Knobs
from der_ros.training.study.cells import NOTHING
from der_ros.training.study.measures import mean_success
from der_ros.training.study.resampling import Array
from der_ros.training.study.run_record import RunRecord

KNOBS_CELL = "lap_joint/no_demos"
_STUDY, _PRESET_STUDY = "knobs", "paper"


def knob_table(records: Sequence[RunRecord]) -> str:
    """Return a table of mean success and number of seeds: intervals down, zone sizes across."""
    if not _any(records):
        return NOTHING
    lines = [
        "| steps between insertions | " + " | ".join(f"zone {zone:,}" for zone in ZONES) + " |",
        "|---" * (1 + len(ZONES)) + "|",
    ]
    for interval in INTERVALS:
        texts = [_cell_text(_of(records, Knobs(interval, zone))) for zone in ZONES]
        lines.append(f"| {interval:,} | " + " | ".join(texts) + " |")
    off = _cell_text(_of_arm(records, _PRESET_STUDY, DER_OFF))
    return "\n".join([*lines, "", f"DER off, for comparison: {off}."])


def draw_knobs(records: Sequence[RunRecord], path: Path) -> bool:
    """Draw the mean success of each interval and zone size as a heat map.

    Args:
        records: Records of any runs; those of other studies are ignored.
        path: Path of the image, .png.

    Returns:
        False, without writing a file, if no run of the study is finished.

    Raises:
        ConfigurationError: The image cannot be written.
    """
    if not _any(records):
        return False
    figure = new_figure(5.6, 4.2)
    axes = figure.subplots()
    percent = 100.0 * _means(records)
    image = axes.imshow(np.ma.masked_invalid(percent), origin="lower", vmin=0.0, vmax=100.0)
    for (row, column), value in np.ndenumerate(percent):
        text = "" if np.isnan(value) else f"{value:.0f} %"
        axes.text(column, row, text, ha="center", va="center", color="w" if value < 60 else "k")
    axes.set_xticks(range(len(ZONES)), [f"{zone:,}" for zone in ZONES])
    axes.set_yticks(range(len(INTERVALS)), [f"{interval:,}" for interval in INTERVALS])
    axes.set(xlabel="zone (transitions)", ylabel="steps between insertions")
    axes.set_title("lap joint, preset paper: success, mean over the training")
    figure.colorbar(image, label="success (%)")
    save_figure(figure, path, dpi=110)
    return True


def _any(records: Sequence[RunRecord]) -> bool:
    return any(record.run.study == _STUDY for record in records)


def _means(records: Sequence[RunRecord]) -> Array:
    """Return the mean success, shape (intervals, zones); nan if no run is finished."""
    return np.array(
        [[_mean(_of(records, Knobs(interval, zone))) for zone in ZONES] for interval in INTERVALS]
    )


def _of(records: Sequence[RunRecord], knobs: Knobs) -> list[float]:
    """Return the mean success of each run with these settings; ``paper`` has the preset's."""
    if knobs == PRESET_KNOBS:
        return _of_arm(records, _PRESET_STUDY, DER_ON)
    return _of_arm(records, _STUDY, knobs.arm)


def _of_arm(records: Sequence[RunRecord], study: str, arm: str) -> list[float]:
    return [
        mean_success(record)
        for record in records
        if (record.run.study, record.run.cell, record.run.arm) == (study, KNOBS_CELL, arm)
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def _cell_text(values: Sequence[float]) -> str:
    return f"{100.0 * _mean(values):.1f} % ({len(values)})" if values else "-"
